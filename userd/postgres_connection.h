/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to PostgreSQL: made on a thread that may block, used on fibers that may not. */
/* Threads: a connection belongs to one fiber or thread at a time. */
#pragma once

#include "userd/store.h"
#include <libpq-fe.h>

enum postgres_query {
    POSTGRES_FIND,
    POSTGRES_LIST,
    POSTGRES_CREATE,
    POSTGRES_UPDATE,
    POSTGRES_REMOVE,
    POSTGRES_ACCOUNT,
    POSTGRES_ACCOUNT_BY_EMAIL,
    POSTGRES_REGISTER,
    POSTGRES_PASSWORD,
    POSTGRES_REVOKED,
    POSTGRES_QUERIES
};

/* Counters of the table totals; a transaction adds to one of them, so that others need not wait. */
#define POSTGRES_SHARDS 64

struct postgres_pool;

struct postgres_connection {
    PGconn *pg;
    int64_t timeout_ms;         /* statement_timeout as set; 0: none */
    bool broken;                /* lost, or amid a query that nobody awaits: of no further use */
    struct postgres_pool *pool; /* which cancels and closes it; set for that */
    struct postgres_connection *next;
};

/* Connect and prepare every query; may block for some seconds. NULL: cause says why. */
struct postgres_connection *postgres_connect(const char *url, struct store_cause *cause);

/* NULL does nothing. */
void postgres_close(struct postgres_connection *connection);

/* Stop what the database still does for a connection; it fails where that is over or the database
 * is away. Blocks for some seconds at most. False: its host does not answer. */
bool postgres_cancel(struct postgres_connection *connection, const char *url);

/* Has an idle connection been lost meanwhile? Does not block. */
bool postgres_is_lost(struct postgres_connection *connection);

/* The values of a query's parameters, texts; NULL is SQL's NULL. */
#define POSTGRES_VALUES 8
struct postgres_values {
    const char *texts[POSTGRES_VALUES];
    int count;
};

/* Run a query in a transaction of its own, and let the database give up at the call's deadline. OK:
 * *out_result is freed with PQclear. ALREADY_EXISTS: a unique key is taken. OUT_OF_RANGE: the ids
 * are used up. ABORTED: others were in the way, and it may succeed if tried again. Else a fault of
 * the store, with cause, or why the call ended; the connection may be broken then. Suspends. */
weir_code postgres_run(struct postgres_connection *connection, weir_call *call,
    enum postgres_query query, const struct postgres_values *values, PGresult **out_result,
    struct store_cause *cause);

/* A number in a result; 0 for SQL's NULL. */
int64_t postgres_number(const PGresult *result, int row, int column);

/* The cause of a connection's last failure. */
void postgres_cause(PGconn *pg, struct store_cause *cause);
