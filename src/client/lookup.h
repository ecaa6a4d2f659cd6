/* SPDX-License-Identifier: Apache-2.0 */
/* Looking a name up without holding up the loop. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "net/net.h"
#include <weir/pool.h>

#define LOOKUP_MAX_ADDRESSES 64

struct lookup_question {
    struct net_endpoint endpoint; /* a name */
    struct net_address server;    /* of DNS, that is asked; len 0: as the system does it */
    bool with_config;             /* ask for a service config, too (gRFC A2) */
};

struct lookup_result {
    weir_code code;
    const char *why; /* static, unless OK */
    size_t count;
    struct net_address addresses[LOOKUP_MAX_ADDRESSES];
    weir_code config_code; /* NOT_FOUND: there is none; else but OK: that is not known */
    char *config;          /* who takes it leaves NULL here */
};

struct client_lookup;

/* Look up on a thread of the pool; without one right here, which blocks. `done` comes once, on a
 * later turn. NULL: no memory. */
struct client_lookup *lookup_start(weir_loop *loop, weir_pool *pool,
    const struct lookup_question *question, void (*done)(void *owner, struct lookup_result *result),
    void *owner);

/* `done` will not come. NULL does nothing. */
void lookup_abandon(struct client_lookup *lookup);
