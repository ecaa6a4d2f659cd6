/* SPDX-License-Identifier: Apache-2.0 */
/* The store in PostgreSQL. An operation borrows a connection for one statement, which is a
 * transaction, and its fiber waits for the socket. Conflicts are retried. If the connection is lost
 * during a write, the outcome is unknown: that is UNAVAILABLE and never retried. */
#include "userd/store_postgres.h"

#include "userd/fold.h"
#include "userd/postgres_entries.h"
#include "userd/postgres_migrate.h"
#include "userd/postgres_store.h"
#include "userd/validate.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Attempts at a statement that conflicts with others; the waits between them add up to 250 ms. */
#define ATTEMPTS 8

struct postgres_number
postgres_number_text(int64_t value)
{
    struct postgres_number number;

    snprintf(number.text, sizeof(number.text), "%lld", (long long)value);
    return number;
}

/* ---- statements ---- */

static weir_code
run_once(struct postgres_store *self, weir_call *call, enum postgres_query query,
    const struct postgres_values *values, PGresult **out_result, struct store_cause *cause)
{
    struct postgres_connection *connection;
    weir_code code;

    WEIR_TRY(postgres_borrow(&self->pool, call, &connection, cause));
    code = postgres_run(connection, call, query, values, out_result, cause);
    postgres_give_back(&self->pool, connection);
    return code;
}

weir_code
postgres_store_run(struct postgres_store *self, weir_call *call, enum postgres_query query,
    const struct postgres_values *values, PGresult **out_result, struct store_cause *cause)
{
    int64_t pause = WEIR_MILLISECOND;
    weir_code code = WEIR_ABORTED;

    for (int i = 0; i < ATTEMPTS && code == WEIR_ABORTED; i++) {
        if (i > 0 && call != NULL)
            WEIR_TRY(weir_call_sleep(call, pause *= 2));
        code = run_once(self, call, query, values, out_result, cause);
    }
    return code == WEIR_ABORTED ? WEIR_UNAVAILABLE : code;
}

typedef weir_code runner(struct postgres_store *self, weir_call *call, enum postgres_query query,
    const struct postgres_values *values, PGresult **out_result, struct store_cause *cause);

/* ---- reads ---- */

/* Visit the only row of a result. */
static weir_code
visit_only(PGresult *result, store_visit *visit, void *arg)
{
    weir_code code = WEIR_NOT_FOUND;

    if (PQntuples(result) > 0)
        code = postgres_visit_row(result, 0, 0, visit, arg);
    PQclear(result);
    return code;
}

static weir_code
visit_found(struct postgres_member *member, store_visit *visit, void *arg)
{
    weir_code code = WEIR_NOT_FOUND;

    if (member->row >= 0)
        code = postgres_visit_row(postgres_member_result(member), member->row, 0, visit, arg);
    postgres_member_end(member);
    return code;
}

static weir_code
find_alone(struct postgres_store *self, weir_call *call, int32_t id, store_visit *visit, void *arg,
    struct store_cause *cause)
{
    const int64_t number = id;
    char ids[POSTGRES_ARRAY_SIZE(1)];
    const struct postgres_values values = {{ids, "1"}, 2};
    PGresult *result;

    postgres_write_array(ids, &number, 1);
    WEIR_TRY(postgres_store_run(self, call, POSTGRES_FIND, &values, &result, cause));
    return visit_only(result, visit, arg);
}

static weir_code
find_on_primary(struct postgres_store *self, weir_call *call, int32_t id, store_visit *visit,
    void *arg, struct store_cause *cause)
{
    struct postgres_member member = {.id = id, .cause = cause};
    weir_code code = postgres_gather_run(&self->finds, call, &member);

    if (postgres_is_refusal(code))
        return find_alone(self, call, id, visit, arg, cause);
    WEIR_TRY(code);
    return visit_found(&member, visit, arg);
}

/* UNAVAILABLE: to be read from the primary, also if the replica does not know the user, which the
 * primary may know already. */
static weir_code
find_on_replica(
    struct postgres_store *self, weir_call *call, int32_t id, store_visit *visit, void *arg)
{
    struct store_cause cause;
    struct postgres_member member = {.id = id, .cause = &cause};
    weir_code code = postgres_reads_gather(&self->reads, &self->reads.finds, call, &member);

    postgres_count_read(self, code);
    WEIR_TRY(code);
    code = visit_found(&member, visit, arg);
    return code == WEIR_NOT_FOUND ? WEIR_UNAVAILABLE : code;
}

static weir_code
postgres_find(struct store *store, weir_call *call, int32_t id, store_visit *visit, void *arg,
    struct store_cause *cause)
{
    struct postgres_store *self = postgres_store_of(store);
    weir_code code = WEIR_UNAVAILABLE;

