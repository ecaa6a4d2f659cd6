/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in PostgreSQL. A list that skips many users starts near its first user, by counts (ranks.h)
 * that the statement checks against the number of removals in its own snapshot. Outdated counts are
 * refreshed once; if that does not help, the database steps over all skipped users. Replica and
 * primary have separate counts, because their snapshots differ. */
#include "userd/postgres_store.h"
#include <stdio.h>
#include <stdlib.h>

/* Maximum number of rows that a list in a shared statement skips or returns; larger ones would
 * delay the other members. */
#define GATHERED_STEPS (2 * POSTGRES_BLOCK)

/* A list and the server that runs it. */
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

/* Columns: total removals, last id; block, its removals and its users, or nulls. */
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
    char *known = malloc(POSTGRES_ARRAY_SIZE(update->first));
    const struct postgres_values values = {{known, first.text, end.text}, 3};
    PGresult *result = NULL;
    bool good = known != NULL;

    if (good) {
        postgres_write_array(known, update->removed, (size_t)update->first);
        good = run(listing, POSTGRES_COUNT, &values, &result) == WEIR_OK;
    }
    free(known);
    if (!good)
        return false;
    take_counts(update, result);
    PQclear(result);
    return true;
}

/* Errors are ignored, because the list itself will report them. */
static void
count(const struct listing *listing)
{
    struct ranks_update update;

    if (ranks_begin_count(listing->ranks, listing->range->skip, &update))
        ranks_end_count(listing->ranks, &update, run_count(listing, &update));
}

/* ---- listing ---- */

/* The result of a list: rows of a result of its own or of a shared one. */
struct rows {
    PGresult *own; /* NULL: the member has the result */
    struct postgres_member member;
    const PGresult *result;
    int first, count;
};

static void
rows_end(struct rows *rows)
{
    PQclear(rows->own);
    postgres_member_end(&rows->member);
}

static weir_code
gather(const struct listing *listing, const struct postgres_list *list, struct rows *out_rows)
{
    struct postgres_store *self = listing->self;
    struct postgres_member *member = &out_rows->member;

    member->list = list;
    member->cause = listing->cause;
    if (listing->on_replica)
        WEIR_TRY(postgres_reads_gather(&self->reads, &self->reads.lists, listing->call, member));
    else
        WEIR_TRY(postgres_gather_run(&self->lists, listing->call, member));
    out_rows->result = postgres_member_result(member);
    out_rows->first = member->row;
    out_rows->count = member->rows;
    return WEIR_OK;
}

static weir_code
run_alone(const struct listing *listing, const struct postgres_list *list, struct rows *out_rows)
{
    struct postgres_list_arrays arrays;
    const struct postgres_values values = postgres_list_values(&list, 1, &arrays);

    WEIR_TRY(run(listing, POSTGRES_LIST, &values, &out_rows->own));
    out_rows->result = out_rows->own;
    out_rows->count = PQntuples(out_rows->own);
    return WEIR_OK;
}

static weir_code
run_from(const struct listing *listing, const struct ranks_start *start, struct rows *out_rows)
{
    const struct user_range *range = listing->range;
    const struct postgres_list list = {
        start->after, range->limit, start->version, range->skip, start->skip};
    weir_code code = WEIR_ABORTED; /* not run yet */

    *out_rows = (struct rows){0};
    if (start->skip + range->limit <= GATHERED_STEPS)
        code = gather(listing, &list, out_rows);
    return postgres_is_refusal(code) ? run_alone(listing, &list, out_rows) : code;
}

static bool
is_current(const struct rows *rows, const struct ranks_start *start)
{
    return start->version < 0 ||
           (rows->count > 0 && postgres_number(rows->result, rows->first, 2) == start->version);
}

/* Without rows, the counts were outdated. */
static weir_code
run_by_counts(const struct listing *listing, struct rows *out_rows)
{
    struct ranks_start start = ranks_find(listing->ranks, listing->range->skip);

    if (ranks_may_help(listing->ranks, &start)) {
        count(listing);
        start = ranks_find(listing->ranks, listing->range->skip);
    }
    WEIR_TRY(run_from(listing, &start, out_rows));
    if (is_current(out_rows, &start))
        return WEIR_OK;
    rows_end(out_rows);
    *out_rows = (struct rows){0};
    count(listing);
    return WEIR_OK;
}

static weir_code
run_list(const struct listing *listing, struct rows *out_rows)
{
    const struct ranks_start plain = {listing->range->after, listing->range->skip, -1};

    out_rows->result = NULL;
    if (listing->range->after == 0 && listing->range->skip > RANKS_SKIP) {
        for (int attempt = 0; attempt < 2 && out_rows->result == NULL; attempt++)
            WEIR_TRY(run_by_counts(listing, out_rows));
    }
    return out_rows->result == NULL ? run_from(listing, &plain, out_rows) : WEIR_OK;
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

/* Every row contains the total; if the range is empty, there is one row whose other columns are
 * null. */
static weir_code
visit_range(const struct rows *rows, store_visit *visit, void *arg, int64_t *out_total)
{
    weir_code code = WEIR_OK;

    *out_total = 0;
    for (int row = rows->first; row < rows->first + rows->count && code == WEIR_OK; row++) {
        *out_total = postgres_number(rows->result, row, 1);
        if (!PQgetisnull(rows->result, row, 3))
            code = postgres_visit_row(rows->result, row, 3, visit, arg);
    }
    return code;
}

/* UNAVAILABLE: to be read from the primary. */
static weir_code
list_on_replica(struct listing listing, struct rows *out_rows)
{
    weir_code code;

    if (!listing.self->reads.given)
        return WEIR_UNAVAILABLE;
    listing.on_replica = true;
    listing.ranks = &listing.self->reads.ranks;
    code = run_list(&listing, out_rows);
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
    struct rows rows;
    weir_code code = list_on_replica(listing, &rows);

    if (code == WEIR_UNAVAILABLE)
        code = run_list(&listing, &rows);
    WEIR_TRY(code);
    code = visit_range(&rows, visit, arg, out_total);
    rows_end(&rows);
    return code;
}
