/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a weir_auth. */
/* Threads: constant but for the key ring, the mark, and the list of homes, which has a lock. */
#pragma once

#include "auth/key_ring.h"
#include "auth/reason.h"
#include "auth/token_cache.h"

/* What one thread keeps: its cache, and its share of the counters, which others only read. */
struct auth_home {
    struct auth_home *next;
    struct weir_auth *auth;
    struct token_cache cache;
    int64_t next_look; /* at the file of keys; nanoseconds since 1970 */
    atomic_uint_fast64_t cached, verified, ended, evicted;
    atomic_uint_fast64_t refused[WEIR_AUTH_REFUSALS];
};

struct skipped {
    size_t len;
    char *text; /* ends in '/': every method of the service */
};

struct weir_auth {
    struct key_ring ring;
    struct token_rules rules;
    char *issuer, *audience; /* which the rules point to */
    struct skipped *skip;
    size_t skip_count;
    size_t max_token, cache_tokens;
    int64_t recheck;
    bool (*revoked)(void *self, const struct weir_claims *claims);
    void *self;
    atomic_uint ask_mark; /* counts the rechecks; never 0 */
    bool has_home_key;
    pthread_key_t home_key; /* a thread's struct auth_home */
    pthread_mutex_t lock;   /* guards the list, and the counters of threads that have ended */
    struct auth_home *homes;
    struct weir_auth_stats gone;
};

/* What this thread keeps, made when it comes first. NULL: no memory. */
struct auth_home *auth_home_of(struct weir_auth *auth);

/* The key to the threads' homes. False: the process has no more of them. */
bool auth_homes_init(struct weir_auth *auth);
void auth_homes_fini(struct weir_auth *auth);

/* Only the home's own thread counts, so that no atomic addition is needed. */
static inline void
auth_count(atomic_uint_fast64_t *counter)
{
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}