    if (self->reads.given && id > 0 && !postgres_reads_is_recent(&self->reads, id))
        code = find_on_replica(self, call, id, visit, arg);
    if (code != WEIR_UNAVAILABLE)
        return code;
    return find_on_primary(self, call, id, visit, arg, cause);
}

static weir_code
primary_find(struct store *store, weir_call *call, int32_t id, store_visit *visit, void *arg,
    struct store_cause *cause)
{
    struct postgres_store *self =
        (struct postgres_store *)((char *)store - offsetof(struct postgres_store, primary));

    return find_on_primary(self, call, id, visit, arg, cause);
}

/* ---- writes ---- */

struct postgres_number
postgres_next_shard(struct postgres_store *self)
{
    return postgres_number_text(atomic_fetch_add(&self->next_shard, 1) % POSTGRES_SHARDS);
}

/* An email that a concurrent statement takes counts as taken: the statement skips it. If the ids
 * are used up, the whole statement fails; its entries are then created one by one. */
static weir_code
create_set(struct postgres_store *self, weir_call *call, runner *run, struct postgres_entries *set,
    struct store_cause *cause)
{
    const struct postgres_number shard = postgres_next_shard(self);
    struct postgres_values values = {.count = POSTGRES_ARRAYS + 1};
    PGresult *result;

    for (int i = 0; i < POSTGRES_ARRAYS; i++)
        values.texts[i] = set->arrays[i];
    values.texts[POSTGRES_ARRAYS] = shard.text;
    WEIR_TRY(run(self, call, POSTGRES_CREATE, &values, &result, cause));
    postgres_entries_take(set, result);
    PQclear(result);
    for (size_t i = 0; i < set->count; i++) {
        if (set->entries[i].code == WEIR_OK)
            postgres_reads_note(&self->reads, set->entries[i].user.id);
    }
    return WEIR_OK;
}

static weir_code
create_in_order(struct postgres_store *self, weir_call *call, runner *run,
    struct user_entry *entries, size_t count, struct store_cause *cause)
{
    struct postgres_entries set;
    weir_code code;

    if (!postgres_entries_init(&set, entries, count))
        return WEIR_RESOURCE_EXHAUSTED;
    code = create_set(self, call, run, &set, cause);
    postgres_entries_fini(&set);
    return code;
}

static int
compare_entries(const void *a, const void *b)
{
    const struct user_entry *const *left = a, *const *right = b;
    int order = strcasecmp((*left)->user.email, (*right)->user.email);

    return order != 0 ? order : *left < *right ? -1 : 1;
}

/* Sorted by key, like in a gather; entries with the same key keep their order. */
static weir_code
create_sorted(struct postgres_store *self, weir_call *call, struct user_entry *entries,
    size_t count, struct store_cause *cause)
{
    struct user_entry **order = calloc(count, sizeof(struct user_entry *));
    struct user_entry *sorted = calloc(count, sizeof(*sorted));
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (order != NULL && sorted != NULL) {
        for (size_t i = 0; i < count; i++)
            order[i] = &entries[i];
        qsort(order, count, sizeof(struct user_entry *), compare_entries);
        for (size_t i = 0; i < count; i++)
            sorted[i] = *order[i];
        code = create_in_order(self, call, postgres_store_run, sorted, count, cause);
        for (size_t i = 0; code == WEIR_OK && i < count; i++)
            *order[i] = sorted[i];
    }
    free(order);
    free(sorted);
    return code;
}

/* Ids are in the order of the entries. But two statements with the same emails in different orders
 * may deadlock, and one is aborted; it is then repeated in an order that all statements use. */
static weir_code
create_entries(struct postgres_store *self, weir_call *call, struct user_entry *entries,
    size_t count, struct store_cause *cause)
{
    weir_code code = create_in_order(self, call, run_once, entries, count, cause);

    return code == WEIR_ABORTED ? create_sorted(self, call, entries, count, cause) : code;
}

/* In a shared statement, or alone if that was refused. */
static weir_code
create_one(struct postgres_store *self, weir_call *call, struct user_entry *entry,
    struct store_cause *cause)
{
    struct postgres_member member = {.entry = entry, .cause = cause};
    weir_code code = postgres_gather_run(&self->creates, call, &member);

    postgres_member_end(&member);
    if (postgres_is_refusal(code))
        return create_entries(self, call, entry, 1, cause);
    if (code == WEIR_OK && entry->code == WEIR_OK)
        postgres_reads_note(&self->reads, entry->user.id);
    return code;
}

static weir_code
postgres_create(struct store *store, weir_call *call, const struct user *user, int32_t *out_id,
    struct store_cause *cause)
{
    struct user_entry entry = {*user, WEIR_OK};

    WEIR_TRY(create_one(postgres_store_of(store), call, &entry, cause));
    if (entry.code == WEIR_OK)
        *out_id = entry.user.id;
    return entry.code;
}

