/* SPDX-License-Identifier: Apache-2.0 */
/* Loads of the cache that are in progress in this process: many calls share one load.
 *
 * A call may only join a flight whose lease it finds in Redis: then no write of that user has been
 * acknowledged since the load began, so its result is recent enough. */
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

/* End a load: give the entry to all calls that joined; it is not copied, and belongs to the flight
 * from then on. An empty entry means that the load failed. flight NULL: only frees the entry. */
void cache_flight_end(
    struct cache_flights *flights, struct cache_flight *flight, struct cache_entry *entry);

/* Wait for the load that has this lease of CACHE_LEASE_SIZE - 1 bytes. OK: *out_flight has the
 * entry; unref it afterwards. ABORTED: the load belongs to another process, has ended, or failed.
 * Or why the call ended. Suspends. */
WEIR_CHECK weir_code cache_flight_join(struct cache_flights *flights, weir_call *call, int32_t id,
    const char *lease, struct cache_flight **out_flight);
const struct cache_entry *cache_flight_entry(const struct cache_flight *flight);
void cache_flight_unref(struct cache_flight *flight);
