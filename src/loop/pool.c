/* SPDX-License-Identifier: Apache-2.0 */
/* The worker pool: threads that take jobs from one FIFO queue.
 *
 * The queue is a ring that doubles when full, so a pool in its steady state does not allocate. */

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <weir/stats.h>

#define RING_SIZE_FIRST 64

struct job {
    void (*work)(void *arg);
    void *arg;
};

struct weir_pool {
    pthread_mutex_t lock; /* guards the ring and `ending` */
    pthread_cond_t filled;
    struct job *ring;
    size_t head, count, size; /* size: 0 or a power of two */
    size_t busy;
    uint64_t done;
    bool ending;
    unsigned thread_count;
    pthread_t threads[];
};

/* Under the lock: the next job. False: the pool is ending and the queue is empty. */
static bool
next_job(weir_pool *pool, struct job *out_job)
{
    while (pool->count == 0 && !pool->ending)
        pthread_cond_wait(&pool->filled, &pool->lock);
    if (pool->count == 0)
        return false;
    *out_job = pool->ring[pool->head];
    pool->head = (pool->head + 1) & (pool->size - 1);
    pool->count--;
    return true;
}

static void *
work(void *arg)
{
    weir_pool *pool = arg;
    struct job job;

    pthread_mutex_lock(&pool->lock);
    while (next_job(pool, &job)) {
        pool->busy++;
        pthread_mutex_unlock(&pool->lock);
        job.work(job.arg);
        pthread_mutex_lock(&pool->lock);
        pool->busy--;
        pool->done++;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under the lock. */
static bool
grow(weir_pool *pool)
{
    size_t size = pool->size == 0 ? RING_SIZE_FIRST : pool->size * 2;
    struct job *ring = size <= SIZE_MAX / sizeof(*ring) ? malloc(size * sizeof(*ring)) : NULL;

    if (ring == NULL)
        return false;
    for (size_t i = 0; i < pool->count; i++)
        ring[i] = pool->ring[(pool->head + i) & (pool->size - 1)];
    free(pool->ring);
    pool->ring = ring;
    pool->head = 0;
    pool->size = size;
    return true;
}

weir_code
weir_pool_submit(weir_pool *pool, void (*work_fn)(void *arg), void *arg)
{
    bool queued;

    pthread_mutex_lock(&pool->lock);
    queued = pool->count < pool->size || grow(pool);
    if (queued) {
        size_t tail = (pool->head + pool->count++) & (pool->size - 1);

        pool->ring[tail] = (struct job){work_fn, arg};
        pthread_cond_signal(&pool->filled);
    }
    pthread_mutex_unlock(&pool->lock);
    return queued ? WEIR_OK : WEIR_RESOURCE_EXHAUSTED;
}

void
weir_pool_stats(weir_pool *pool, struct weir_pool_stats *out_stats)
{
    pthread_mutex_lock(&pool->lock);
    *out_stats = (struct weir_pool_stats){.threads = pool->thread_count,
        .busy = pool->busy,
        .queued = pool->count,
        .done = pool->done};
    pthread_mutex_unlock(&pool->lock);
}

/* All signals are blocked: the application's handlers never run on these threads. */
static void
start_threads(weir_pool *pool, unsigned wanted)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->thread_count < wanted &&
           pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0)
        pool->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

weir_code
weir_pool_new(unsigned threads, weir_pool **out_pool)
{
    weir_pool *pool;

    if (threads == 0)
        threads = 1;
    pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
    if (pool == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    start_threads(pool, threads);
    if (pool->thread_count < threads) {
        weir_pool_free(pool);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *out_pool = pool;
    return WEIR_OK;
}

void
weir_pool_free(weir_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    free(pool->ring);
    free(pool);
}
