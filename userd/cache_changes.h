/* SPDX-License-Identifier: Apache-2.0 */
/* Telling Redis which users change, and making up for what it could not be told. */
/* Threads: safe from any. */
#pragma once

#include "userd/redis.h"
#include <pthread.h>
#include <stdatomic.h>

/* Where the cache has a user. */
struct cache_key {
    char text[32];
};

struct cache_key cache_key_of(int32_t id);

/* Users whose entries could not be deleted; beyond so many the expiry has to do. */
#define CACHE_DEBTS_MAX 4096

struct cache_changes {
    struct redis *redis; /* borrowed */
    pthread_mutex_t lock;
    int32_t debts[CACHE_DEBTS_MAX]; /* under the lock */
    atomic_size_t debt_count;
};

void cache_changes_init(struct cache_changes *changes, struct redis *redis);
void cache_changes_fini(struct cache_changes *changes);

/* Before a write: nobody reads or keeps an entry of the user until it is lifted, or until
 * CACHE_EXPIRY_BARRED is over. False: Redis could not be told. Suspends. */
bool cache_bar(struct cache_changes *changes, weir_call *call, int32_t id);

/* After it. False: Redis could not be told; the user is a debt. Suspends, beyond any call's end. */
bool cache_lift(struct cache_changes *changes, int32_t id);

/* Delete the entries of users that were written without a bar, and of all debts. False: Redis could
 * not be told, and they are debts from here on. Suspends, beyond any call's end. */
bool cache_forget(struct cache_changes *changes, const int32_t *ids, size_t count);

/* Pay what is owed, before an entry is read. As cache_forget without any user. */
static inline bool
cache_settle(struct cache_changes *changes)
{
    return atomic_load_explicit(&changes->debt_count, memory_order_relaxed) == 0 ||
           cache_forget(changes, NULL, 0);
}
