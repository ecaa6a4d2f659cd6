/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of connections to PostgreSQL. libpq blocks in name resolution, file access and handshakes,
 * and cancels over a connection of its own; so worker threads do both.
 *
 *     call -> idle connection, if it is not lost
 *          -> below the limit: a worker connects -> weir_event -> call
 *          -> otherwise: queue; a connection that is given back goes to the first waiter */
#include "userd/postgres_pool.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Threads that make connections. */
#define WORKERS 2

#define BACKOFF_MIN (50 * WEIR_MILLISECOND)
#define BACKOFF_MAX WEIR_SECOND

/* Minimum time between retirements of connections that are read-only. */
#define RETIRE_PAUSE WEIR_SECOND

/* After a host did not respond, nothing is cancelled for this time. */
#define SILENT_PAUSE (5 * WEIR_SECOND)

/* A call that waits for a connection; shared with the worker that makes one, because the call may
 * end. */
struct postgres_waiter {
    struct postgres_pool *pool;
    struct postgres_connection *connection;
    weir_code code;
    struct store_cause cause;
    weir_event *done;
    bool answered, abandoned; /* guarded by the pool's lock */
    atomic_uint holders;
    struct postgres_waiter *next;
};

static struct postgres_waiter *
waiter_new(struct postgres_pool *pool)
{
    struct postgres_waiter *waiter = calloc(1, sizeof(*waiter));

    if (waiter == NULL)
        return NULL;
    waiter->done = weir_event_new();
    if (waiter->done == NULL) {
        free(waiter);
        return NULL;
    }
    waiter->pool = pool;
    atomic_init(&waiter->holders, 1);
    return waiter;
}

static void
waiter_unref(struct postgres_waiter *waiter)
{
    if (atomic_fetch_sub(&waiter->holders, 1) != 1)
        return;
    weir_event_unref(waiter->done);
    free(waiter);
}

bool
postgres_pool_init(struct postgres_pool *pool, const char *url)
{
    *pool = (struct postgres_pool){.url = url, .backoff = BACKOFF_MIN};
    if (weir_pool_new(WORKERS, &pool->workers) != WEIR_OK)
        return false;
    if (weir_pool_new(1, &pool->cancellers) != WEIR_OK) {
        weir_pool_free(pool->workers);
        return false;
    }
    pool->last = &pool->first;
    pthread_mutex_init(&pool->lock, NULL);
    return true;
}

void
postgres_pool_fini(struct postgres_pool *pool)
{
    struct postgres_connection *connection;

    weir_pool_free(pool->cancellers);
    weir_pool_free(pool->workers);
    while ((connection = pool->idle) != NULL) {
        pool->idle = connection->next;
        postgres_close(connection);
    }
    pthread_mutex_destroy(&pool->lock);
}

/* ---- the caller holds the lock ---- */

/* Give the first waiter a connection or a failure. False: there is no waiter. */
static bool
answer_first(struct postgres_pool *pool, struct postgres_connection *connection, weir_code code)
{
    struct postgres_waiter *waiter;

    while ((waiter = pool->first) != NULL) {
        bool abandoned = waiter->abandoned;

        pool->first = waiter->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
        if (!abandoned) {
            waiter->connection = connection;
            waiter->code = code;
            waiter->cause = pool->cause;
            waiter->answered = true;
            weir_event_set(waiter->done);
        }
        waiter_unref(waiter);
        if (!abandoned)
            return true;
    }
    return false;
}

static void
keep_idle(struct postgres_pool *pool, struct postgres_connection *connection)
{
    connection->next = pool->idle;
    pool->idle = connection;
}

/* Is there a connection that will be given back? */
static bool
is_connected(const struct postgres_pool *pool)
{
    return pool->open > pool->making;
}

/* Calls fail at once while the database is away. If there are other connections, the server's limit
 * was probably reached: waiters get one that is given back. */
