/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the connections of each address, so that one address cannot use up max_connections.
 *
 * A hash table under a lock, taken once when a connection is accepted and once when it is closed.
 * Removal moves later entries up instead of leaving tombstones, so the table is no larger than the
 * largest number of open connections requires. */
#include "server/server.h"

#include "base/random.h"
#include <stdlib.h>

#define CROWD_FIRST 64u

struct crowd_place {
    struct net_origin key;
    uint32_t count; /* 0: free */
};

void
server_crowd_init(struct server_crowd *crowd)
{
    *crowd = (struct server_crowd){.seed = random_u64()};
    pthread_mutex_init(&crowd->lock, NULL);
}

void
server_crowd_fini(struct server_crowd *crowd)
{
    pthread_mutex_destroy(&crowd->lock);
    free(crowd->places);
}

static size_t
home_of(const struct server_crowd *crowd, const struct net_origin *key)
{
    return (size_t)hash_bytes(crowd->seed, key->bytes, sizeof(key->bytes)) & (crowd->size - 1);
}

/* The place of a key, or the free place where it belongs. */
static struct crowd_place *
find(const struct server_crowd *crowd, const struct net_origin *key)
{
    size_t at = home_of(crowd, key);

    while (crowd->places[at].count > 0 && memcmp(&crowd->places[at].key, key, sizeof(*key)) != 0)
        at = (at + 1) & (crowd->size - 1);
    return &crowd->places[at];
}

/* Make room for one more entry; at most three quarters of the table are used. False: no memory. */
static bool
make_room(struct server_crowd *crowd)
{
    struct server_crowd larger = *crowd;

    if (crowd->size > 0 && crowd->used < crowd->size / 4 * 3)
        return true;
    larger.size = crowd->size == 0 ? CROWD_FIRST : crowd->size * 2;
    larger.places = calloc(larger.size, sizeof(*larger.places));
    if (larger.places == NULL)
        return false;
    for (size_t i = 0; i < crowd->size; i++) {
        if (crowd->places[i].count > 0)
            *find(&larger, &crowd->places[i].key) = crowd->places[i];
    }
    free(crowd->places);
    crowd->places = larger.places;
    crowd->size = larger.size;
    return true;
}

static bool
enter(struct server_crowd *crowd, const struct net_origin *key, unsigned most)
{
    struct crowd_place *place;

    if (!make_room(crowd))
        return false;
    place = find(crowd, key);
    if (place->count >= most)
        return false;
    if (place->count++ == 0) {
        place->key = *key;
        crowd->used++;
    }
    return true;
}

bool
server_crowd_enter(struct server_crowd *crowd, const struct net_address *peer, unsigned most)
{
    struct net_origin key;
    bool entered;

    if (!net_address_origin(peer, &key))
        return true;
    pthread_mutex_lock(&crowd->lock);
    entered = enter(crowd, &key, most);
    pthread_mutex_unlock(&crowd->lock);
    return entered;
}

/* Move up entries that lookups would no longer find behind the free place. */
static void
close_up(struct server_crowd *crowd, size_t hole)
{
    size_t mask = crowd->size - 1;

    for (size_t at = (hole + 1) & mask; crowd->places[at].count > 0; at = (at + 1) & mask) {
        size_t home = home_of(crowd, &crowd->places[at].key);

        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        crowd->places[hole] = crowd->places[at];
        crowd->places[at].count = 0;
        hole = at;
    }
}

void
server_crowd_leave(struct server_crowd *crowd, const struct net_address *peer)
{
    struct crowd_place *place;
    struct net_origin key;

    if (!net_address_origin(peer, &key))
        return;
    pthread_mutex_lock(&crowd->lock);
    place = find(crowd, &key);
    if (--place->count == 0) {
        crowd->used--;
        close_up(crowd, (size_t)(place - crowd->places));
    }
    pthread_mutex_unlock(&crowd->lock);
}
