/* SPDX-License-Identifier: Apache-2.0 */
/* Invalidates cache entries in Redis when users change, and repeats invalidations that failed. */
/* Threads: safe from any. */
#pragma once

#include "userd/redis.h"
#include <pthread.h>
#include <stdatomic.h>

/* The key of a user's entry. */
struct cache_key {
    char text[32];
};

struct cache_key cache_key_of(int32_t id);

/* Users whose entries could not be deleted; further ones are left to expire. */
#define CACHE_DEBTS_MAX 4096

struct cache_changes {
    struct redis *redis; /* borrowed */
    pthread_mutex_t lock;
    int32_t debts[CACHE_DEBTS_MAX]; /* guarded by the lock */
    atomic_size_t debt_count;
};

void cache_changes_init(struct cache_changes *changes, struct redis *redis);
void cache_changes_fini(struct cache_changes *changes);

/* Before a write: until cache_lift, or until CACHE_EXPIRY_BARRED has passed, the user's entry is
 * neither read nor stored. False: Redis could not be reached. Suspends. */
bool cache_bar(struct cache_changes *changes, weir_call *call, int32_t id);

/* After the write. False: Redis could not be reached; the user is added to the debts. Suspends,
 * even after the call has ended. */
bool cache_lift(struct cache_changes *changes, int32_t id);

/* Delete the entries of users that were written without a bar, and those of all debts. False: Redis
 * could not be reached; the users are added to the debts. Suspends, even after the call has ended.
 */
bool cache_forget(struct cache_changes *changes, const int32_t *ids, size_t count);

/* Delete the entries of all debts, before an entry is read. As cache_forget without users. */
static inline bool
cache_settle(struct cache_changes *changes)
{
    return atomic_load_explicit(&changes->debt_count, memory_order_relaxed) == 0 ||
           cache_forget(changes, NULL, 0);
}
