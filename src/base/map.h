/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from strings to pointers. */
/* Threads: lookups may run at the same time; a put needs the map to itself. */
#pragma once

#include <weir/base.h>

/* Open addressing; the hash is seeded per map, so a peer cannot aim at one bucket. Keys are
 * borrowed. */
struct map {
    struct map_slot *slots; /* a power of two of them, NULL while empty */
    size_t mask, count;
    uint64_t seed;
};

void map_init(struct map *map, uint64_t seed);
void map_fini(struct map *map);

/* The value of a key, NULL when it is absent. */
void *map_lookup(const struct map *map, weir_str key);

/* Borrows both. False: the key is taken, or no memory; nothing has changed. */
bool map_put(struct map *map, weir_str key, void *value);

/* A seeded hash of some bytes, good enough against aimed collisions. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len);
