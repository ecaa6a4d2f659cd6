/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of connections to PostgreSQL. */
/* Threads: shared by all threads; a borrowed connection belongs to its borrower. */
#pragma once

#include "userd/postgres_connection.h"
#include <pthread.h>
#include <weir/pool.h>

/* Maximum number of connections per userd. PostgreSQL allows 100 by default, which several userd
 * may share. */
#define POSTGRES_CONNECTIONS 16

struct postgres_pool {
    const char *url;       /* borrowed */
    weir_pool *workers;    /* make connections, which blocks */
    weir_pool *cancellers; /* cancel and close, which blocks while a host does not respond */
    pthread_mutex_t lock;
    struct postgres_connection *idle; /* most recently used first */
    unsigned open;                    /* in use, idle or being made */
    unsigned making;                  /* of these, those being made */
    bool failing;                     /* the last attempt to connect failed */
    struct postgres_waiter *first, **last;
    int64_t
        closed_until; /* after a failure to connect, until then (weir_now) there is no attempt */
    int64_t backoff;  /* pause after the next failure */
    int64_t retire_again_at;  /* no connection is retired until then */
    int64_t silent_until;     /* belongs to the canceller: nothing is cancelled until then */
    struct store_cause cause; /* of the last failure */
};

/* False: no threads or no memory. */
bool postgres_pool_init(struct postgres_pool *pool, const char *url);

/* Every connection must have been given back. */
void postgres_pool_fini(struct postgres_pool *pool);

/* Borrow a connection; waits if all are in use. UNAVAILABLE: the database is away, cause says why.
 * If it is known to be away, calls fail at once, and trigger an attempt to connect after a backoff
 * of up to a second. RESOURCE_EXHAUSTED: no memory. Or why the call ended. Suspends. */
weir_code postgres_borrow(struct postgres_pool *pool, weir_call *call,
    struct postgres_connection **out_connection, struct store_cause *cause);

/* A broken connection is closed, and its statement cancelled. */
void postgres_give_back(struct postgres_pool *pool, struct postgres_connection *connection);
