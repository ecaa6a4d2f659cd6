/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to PostgreSQL: made on a thread that may block, used on fibers that may not. */
/* Threads: a connection belongs to one fiber or thread at a time. */
#pragma once

#include "userd/postgres_query.h"
#include "userd/store.h"
#include <libpq-fe.h>

struct postgres_pool;

/* The result of a statement. */
struct postgres_answer {
    weir_code code;           /* as from postgres_run */
    PGresult *result;         /* NULL unless code is OK */
    struct store_cause cause; /* if the code is a fault */
};

struct postgres_connection {
    PGconn *pg;
    int64_t timeout_ms;            /* the current statement_timeout; 0: none */
    bool broken;                   /* lost, or in the middle of a query: must not be used any
                                      more */
    bool ids_hashed;               /* there is a hash index of the users' ids */
    bool read_only;                /* a write was refused, as on a standby */
    int syncs;                     /* number of Syncs whose results have not arrived */
    struct postgres_answer answer; /* the part that has arrived */
    struct postgres_pool *pool;    /* cancels and closes the connection; only set for that */
    struct postgres_connection *next;
};

/* Connect and prepare every query. Blocks, at most for some seconds unless the URL sets another
 * limit. NULL: cause says why. */
struct postgres_connection *postgres_connect(const char *url, struct store_cause *cause);

/* NULL does nothing. */
void postgres_close(struct postgres_connection *connection);

/* Call when nobody waits for the connection's statement any more, before cancelling, which takes
 * time: the part of it that the database's host has not acknowledged must not arrive later, after
 * other writes were answered. Does not block. */
void postgres_abandon(struct postgres_connection *connection);

/* Cancel the statement in progress; has no effect if it has ended or the database is away. Blocks
 * for some seconds at most. False: the host does not respond. */
bool postgres_cancel(struct postgres_connection *connection, const char *url);

/* Was an idle connection lost? Does not block. */
bool postgres_is_lost(struct postgres_connection *connection);

/* The parameters of a query, as texts; NULL is SQL NULL. */
#define POSTGRES_VALUES 8
struct postgres_values {
    const char *texts[POSTGRES_VALUES];
    int count;
};

/* Size of the text of an array of numbers. */
#define POSTGRES_ARRAY_SIZE(count) ((size_t)(count)*21 + sizeof("{}"))
void postgres_write_array(char *out, const int64_t *numbers, size_t count);

/* Run a query in a transaction of its own, with a statement timeout at the call's deadline. OK:
 * free *out_result with PQclear. ALREADY_EXISTS: a unique key is taken. OUT_OF_RANGE: the ids are
 * used up. ABORTED: a conflict with other transactions; it may be retried. Otherwise a fault as in
 * store.h, with cause, or why the call ended; the connection may be broken then. Suspends. */
weir_code postgres_run(struct postgres_connection *connection, weir_call *call,
    enum postgres_query query, const struct postgres_values *values, PGresult **out_result,
    struct store_cause *cause);

/* The two halves of postgres_run. False: the connection is broken. The values are not used after
 * the return. Does not suspend. */
bool postgres_send(struct postgres_connection *connection, enum postgres_query query,
    int64_t timeout, const struct postgres_values *values);

/* OK: *out_answer is complete. Otherwise why the call ended: another call may continue to wait, or
 * the connection cannot be used any more. Suspends. */
weir_code postgres_receive(
    struct postgres_connection *connection, weir_call *call, struct postgres_answer *out_answer);

/* The statement timeout for a call in milliseconds, rounded up, so that it seldom differs from that
 * of the previous call; 0: none. */
int64_t postgres_timeout(weir_call *call);

/* A number in a result; 0 for SQL NULL. */
int64_t postgres_number(const PGresult *result, int row, int column);

/* The cause of a connection's last failure. */
void postgres_cause(PGconn *pg, struct store_cause *cause);
