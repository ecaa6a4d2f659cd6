/* SPDX-License-Identifier: Apache-2.0 */
/* The hash map: linear probing in a power of two of slots, at most three quarters full; and its
 * hash, SipHash-1-3 (Aumasson and Bernstein), for which a peer cannot produce collisions without
 * the seed. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

struct map_slot {
    weir_str key;
    void *value; /* NULL: the slot is empty */
    uint64_t hash;
};

enum { FIRST_SLOTS = 16 };

void
map_init(struct map *map, uint64_t seed)
{
    *map = (struct map){NULL, 0, 0, seed};
}

void
map_fini(struct map *map)
{
    free(map->slots);
    map_init(map, map->seed);
}

/* The slot of a key, or the empty one to insert it. */
static struct map_slot *
find_slot(struct map_slot *slots, size_t mask, weir_str key, uint64_t hash)
{
    size_t i = (size_t)hash & mask;

    while (slots[i].value != NULL && (slots[i].hash != hash || !weir_str_equal(slots[i].key, key)))
        i = (i + 1) & mask;
    return &slots[i];
}

void *
map_lookup(const struct map *map, weir_str key)
{
    if (map->count == 0)
        return NULL;
    return find_slot(map->slots, map->mask, key, hash_bytes(map->seed, key.data, key.len))->value;
}

static bool
grow(struct map *map)
{
    size_t slots = map->slots == NULL ? FIRST_SLOTS : (map->mask + 1) * 2;
    struct map_slot *next = calloc(slots, sizeof(*next));

    if (next == NULL)
        return false;
    for (size_t i = 0; map->slots != NULL && i <= map->mask; i++) {
        const struct map_slot *slot = &map->slots[i];

        if (slot->value != NULL)
            *find_slot(next, slots - 1, slot->key, slot->hash) = *slot;
    }
    free(map->slots);
    map->slots = next;
    map->mask = slots - 1;
    return true;
}

bool
map_put(struct map *map, weir_str key, void *value)
{
    uint64_t hash = hash_bytes(map->seed, key.data, key.len);
    struct map_slot *slot;

    assert(value != NULL);
    if (map->slots == NULL || (map->count + 1) * 4 > (map->mask + 1) * 3) {
        if (!grow(map))
            return false;
    }
    slot = find_slot(map->slots, map->mask, key, hash);
    if (slot->value != NULL)
        return false;
    *slot = (struct map_slot){key, value, hash};
    map->count++;
    return true;
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t
rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void
sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static void
sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* Up to eight bytes as a little-endian number. */
static uint64_t
load_le(const uint8_t *p, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

uint64_t
hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
    /* The second half of the 128-bit key is derived from the seed with an odd multiplier. */
    uint64_t k0 = seed, k1 = rotate(seed, 32) * UINT64_C(0x9e3779b97f4a7c15);
    struct sip s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    const uint8_t *p = bytes;

    for (size_t left = len; left >= 8; left -= 8, p += 8)
        sip_word(&s, load_le(p, 8));
    sip_word(&s, ((uint64_t)len << 56) | load_le(p, len % 8));
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
