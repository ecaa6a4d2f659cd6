/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections each address has, so that one address cannot take the places of all.
 *
 * A hash table under a lock, which a connection takes when it comes and when it goes. Places that
 * are left are closed up (no tombstones), so the table is never larger than the connections that
 * are open at its fullest time need. */
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

/* Where a key is, or where it would go. */
static struct crowd_place *
find(const struct server_crowd *crowd, const struct net_origin *key)
{
    size_t at = home_of(crowd, key);

    while (crowd->places[at].count > 0 && memcmp(&crowd->places[at].key, key, sizeof(*key)) != 0)
        at = (at + 1) & (crowd->size - 1);
    return &crowd->places[at];
}

/* Room for one more: three quarters are used at most. False: no memory. */
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

/* Move up those that a free place would hide. */
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
