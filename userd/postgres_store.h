/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of the PostgreSQL store. */
/* Threads: as store.h. */
#pragma once

#include "userd/account_store.h"
#include "userd/postgres_gather.h"
#include "userd/postgres_reads.h"

struct postgres_store {
    struct store store;
    struct store primary; /* the same store without the replica */
    struct postgres_pool pool;
    struct postgres_gathers finds, lists, creates;
    struct ranks ranks;
    struct postgres_reads reads;
    atomic_uint next_shard;
    char *read_url; /* NULL: none; stored after the other URL */
    char url[];
};

static inline struct postgres_store *
postgres_store_of(struct store *store)
{
    return (struct postgres_store *)store;
}

/* A number in the form that a statement takes. */
struct postgres_number {
    char text[24];
};

struct postgres_number postgres_number_text(int64_t value);

/* The row of totals that the next transaction updates. */
struct postgres_number postgres_next_shard(struct postgres_store *self);

/* Run a statement, with retries after conflicts. OK: the caller clears the result. Errors as of
 * postgres_run, except for ABORTED. Suspends. */
weir_code postgres_store_run(struct postgres_store *self, weir_call *call,
    enum postgres_query query, const struct postgres_values *values, PGresult **out_result,
    struct store_cause *cause);

/* The user in a row, starting at a column: id, name, email, phone, created_at. Borrows the result.
 */
struct user postgres_user(const PGresult *result, int row, int column);

weir_code postgres_visit_row(
    const PGresult *result, int row, int column, store_visit *visit, void *arg);

/* Count whether the replica has answered a read. */
void postgres_count_read(struct postgres_store *self, weir_code code);

/* postgres_lists.c: store_ops.list */
weir_code postgres_list(struct store *store, weir_call *call, const struct user_range *range,
    store_visit *visit, void *arg, int64_t *out_total, struct store_cause *cause);

/* postgres_accounts.c */
extern const struct account_ops postgres_account_ops;
