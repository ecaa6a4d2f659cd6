/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of shared statements: their parameters, and the distribution of their results. */
#include "userd/postgres_gather.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- finding ---- */

static int
compare_ids(const void *a, const void *b)
{
    const struct postgres_member *const *left = a, *const *right = b;

    return ((*left)->id > (*right)->id) - ((*left)->id < (*right)->id);
}

/* Sends the ids sorted, which is usually the order of the rows. */
static bool
send_finding(struct postgres_batch *batch, int64_t timeout)
{
    char ids[POSTGRES_ARRAY_SIZE(POSTGRES_GATHERED)], most[24];
    const struct postgres_values values = {{ids, most}, 2};
    int64_t numbers[POSTGRES_GATHERED];

    qsort(batch->members, batch->count, sizeof(batch->members[0]), compare_ids);
    for (size_t i = 0; i < batch->count; i++)
        numbers[i] = batch->members[i]->id;
    postgres_write_array(ids, numbers, batch->count);
    snprintf(most, sizeof(most), "%zu", batch->count);
    return postgres_send(batch->connection,
        batch->connection->ids_hashed ? POSTGRES_FIND_BY_HASH : POSTGRES_FIND, timeout, &values);
}

/* Members that look for the same user share one row, or have one row each. */
static void
hand_out_found(struct postgres_batch *batch)
{
    int64_t before = INT64_MIN;
    size_t at = 0;

    for (int row = 0; row < PQntuples(batch->result); row++) {
        int64_t id = postgres_number(batch->result, row, 0);

        if (id < before)
            at = 0;
        before = id;
        for (; at < batch->count; at++) {
            struct postgres_member *member = batch->members[at];
            if (member != NULL && member->id > id)
                break;
            if (member != NULL && member->id == id)
                member->row = row;
        }
    }
}

const struct postgres_gather_kind postgres_finding = {send_finding, hand_out_found};

/* ---- listing ---- */

static int64_t
number_of(const struct postgres_list *list, int column)
{
    const int64_t numbers[] = {list->after, list->most, list->version, list->skip, list->rest};

    return numbers[column];
}

struct postgres_values
postgres_list_values(
    const struct postgres_list *const *lists, size_t count, struct postgres_list_arrays *arrays)
{
    struct postgres_values values = {.count = POSTGRES_LIST_ARRAYS};
    int64_t numbers[POSTGRES_GATHERED];

    for (int column = 0; column < POSTGRES_LIST_ARRAYS; column++) {
        for (size_t i = 0; i < count; i++)
            numbers[i] = number_of(lists[i], column);
        postgres_write_array(arrays->texts[column], numbers, count);
        values.texts[column] = arrays->texts[column];
    }
    return values;
}

static bool
send_listing(struct postgres_batch *batch, int64_t timeout)
{
    const struct postgres_list *lists[POSTGRES_GATHERED];
    struct postgres_list_arrays arrays;
    struct postgres_values values;

    for (size_t i = 0; i < batch->count; i++)
        lists[i] = batch->members[i]->list;
    values = postgres_list_values(lists, batch->count, &arrays);
    return postgres_send(batch->connection, POSTGRES_LIST, timeout, &values);
}

/* The first column is the number of the list to which the row belongs, from 1; rows are in that
 * order. */
static void
hand_out_listed(struct postgres_batch *batch)
{
    for (int row = 0; row < PQntuples(batch->result); row++) {
        int64_t place = postgres_number(batch->result, row, 0);
        struct postgres_member *member =
            place > 0 && place <= (int64_t)batch->count ? batch->members[place - 1] : NULL;

        if (member == NULL)
            continue;
        if (member->rows == 0)
            member->row = row;
        member->rows++;
    }
}

const struct postgres_gather_kind postgres_listing = {send_listing, hand_out_listed};

/* ---- creating ---- */

/* Sorted by key, so that two statements with the same emails do not deadlock. */
static int
compare_members(const void *a, const void *b)
{
    const struct postgres_member *const *left = a, *const *right = b;

    return strcasecmp((*left)->entry->user.email, (*right)->entry->user.email);
}

static bool
send_creating(struct postgres_batch *batch, int64_t timeout)
{
    char shard[12];
    struct postgres_values values = {.count = POSTGRES_ARRAYS + 1};

    qsort(batch->members, batch->count, sizeof(batch->members[0]), compare_members);
    for (size_t i = 0; i < batch->count; i++)
        batch->entries[i] = *batch->members[i]->entry;
    if (!postgres_entries_init(&batch->set, batch->entries, batch->count))
        return false;
    snprintf(shard, sizeof(shard), "%u", batch->gather->statements % POSTGRES_SHARDS);
    for (int i = 0; i < POSTGRES_ARRAYS; i++)
        values.texts[i] = batch->set.arrays[i];
    values.texts[POSTGRES_ARRAYS] = shard;
    return postgres_send(batch->connection, POSTGRES_CREATE, timeout, &values);
}

static void
hand_out_created(struct postgres_batch *batch)
{
    postgres_entries_take(&batch->set, batch->result);
    for (size_t i = 0; i < batch->count; i++) {
        struct postgres_member *member = batch->members[i];
        if (member == NULL)
            continue;
        member->entry->code = batch->entries[i].code;
        member->entry->user.id = batch->entries[i].user.id;
    }
}

const struct postgres_gather_kind postgres_creating = {send_creating, hand_out_created};
