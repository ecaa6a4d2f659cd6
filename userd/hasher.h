/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords hashed with argon2id, on threads of their own: neither calls nor writes wait behind
 * them. */
/* Threads: safe from any thread and fiber, once open. */
#pragma once

#include <stdatomic.h>
#include <weir/pool.h>

#define HASHER_TEXT 128

/* What hasher_compare takes where there is no hash. */
extern const char hasher_nobody[];

struct hasher {
    weir_pool *pool;
    atomic_uint waiting;                 /* work that is queued or under way */
    atomic_uint_fast64_t made, compared; /* hashes so far */
    atomic_uint_fast64_t refused;        /* because too many were waiting */
};

/* False: no memory or no threads. hasher_close is needed in any case. */
bool hasher_open(struct hasher *hasher, unsigned threads);
void hasher_close(struct hasher *hasher);

/* The text to keep of a password. RESOURCE_EXHAUSTED: too many passwords are waiting, or no memory.
 * Suspends, beyond the call's end. */
weir_code hasher_make(struct hasher *hasher, const char *password, char out_hash[HASHER_TEXT]);

/* Is it the password of the hash? hash: NULL where there is none, which takes the same work and is
 * never the password. As hasher_make. Suspends, beyond the call's end. */
weir_code hasher_compare(
    struct hasher *hasher, const char *password, const char *hash, bool *out_same);
