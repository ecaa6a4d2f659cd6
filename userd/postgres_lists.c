/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in PostgreSQL. One that skips many begins near its first user, by counts (ranks.h) that the
 * statement holds against the number of removals in its own snapshot; where they are out of date
 * they are made anew, once, and else the database steps over all that is skipped. Replica and
 * primary have counts of their own, since they are not of one moment. */
#include "userd/postgres_store.h"
#include <stdio.h>
#include <stdlib.h>

/* What is listed, and by which of the two. */
struct listing {
    struct postgres_store *self;
    weir_call *call;
    bool on_replica;
    struct ranks *ranks;
    const struct user_range *range;
    struct store_cause *cause;
};

void
postgres_count_read(struct postgres_store *self, weir_code code)
{
    if (code == WEIR_OK)
        weir_counter_add(self->store.meters.replica_reads, 1);
    else
        weir_counter_add(self->store.meters.replica_faults, 1);
}

static weir_code
run(const struct listing *listing, enum postgres_query query, const struct postgres_values *values,
    PGresult **out_result)
{
    if (listing->on_replica)
        return postgres_reads_run(&listing->self->reads, listing->call, query, values, out_result);
    return postgres_store_run(
        listing->self, listing->call, query, values, out_result, listing->cause);
}

/* ---- counting ---- */

/* The removals that are known, as an array. NULL: no memory. */
static char *
known_removals(const struct ranks_update *update)
{
    size_t size = (size_t)update->first * 21 + sizeof("{}"), len = 1;
    char *text = malloc(size);

    if (text == NULL)
        return NULL;
    text[0] = '{';
    for (int32_t i = 0; i < update->first; i++)
        len += (size_t)snprintf(
            text + len, size - len, "%s%lld", i == 0 ? "" : ",", (long long)update->removed[i]);
    snprintf(text + len, size - len, "}");
    return text;
}

/* removals in all, last id; block, its removals and its users, or nulls. */
static void
take_counts(struct ranks_update *update, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++) {
        update->version = postgres_number(result, row, 0);
        update->last = (int32_t)postgres_number(result, row, 1);
        if (!PQgetisnull(result, row, 2))
            ranks_add(update, (int32_t)postgres_number(result, row, 2),
                postgres_number(result, row, 3), (int32_t)postgres_number(result, row, 4));
    }
}

static bool
run_count(const struct listing *listing, struct ranks_update *update)
{
    const struct postgres_number first = postgres_number_text(update->first),
                                 end = postgres_number_text(update->end);
    char *known = known_removals(update);
    const struct postgres_values values = {{known, first.text, end.text}, 3};
    PGresult *result;
    bool good = known != NULL && run(listing, POSTGRES_COUNT, &values, &result) == WEIR_OK;

    free(known);
    if (!good)
        return false;
    take_counts(update, result);
    PQclear(result);
    return true;
}

/* If it fails, the list itself will tell why. */
static void
count(const struct listing *listing)
{
    struct ranks_update update;

    if (ranks_begin_count(listing->ranks, listing->range->skip, &update))
        ranks_end_count(listing->ranks, &update, run_count(listing, &update));
}

/* ---- listing ---- */

static weir_code
run_from(const struct listing *listing, const struct ranks_start *start, PGresult **out_result)
{
    const struct user_range *range = listing->range;
    const struct postgres_number after = postgres_number_text(start->after),
                                 limit = postgres_number_text(range->limit),
                                 version = postgres_number_text(start->version),
                                 skip = postgres_number_text(range->skip),
                                 rest = postgres_number_text(start->skip);
    const struct postgres_values values = {
        {after.text, limit.text, version.text, skip.text, rest.text}, 5};

    return run(listing, POSTGRES_LIST, &values, out_result);
}

static bool
is_current(const PGresult *result, const struct ranks_start *start)
{
    return start->version < 0 || postgres_number(result, 0, 1) == start->version;
}

/* OK and a result of NULL: the counts are out of date. */
static weir_code
run_by_counts(const struct listing *listing, PGresult **out_result)
{
    struct ranks_start start = ranks_find(listing->ranks, listing->range->skip);

    if (ranks_may_help(listing->ranks, &start)) {
        count(listing);
        start = ranks_find(listing->ranks, listing->range->skip);
    }
    WEIR_TRY(run_from(listing, &start, out_result));
    if (is_current(*out_result, &start))
        return WEIR_OK;
    PQclear(*out_result);
    *out_result = NULL;
    count(listing);
    return WEIR_OK;
}

static weir_code
run_list(const struct listing *listing, PGresult **out_result)
{
    const struct ranks_start plain = {listing->range->after, listing->range->skip, -1};
    PGresult *result = NULL;

    if (listing->range->after == 0 && listing->range->skip > RANKS_SKIP) {
        for (int attempt = 0; attempt < 2 && result == NULL; attempt++)
            WEIR_TRY(run_by_counts(listing, &result));
    }
    if (result == NULL)
        WEIR_TRY(run_from(listing, &plain, &result));
    *out_result = result;
    return WEIR_OK;
}

struct user
postgres_user(const PGresult *result, int row, int column)
{
    const struct user user = {
        .id = (int32_t)postgres_number(result, row, column),
        .name = PQgetvalue(result, row, column + 1),
        .email = PQgetvalue(result, row, column + 2),
        .phone = PQgetvalue(result, row, column + 3),
        .created_at = postgres_number(result, row, column + 4),
    };

    return user;
}

weir_code
postgres_visit_row(const PGresult *result, int row, int column, store_visit *visit, void *arg)
{
    const struct user user = postgres_user(result, row, column);

    return visit(arg, &user);
}

/* The total is in every row, and in one whose other columns are null where the range is empty. */
static weir_code
visit_range(const PGresult *result, store_visit *visit, void *arg, int64_t *out_total)
{
    weir_code code = WEIR_OK;

    *out_total = 0;
    for (int row = 0; row < PQntuples(result) && code == WEIR_OK; row++) {
        *out_total = postgres_number(result, row, 0);
        if (!PQgetisnull(result, row, 2))
            code = postgres_visit_row(result, row, 2, visit, arg);
    }
    return code;
}

/* UNAVAILABLE: the primary has to answer. */
static weir_code
list_on_replica(struct listing listing, PGresult **out_result)
{
    weir_code code;

    if (!listing.self->reads.given)
        return WEIR_UNAVAILABLE;
    listing.on_replica = true;
    listing.ranks = &listing.self->reads.ranks;
    code = run_list(&listing, out_result);
    postgres_count_read(listing.self, code);
    return code;
}

weir_code
postgres_list(struct store *store, weir_call *call, const struct user_range *range,
    store_visit *visit, void *arg, int64_t *out_total, struct store_cause *cause)
{
    struct postgres_store *self = postgres_store_of(store);
    const struct listing listing = {
        .self = self, .call = call, .ranks = &self->ranks, .range = range, .cause = cause};
    PGresult *result;
    weir_code code = list_on_replica(listing, &result);

    if (code == WEIR_UNAVAILABLE)
        code = run_list(&listing, &result);
    WEIR_TRY(code);
    code = visit_range(result, visit, arg, out_total);
    PQclear(result);
    return code;
}