static void
note_failure(struct postgres_pool *pool, const struct store_cause *cause)
{
    pool->failing = true;
    pool->cause = *cause;
    pool->closed_until = weir_now() + pool->backoff;
    pool->backoff = pool->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : pool->backoff * 2;
}

static void
take_over(struct postgres_pool *pool, struct postgres_connection *connection)
{
    pool->failing = false;
    pool->backoff = BACKOFF_MIN;
    pool->closed_until = 0;
    if (!answer_first(pool, connection, WEIR_OK))
        keep_idle(pool, connection);
}

/* ---- on a worker thread ---- */

/* False: another attempt has failed meanwhile, and its backoff is not over. */
static bool
is_due(struct postgres_pool *pool)
{
    bool due;

    pthread_mutex_lock(&pool->lock);
    due = pool->closed_until <= weir_now();
    pthread_mutex_unlock(&pool->lock);
    return due;
}

static void
connect_one(void *arg)
{
    struct postgres_pool *pool = arg;
    struct store_cause cause = {""};
    bool due = is_due(pool);
    struct postgres_connection *connection = due ? postgres_connect(pool->url, &cause) : NULL;

    pthread_mutex_lock(&pool->lock);
    pool->making--;
    if (connection != NULL) {
        take_over(pool, connection);
    } else {
        pool->open--;
        if (due)
            note_failure(pool, &cause);
        while (!is_connected(pool) && answer_first(pool, NULL, WEIR_UNAVAILABLE))
            continue;
    }
    pthread_mutex_unlock(&pool->lock);
}

/* On the only canceller thread. If the host did not respond recently, the statement is left to its
 * own timeout, because the end of userd waits for all jobs that are queued here. */
static void
cancel_and_close(void *arg)
{
    struct postgres_connection *connection = arg;
    struct postgres_pool *pool = connection->pool;

    if (pool->silent_until <= weir_now() && !postgres_cancel(connection, pool->url))
        pool->silent_until = weir_now() + SILENT_PAUSE;
    postgres_close(connection);
}

/* ---- borrowing ---- */

/* An idle connection; NULL: none. Closes those that were lost while idle. */
static struct postgres_connection *
take_idle(struct postgres_pool *pool)
{
    struct postgres_connection *connection;

    while ((connection = pool->idle) != NULL) {
        pool->idle = connection->next;
        if (!postgres_is_lost(connection))
            return connection;
        pool->open--;
        postgres_close(connection);
    }
    return NULL;
}

/* The caller holds the lock. Have a connection made. */
static weir_code
make_one(struct postgres_pool *pool)
{
    WEIR_TRY(weir_pool_submit(pool->workers, connect_one, pool));
    pool->open++;
    pool->making++;
    return WEIR_OK;
}

/* The caller holds the lock. Queue the waiter, and have a connection made if the limit allows. */
static weir_code
queue(struct postgres_pool *pool, struct postgres_waiter *waiter, struct store_cause *cause)
{
    bool away = pool->failing && !is_connected(pool);

    if (pool->open < (away ? 1 : POSTGRES_CONNECTIONS) && pool->closed_until <= weir_now())
        WEIR_TRY(make_one(pool));
    if (away) {
        *cause = pool->cause;
        return WEIR_UNAVAILABLE;
    }
    atomic_fetch_add(&waiter->holders, 1);
    *pool->last = waiter;
    pool->last = &waiter->next;
    return WEIR_OK;
}

/* If a connection arrives just when the call ends, it is given back. */
static void
abandon(struct postgres_pool *pool, struct postgres_waiter *waiter)
{
    bool answered;

    pthread_mutex_lock(&pool->lock);
    answered = waiter->answered;
    waiter->abandoned = true;
    pthread_mutex_unlock(&pool->lock);
    if (answered && waiter->connection != NULL)
        postgres_give_back(pool, waiter->connection);
}

