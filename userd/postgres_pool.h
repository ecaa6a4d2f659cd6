/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to PostgreSQL that calls take turns with. */
/* Threads: shared by all; a borrowed connection belongs to its borrower. */
#pragma once

#include "userd/postgres_connection.h"
#include <pthread.h>
#include <weir/pool.h>

/* Connections of one userd. PostgreSQL allows 100 by default; several userd may share one. */
#define POSTGRES_CONNECTIONS 16

struct postgres_pool {
    const char *url;       /* borrowed */
    weir_pool *workers;    /* make connections, which blocks */
    weir_pool *cancellers; /* cancel and close, which blocks while a host is silent */
    pthread_mutex_t lock;
    struct postgres_connection *idle; /* last used first */
    unsigned open;                    /* in use, idle and being made */
    unsigned making;                  /* of these: being made */
    bool failing;                     /* the last attempt to connect has failed */
    struct postgres_waiter *first, **last;
    int64_t
        closed_until; /* after a failure to connect, until then (weir_now) there is no attempt */
    int64_t backoff;  /* of the next failure */
    int64_t retire_again_at;  /* no connection is retired until then */
    int64_t silent_until;     /* of the canceller: nothing is cancelled until then */
    struct store_cause cause; /* of the last one */
};

/* False: there are no threads or no memory. */
bool postgres_pool_init(struct postgres_pool *pool, const char *url);

/* Everything was given back. */
void postgres_pool_fini(struct postgres_pool *pool);

/* A connection; waits for one when all are in use. UNAVAILABLE: the database is away, cause says
 * why. Nobody waits for one that is known to be away: who asks for a connection has it tried again,
 * after a pause that grows up to a second, and is refused all the same. RESOURCE_EXHAUSTED: no
 * memory. Or why the call ended. Suspends. */
weir_code postgres_borrow(struct postgres_pool *pool, weir_call *call,
    struct postgres_connection **out_connection, struct store_cause *cause);

/* A broken one is closed, and what the database still does for it is cancelled. */
void postgres_give_back(struct postgres_pool *pool, struct postgres_connection *connection);
