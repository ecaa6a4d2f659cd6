/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets of many clients in a fixed amount of memory. */
/* Threads: buckets_take is safe from any; a set has a lock of its own, held for some twenty
 * instructions. */

/* A bucket is one number, the time at which it will be full again (the generic cell rate
 * algorithm): that time has passed for whoever kept still, and lies `burst` intervals ahead for who
 * has used up everything. A full bucket says nothing that an absent one does not, so its place is
 * free for the next client.
 *
 *     secret hash of the client -> set:  lock | used | 7 clients | 7 times        128 bytes
 *
 * When all seven of a set are in use, the newcomer takes over the fullest one with what it owes.
 * Whoever lost it comes back to the fullest of the others, which owes no less: so nobody gains a
 * token by crowding a set, his own bucket's or another's, and a newcomer is refused only when seven
 * others of its set, which they cannot choose, are all at their limit. */
#pragma once

#include <stdatomic.h>
#include <weir/ratelimit.h>

#define BUCKETS_WAYS 7

struct buckets_set {
    atomic_uint lock;
    unsigned used; /* a bit each */
    uint64_t unused;
    uint64_t client[BUCKETS_WAYS];
    int64_t full_at[BUCKETS_WAYS];
};

struct buckets {
    int64_t interval; /* nanoseconds that a token takes */
    int64_t depth;    /* of an empty bucket: interval * burst */
    uint64_t secret;
    size_t set_count; /* a power of two */
    struct buckets_set *sets;
    void *memory;
    atomic_uint_fast64_t crowded;
};

/* RESOURCE_EXHAUSTED: no memory. The rate is above zero and valid. */
WEIR_CHECK weir_code buckets_init(
    struct buckets *buckets, const struct weir_rate *rate, size_t memory);
void buckets_fini(struct buckets *buckets);

/* 0: a token was taken; else the nanoseconds until there will be one. */
int64_t buckets_take(struct buckets *buckets, uint64_t client, int64_t now);

/* Is it a rate that buckets can count? */
bool buckets_rate_valid(const struct weir_rate *rate);
