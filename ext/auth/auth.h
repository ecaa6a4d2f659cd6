/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of weir_auth. */
/* Threads: constant, except for the key ring, the mark, and the list of homes, which has a lock. */
#pragma once

#include "auth/key_ring.h"
#include "auth/reason.h"
#include "auth/token_cache.h"

/* Per-thread state: a token cache, and the thread's share of the counters, which others only read.
 */
struct auth_home {
    struct auth_home *next;
    struct weir_auth *auth;
    struct token_cache cache;
    int64_t next_look; /* next check of the key file; nanoseconds since 1970 */
    atomic_uint_fast64_t cached, verified, ended, evicted;
    atomic_uint_fast64_t refused[WEIR_AUTH_REFUSALS];
};

struct skipped {
    size_t len;
    char *text; /* ends with '/': all methods of the service */
};

struct weir_auth {
    struct key_ring ring;
    struct token_rules rules;
    char *issuer, *audience; /* the rules point to them */
    struct skipped *skip;
    size_t skip_count;
    size_t max_token, cache_tokens;
    int64_t recheck;
    bool (*revoked)(void *self, const struct weir_claims *claims);
    void *self;
    atomic_uint ask_mark; /* incremented by each recheck; never 0 */
    bool has_home_key;
    pthread_key_t home_key; /* thread-specific: struct auth_home */
    pthread_mutex_t lock;   /* guards the list and the counters of ended threads */
    struct auth_home *homes;
    struct weir_auth_stats gone;
};

/* This thread's state, created on first use. NULL: no memory. */
struct auth_home *auth_home_of(struct weir_auth *auth);

/* Create the thread-specific key. False: the process has no more keys. */
bool auth_homes_init(struct weir_auth *auth);
void auth_homes_fini(struct weir_auth *auth);

/* Only the home's own thread increments, so no atomic addition is needed. */
static inline void
auth_count(atomic_uint_fast64_t *counter)
{
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}
