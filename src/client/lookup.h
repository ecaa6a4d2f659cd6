/* SPDX-License-Identifier: Apache-2.0 */
/* Name lookups that do not block the loop. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "net/net.h"
#include <weir/pool.h>

/* If a name has more addresses, each lookup keeps a subset of this size, selected by its seed. */
#define LOOKUP_MAX_ADDRESSES 1024

struct lookup_question {
    struct net_endpoint endpoint; /* a name */
    struct net_address server;    /* the DNS server to ask; len 0: use the system's resolver */
    bool with_config;             /* also ask for a service config (gRFC A2) */
    uint64_t seed;                /* selects the addresses that are kept if there are too many */
};

struct lookup_result {
    weir_code code;
    const char *why; /* static; not set if OK */
    size_t count;
    struct net_address *addresses;
    weir_code config_code; /* NOT_FOUND: there is none; other codes but OK: the lookup failed */
    char *config;          /* `done` may take ownership by setting this to NULL */
};

struct client_lookup;

/* Look up on a thread of the pool; without a pool in this call, which blocks. `done` is called
 * once, on a later turn. NULL: no memory. */
struct client_lookup *lookup_start(weir_loop *loop, weir_pool *pool,
    const struct lookup_question *question, void (*done)(void *owner, struct lookup_result *result),
    void *owner);

/* Keep at most `max` of the addresses, in their order, and return their number. The seed selects
 * them, all with equal probability; an address that is added or removed changes the selection of
 * the others as little as possible. */
size_t lookup_choose(struct net_address *addresses, size_t count, size_t max, uint64_t seed);

/* Cancel: `done` is not called. NULL does nothing. */
void lookup_abandon(struct client_lookup *lookup);
