/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets of many clients in a fixed amount of memory. */
/* Threads: buckets_take is safe from any; a set has a lock of its own, held for some twenty
 * instructions. */

/* A bucket is one number, the time at which it will be full again (the generic cell rate
 * algorithm): in the past for a client that was idle, and `burst` intervals ahead for one that has
 * used all tokens. A full bucket carries no information, so its place is free for the next client.
 *
 *     secret hash of the client -> set:  lock | used | 7 clients | 7 times        128 bytes
 *
 * When all seven places of a set are in use, a new client takes over the fullest bucket with its
 * debt. The client that lost it will take over the fullest of the others, which has at least as
 * much debt: so nobody gains a token by crowding a set, and a new client is refused only if seven
 * others of its set, which they cannot choose, are all at their limit. */
#pragma once

#include <stdatomic.h>
#include <weir/ratelimit.h>

#define BUCKETS_WAYS 7

struct buckets_set {
    atomic_uint lock;
    unsigned used; /* bit set */
    uint64_t unused;
    uint64_t client[BUCKETS_WAYS];
    int64_t full_at[BUCKETS_WAYS];
};

struct buckets {
    int64_t interval; /* nanoseconds per token */
    int64_t depth;    /* nanoseconds to fill an empty bucket: interval * burst */
    uint64_t secret;
    size_t set_count; /* a power of two */
    struct buckets_set *sets;
    void *memory;
    atomic_uint_fast64_t crowded;
};

/* The rate must be valid and above zero. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code buckets_init(
    struct buckets *buckets, const struct weir_rate *rate, size_t memory);
void buckets_fini(struct buckets *buckets);

/* Take a token. Returns 0, or the nanoseconds until one will be available. */
int64_t buckets_take(struct buckets *buckets, uint64_t client, int64_t now);

/* Is the rate within the range of buckets? */
bool buckets_rate_valid(const struct weir_rate *rate);
