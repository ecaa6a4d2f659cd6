/* SPDX-License-Identifier: Apache-2.0 */
/* A store with a cache in Redis, which is asked first when a user is looked up; see doc/REDIS.md
 * for consistency. */
/* Threads: as store.h. */
#pragma once

#include "userd/redis.h"
#include "userd/store.h"
#include <weir/health.h>
#include <weir/metrics.h>

/* The name of the health checker of Redis. */
#define CACHE_CHECKER "cache"

/* All are borrowed; closing the cache closes none of them. */
struct store_cached_options {
    struct store *store; /* executes all operations */
    /* For loads of users into the cache: must see every acknowledged write. May be the same store.
     */
    struct store *fresh;
    struct redis *redis;
    weir_metrics *metrics;
    weir_health *health; /* whose CACHE_CHECKER is triggered when Redis fails; NULL: none */
};

/* NULL: no memory. */
struct store *store_cached_new(const struct store_cached_options *options);
