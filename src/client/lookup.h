/* SPDX-License-Identifier: Apache-2.0 */
/* Looking a name up without holding up the loop. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "net/net.h"
#include <weir/pool.h>

/* Of a name that has more, each who asks keeps to addresses of its own choice. */
#define LOOKUP_MAX_ADDRESSES 1024

struct lookup_question {
    struct net_endpoint endpoint; /* a name */
    struct net_address server;    /* of DNS, that is asked; len 0: as the system does it */
    bool with_config;             /* ask for a service config, too (gRFC A2) */
    uint64_t seed;                /* decides which addresses are kept of too many */
};

struct lookup_result {
    weir_code code;
    const char *why; /* static, unless OK */
    size_t count;
    struct net_address *addresses;
    weir_code config_code; /* NOT_FOUND: there is none; else but OK: that is not known */
    char *config;          /* who takes it leaves NULL here */
};

struct client_lookup;

/* Look up on a thread of the pool; without one right here, which blocks. `done` comes once, on a
 * later turn. NULL: no memory. */
struct client_lookup *lookup_start(weir_loop *loop, weir_pool *pool,
    const struct lookup_question *question, void (*done)(void *owner, struct lookup_result *result),
    void *owner);

/* Keep `max` of the addresses, in their order, and return how many there are then. Which ones the
 * seed decides, each as likely as any other; those that come and go move no more of the others than
 * they must. */
size_t lookup_choose(struct net_address *addresses, size_t count, size_t max, uint64_t seed);

/* `done` will not come. NULL does nothing. */
void lookup_abandon(struct client_lookup *lookup);
