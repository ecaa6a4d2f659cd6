/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashing by argon2id on threads of its own, so that neither calls nor writes wait for it.
 */
/* Threads: safe from any thread and fiber, once open. */
#pragma once

#include <stdatomic.h>
#include <weir/pool.h>

#define HASHER_TEXT 128

/* The hash that hasher_compare uses where there is none. */
extern const char hasher_nobody[];

struct hasher {
    weir_pool *pool;
    atomic_uint waiting;                 /* jobs that are queued or running */
    atomic_uint_fast64_t made, compared; /* hashes so far */
    atomic_uint_fast64_t refused;        /* because too many were waiting */
};

/* False: no memory or no threads. hasher_close must be called in any case. */
bool hasher_open(struct hasher *hasher, unsigned threads);
void hasher_close(struct hasher *hasher);

/* The hash of a password, to be stored. RESOURCE_EXHAUSTED: too many passwords are waiting, or no
 * memory. Suspends, even after the call has ended. */
weir_code hasher_make(struct hasher *hasher, const char *password, char out_hash[HASHER_TEXT]);

/* Does the password match the hash? hash NULL: there is none; it never matches, but takes the same
 * time. Errors as of hasher_make. Suspends, even after the call has ended. */
weir_code hasher_compare(
    struct hasher *hasher, const char *password, const char *hash, bool *out_same);