static weir_code
postgres_create_many(struct store *store, weir_call *call, struct user_entry *entries, size_t count,
    struct store_cause *cause)
{
    struct postgres_store *self = postgres_store_of(store);
    weir_code code = WEIR_OK;

    if (count > 0)
        code = create_entries(self, call, entries, count, cause);
    if (code != WEIR_OUT_OF_RANGE)
        return code;
    for (size_t i = 0; i < count; i++) {
        code = create_entries(self, call, &entries[i], 1, cause);
        if (code != WEIR_OK && code != WEIR_OUT_OF_RANGE)
            return code;
        if (code == WEIR_OUT_OF_RANGE)
            entries[i].code = code;
    }
    return WEIR_OK;
}

static weir_code
postgres_update(struct store *store, weir_call *call, const struct user_change *change,
    store_visit *visit, void *arg, struct store_cause *cause)
{
    const struct postgres_number id = postgres_number_text(change->id);
    char key[FOLD_SIZE(USER_EMAIL_MAX)];
    const struct postgres_values values = {
        {id.text, change->name, change->email, change->email == NULL ? NULL : key, change->phone},
        5};
    struct postgres_store *self = postgres_store_of(store);
    PGresult *result;
    weir_code code;

    if (change->email != NULL)
        fold_case(change->email, strlen(change->email), key);
    code = postgres_store_run(self, call, POSTGRES_UPDATE, &values, &result, cause);
    postgres_reads_note(&self->reads, change->id); /* also if the outcome is unknown */
    WEIR_TRY(code);
    return visit_only(result, visit, arg);
}

static weir_code
postgres_remove(struct store *store, weir_call *call, int32_t id, struct store_cause *cause)
{
    struct postgres_store *self = postgres_store_of(store);
    const struct postgres_number number = postgres_number_text(id),
                                 shard = postgres_next_shard(self);
    const struct postgres_values values = {{number.text, shard.text}, 2};
    PGresult *result;
    weir_code code;

    code = postgres_store_run(self, call, POSTGRES_REMOVE, &values, &result, cause);
    postgres_reads_note(&self->reads, id); /* also if the outcome is unknown */
    WEIR_TRY(code);
    code = PQntuples(result) > 0 ? WEIR_OK : WEIR_NOT_FOUND;
    PQclear(result);
    return code;
}

/* ---- opening and closing ---- */

static void
postgres_store_close(struct store *store)
{
    struct postgres_store *self = postgres_store_of(store);

    postgres_reads_fini(&self->reads);
    postgres_gathers_fini(&self->creates);
    postgres_gathers_fini(&self->lists);
    postgres_gathers_fini(&self->finds);
    ranks_fini(&self->ranks);
    postgres_pool_fini(&self->pool);
    free(self);
}

static const struct store_ops postgres_ops = {
    .find = postgres_find,
    .list = postgres_list,
    .create = postgres_create,
    .create_many = postgres_create_many,
    .update = postgres_update,
    .remove = postgres_remove,
    .close = postgres_store_close,
};

/* Only the operations that need fresh data. */
static const struct store_ops primary_ops = {.find = primary_find};

/* NULL: no memory. */
static struct postgres_store *
make(const char *url, const char *read_url)
{
    size_t size = strlen(url) + 1, read_size = read_url == NULL ? 0 : strlen(read_url) + 1;
    struct postgres_store *self = calloc(1, sizeof(*self) + size + read_size);

    if (self == NULL)
        return NULL;
    self->store.ops = &postgres_ops;
    self->store.accounts = &postgres_account_ops;
    self->primary.ops = &primary_ops;
    memcpy(self->url, url, size);
    if (read_url != NULL)
        self->read_url = memcpy(self->url + size, read_url, read_size);
    return self;
}

struct store *
store_postgres_open(const char *url, const char *read_url, struct store_cause *cause)
{
    struct postgres_store *self;

    if (!postgres_migrate(url, cause))
        return NULL;
    snprintf(cause->text, sizeof(cause->text), "out of memory or of threads");
    self = make(url, read_url);
    if (self == NULL)
        return NULL;
    if (!postgres_pool_init(&self->pool, self->url)) {
        free(self);
        return NULL;
    }
    postgres_gathers_init(&self->finds, &postgres_finding, &self->pool);
    postgres_gathers_init(&self->lists, &postgres_listing, &self->pool);
    postgres_gathers_init(&self->creates, &postgres_creating, &self->pool);
    ranks_init(&self->ranks, POSTGRES_BLOCK, POSTGRES_SETTLE);
    if (postgres_reads_init(&self->reads, self->read_url))
        return &self->store;
    postgres_pool_fini(&self->pool);
    free(self);
    return NULL;
}

struct store *
store_postgres_primary(struct store *store)
{
    return &postgres_store_of(store)->primary;
}
