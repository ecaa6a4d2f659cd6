/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to PostgreSQL: made on a thread that may block, used on fibers that may not. */
/* Threads: a connection belongs to one fiber or thread at a time. */
#pragma once

#include "userd/postgres_query.h"
#include "userd/store.h"
#include <libpq-fe.h>

struct postgres_pool;

/* What became of a statement. */
struct postgres_answer {
    weir_code code;           /* as postgres_run */
    PGresult *result;         /* NULL but where it is OK */
    struct store_cause cause; /* where it is a fault */
};

struct postgres_connection {
    PGconn *pg;
    int64_t timeout_ms;            /* statement_timeout as set; 0: none */
    bool broken;                   /* lost, or amid a query: of no use to anybody else */
    bool ids_hashed;               /* the users have a hash index of their ids */
    bool read_only;                /* a write was refused: as on a standby */
    int syncs;                     /* that are still to come */
    struct postgres_answer answer; /* as far as it has come */
    struct postgres_pool *pool;    /* which cancels and closes it; set for that */
    struct postgres_connection *next;
};

/* Connect and prepare every query; blocks, for some seconds at most unless the URL allows more.
 * NULL: cause says why. */
struct postgres_connection *postgres_connect(const char *url, struct store_cause *cause);

/* NULL does nothing. */
void postgres_close(struct postgres_connection *connection);

/* Nobody waits for a connection's statement any more: what the database's host has not yet
 * acknowledged of it shall not reach it later, when others have been told of later writes. Before
 * cancelling, which takes its time. Does not block. */
void postgres_abandon(struct postgres_connection *connection);

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

/* Numbers as a value: an array's text. */
#define POSTGRES_ARRAY_SIZE(count) ((size_t)(count)*21 + sizeof("{}"))
void postgres_write_array(char *out, const int64_t *numbers, size_t count);

/* Run a query in a transaction of its own, and let the database give up at the call's deadline. OK:
 * *out_result is freed with PQclear. ALREADY_EXISTS: a unique key is taken. OUT_OF_RANGE: the ids
 * are used up. ABORTED: others were in the way, and it may succeed if tried again. Else a fault of
 * the store, with cause, or why the call ended; the connection may be broken then. Suspends. */
weir_code postgres_run(struct postgres_connection *connection, weir_call *call,
    enum postgres_query query, const struct postgres_values *values, PGresult **out_result,
    struct store_cause *cause);

/* The two halves of postgres_run. False: the connection is broken. The values are not needed
 * afterwards. Does not suspend. */
bool postgres_send(struct postgres_connection *connection, enum postgres_query query,
    int64_t timeout, const struct postgres_values *values);

/* OK: *out_answer is whole. Else why the call ended: another one may go on, or the connection is of
 * no further use. Suspends. */
weir_code postgres_receive(
    struct postgres_connection *connection, weir_call *call, struct postgres_answer *out_answer);

/* Milliseconds that a call leaves a statement, rounded up, so that it seldom differs from that of
 * the call before; 0: without an end. */
int64_t postgres_timeout(weir_call *call);

/* A number in a result; 0 for SQL's NULL. */
int64_t postgres_number(const PGresult *result, int row, int column);

/* The cause of a connection's last failure. */
void postgres_cause(PGconn *pg, struct store_cause *cause);
