/* SPDX-License-Identifier: Apache-2.0 */
/* Loads in progress: flights by id in a hash table, each with a list of waiting calls. */
#include "userd/cache_flights.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A waiting call, on its own stack. */
struct passenger {
    weir_event *landed;
    struct passenger *next;
};

struct cache_flight {
    int32_t id;
    char lease[CACHE_LEASE_SIZE];
    struct cache_entry entry;
    struct passenger *passengers; /* guarded by the shelf's lock */
    atomic_uint holders;
    struct cache_flight *next;
};

void
cache_flights_init(struct cache_flights *flights)
{
    for (size_t i = 0; i < CACHE_SHELVES; i++) {
        flights->shelves[i].first = NULL;
        pthread_mutex_init(&flights->shelves[i].lock, NULL);
    }
}

void
cache_flights_fini(struct cache_flights *flights)
{
    for (size_t i = 0; i < CACHE_SHELVES; i++)
        pthread_mutex_destroy(&flights->shelves[i].lock);
}

static struct cache_shelf *
shelf_of(struct cache_flights *flights, int32_t id)
{
    return &flights->shelves[(uint32_t)id % CACHE_SHELVES];
}

void
cache_flight_unref(struct cache_flight *flight)
{
    if (flight == NULL || atomic_fetch_sub(&flight->holders, 1) != 1)
        return;
    free(flight->entry.bytes);
    free(flight);
}

struct cache_flight *
cache_flight_begin(struct cache_flights *flights, int32_t id, const char lease[CACHE_LEASE_SIZE])
{
    struct cache_shelf *shelf = shelf_of(flights, id);
    struct cache_flight *flight = calloc(1, sizeof(*flight));

    if (flight == NULL)
        return NULL;
    flight->id = id;
    memcpy(flight->lease, lease, CACHE_LEASE_SIZE);
    atomic_init(&flight->holders, 1);
    pthread_mutex_lock(&shelf->lock);
    flight->next = shelf->first;
    shelf->first = flight;
    pthread_mutex_unlock(&shelf->lock);
    return flight;
}

void
cache_flight_end(
    struct cache_flights *flights, struct cache_flight *flight, struct cache_entry *entry)
{
    struct cache_shelf *shelf;
    struct cache_flight **link;

    if (flight == NULL) {
        free(entry->bytes);
        return;
    }
    shelf = shelf_of(flights, flight->id);
    pthread_mutex_lock(&shelf->lock);
    flight->entry = *entry;
    for (link = &shelf->first; *link != flight; link = &(*link)->next)
        continue;
    *link = flight->next;
    for (struct passenger *one = flight->passengers; one != NULL; one = one->next)
        weir_event_set(one->landed);
    flight->passengers = NULL;
    pthread_mutex_unlock(&shelf->lock);
    cache_flight_unref(flight);
}

/* ---- joining ---- */

/* Join the flight with this lease. NULL: there is none. */
static struct cache_flight *
board(struct cache_shelf *shelf, int32_t id, const char *lease, struct passenger *passenger)
{
    struct cache_flight *flight;

    pthread_mutex_lock(&shelf->lock);
    flight = shelf->first;
    while (flight != NULL &&
           (flight->id != id || memcmp(flight->lease, lease, CACHE_LEASE_SIZE - 1) != 0))
        flight = flight->next;
    if (flight != NULL) {
        atomic_fetch_add(&flight->holders, 1);
        passenger->next = flight->passengers;
        flight->passengers = passenger;
    }
    pthread_mutex_unlock(&shelf->lock);
    return flight;
}

/* Events are set under the lock, so after this nobody uses ours any more. */
static void
leave(struct cache_shelf *shelf, struct cache_flight *flight, const struct passenger *passenger)
{
    struct passenger **link;

    pthread_mutex_lock(&shelf->lock);
    for (link = &flight->passengers; *link != NULL && *link != passenger; link = &(*link)->next)
        continue;
    if (*link != NULL)
        *link = passenger->next;
    pthread_mutex_unlock(&shelf->lock);
}

static weir_code
fly(struct cache_shelf *shelf, weir_call *call, struct cache_flight *flight,
    const struct passenger *passenger)
{
    weir_code code = weir_event_wait(passenger->landed, call);

    leave(shelf, flight, passenger);
    if (code == WEIR_OK && flight->entry.bytes == NULL)
        code = WEIR_ABORTED;
    if (code != WEIR_OK)
        cache_flight_unref(flight);
    return code;
}

weir_code
cache_flight_join(struct cache_flights *flights, weir_call *call, int32_t id, const char *lease,
    struct cache_flight **out_flight)
{
    struct cache_shelf *shelf = shelf_of(flights, id);
    struct passenger passenger = {.landed = weir_event_new()};
    struct cache_flight *flight;
    weir_code code = WEIR_ABORTED;

    if (passenger.landed == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    flight = board(shelf, id, lease, &passenger);
    if (flight != NULL)
        code = fly(shelf, call, flight, &passenger);
    weir_event_unref(passenger.landed);
    if (code == WEIR_OK)
        *out_flight = flight;
    return code;
}

const struct cache_entry *
cache_flight_entry(const struct cache_flight *flight)
{
    return &flight->entry;
}