static weir_code
await(struct postgres_pool *pool, weir_call *call, struct postgres_waiter *waiter,
    struct postgres_connection **out_connection, struct store_cause *cause)
{
    weir_code code = weir_event_wait(waiter->done, call);

    if (code != WEIR_OK) {
        abandon(pool, waiter);
        return code;
    }
    if (waiter->code != WEIR_OK) {
        *cause = waiter->cause;
        return waiter->code;
    }
    *out_connection = waiter->connection;
    return WEIR_OK;
}

static weir_code
wait_for_one(struct postgres_pool *pool, weir_call *call,
    struct postgres_connection **out_connection, struct store_cause *cause)
{
    struct postgres_waiter *waiter = waiter_new(pool);
    struct postgres_connection *idle;
    weir_code code = WEIR_OK;

    if (waiter == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    pthread_mutex_lock(&pool->lock);
    idle = take_idle(pool); /* given back since the first look */
    if (idle == NULL)
        code = queue(pool, waiter, cause);
    pthread_mutex_unlock(&pool->lock);
    if (idle != NULL)
        *out_connection = idle;
    else if (code == WEIR_OK)
        code = await(pool, call, waiter, out_connection, cause);
    waiter_unref(waiter);
    return code;
}

weir_code
postgres_borrow(struct postgres_pool *pool, weir_call *call,
    struct postgres_connection **out_connection, struct store_cause *cause)
{
    struct postgres_connection *connection;

    pthread_mutex_lock(&pool->lock);
    connection = take_idle(pool);
    pthread_mutex_unlock(&pool->lock);
    if (connection == NULL)
        return wait_for_one(pool, call, out_connection, cause);
    *out_connection = connection;
    return WEIR_OK;
}

/* If the canceller is not available, only closes the connection. */
static void
discard(struct postgres_pool *pool, struct postgres_connection *connection)
{
    postgres_abandon(connection);
    connection->pool = pool;
    if (weir_pool_submit(pool->cancellers, cancel_and_close, connection) != WEIR_OK)
        postgres_close(connection);
}

/* If calls are waiting, replace a connection that is gone, or they might wait forever. */
static void
replace(struct postgres_pool *pool)
{
    pool->open--;
    if (pool->first == NULL)
        return;
    if (make_one(pool) != WEIR_OK)
        answer_first(pool, NULL, WEIR_RESOURCE_EXHAUSTED);
}

/* The caller holds the lock. A connection refused a write, as on a primary that has become a
 * standby; so would the idle ones. New connections may reach the new primary. They are limited to
 * one attempt per RETIRE_PAUSE, in case they do not. */
static struct postgres_connection *
retire(struct postgres_pool *pool, struct postgres_connection *connection)
{
    struct postgres_connection *idle = pool->idle;

    connection->read_only = false;
    if (pool->retire_again_at > weir_now())
        return NULL;
    pool->retire_again_at = weir_now() + RETIRE_PAUSE;
    for (const struct postgres_connection *one = idle; one != NULL; one = one->next)
        pool->open--;
    pool->idle = NULL;
    connection->next = idle;
    return connection;
}

static void
close_all(struct postgres_connection *connection)
{
    while (connection != NULL) {
        struct postgres_connection *next = connection->next;

        postgres_close(connection);
        connection = next;
    }
}

void
postgres_give_back(struct postgres_pool *pool, struct postgres_connection *connection)
{
    struct postgres_connection *retired = NULL;
    bool lost = connection->broken; /* it has just been used, so it need not be probed; idle ones
                                       are when they are borrowed */

    pthread_mutex_lock(&pool->lock);
    if (!lost && connection->read_only)
        retired = retire(pool, connection);
    if (lost || retired != NULL)
        replace(pool);
    else if (!answer_first(pool, connection, WEIR_OK))
        keep_idle(pool, connection);
    pthread_mutex_unlock(&pool->lock);
    if (lost)
        discard(pool, connection);
    close_all(retired);
}
