/* SPDX-License-Identifier: Apache-2.0 */
/* Loads of the cache that are under way in this process: one load for many who wait.
 *
 * Only who finds the flight's own lease still in Redis may join: then no write of that user has
 * been acknowledged since the load began, and what it finds is new enough. */
/* Threads: safe from any. */
#pragma once

#include "userd/cache_entry.h"
#include <pthread.h>
#include <weir/pool.h>

#define CACHE_SHELVES 64

struct cache_flight;

struct cache_flights {
    struct cache_shelf {
        pthread_mutex_t lock;
        struct cache_flight *first;
    } shelves[CACHE_SHELVES];
};

void cache_flights_init(struct cache_flights *flights);
void cache_flights_fini(struct cache_flights *flights);

/* Begin a load under a lease. NULL: no memory, so nobody can join. */
struct cache_flight *cache_flight_begin(
    struct cache_flights *flights, int32_t id, const char lease[CACHE_LEASE_SIZE]);

/* It is over: hand the entry, which is copied by nobody and stays the flight's, to all who joined;
 * an empty one: it failed. NULL does nothing but free the entry. */
void cache_flight_end(
    struct cache_flights *flights, struct cache_flight *flight, struct cache_entry *entry);

/* Wait for the load that has this lease, of CACHE_LEASE_SIZE - 1 bytes. OK: *out_flight has the
 * entry, and is unref'd. ABORTED: it is none of this process', is over, or failed. Or why the
 * call ended. Suspends. */
WEIR_CHECK weir_code cache_flight_join(struct cache_flights *flights, weir_call *call, int32_t id,
    const char *lease, struct cache_flight **out_flight);
const struct cache_entry *cache_flight_entry(const struct cache_flight *flight);
void cache_flight_unref(struct cache_flight *flight);
