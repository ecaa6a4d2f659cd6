/* SPDX-License-Identifier: Apache-2.0 */
/* A store behind a cache in Redis: finding a user asks there first; see doc/REDIS.md for what a
 * reader may see. */
/* Threads: as store.h. */
#pragma once

#include "userd/redis.h"
#include "userd/store.h"
#include <weir/health.h>
#include <weir/metrics.h>

/* The name of the checker that looks whether Redis works. */
#define CACHE_CHECKER "cache"

/* All are borrowed; closing the cache closes none. */
struct store_cached_options {
    struct store *store; /* where everything is done */
    /* Where a user is loaded from to be kept: it knows of every write that was answered. May be the
     * same. */
    struct store *fresh;
    struct redis *redis;
    weir_metrics *metrics;
    weir_health *health; /* whose CACHE_CHECKER is to look when Redis fails; NULL: none */
};

/* NULL: no memory. */
struct store *store_cached_new(const struct store_cached_options *options);
