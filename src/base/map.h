/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from strings to pointers. */
/* Threads: lookups may be concurrent; map_put needs exclusive access. */
#pragma once

#include <weir/base.h>

/* Open addressing; the hash is seeded per map, against collision attacks. Keys are borrowed. */
struct map {
    struct map_slot *slots; /* a power of two of them, NULL while empty */
    size_t mask, count;
    uint64_t seed;
};

void map_init(struct map *map, uint64_t seed);
void map_fini(struct map *map);

/* The value of a key, NULL if absent. */
void *map_lookup(const struct map *map, weir_str key);

/* Insert a key; borrows both. False: the key exists, or no memory; nothing has changed. */
bool map_put(struct map *map, weir_str key, void *value);

/* A seeded hash that resists collision attacks. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len);
