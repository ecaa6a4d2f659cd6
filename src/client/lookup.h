/* SPDX-License-Identifier: Apache-2.0 */
/* Looking a name up without holding up the loop. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "net/net.h"
#include <weir/pool.h>

#define LOOKUP_MAX_ADDRESSES 64

struct lookup_result {
    weir_code code;
    const char *why; /* static, unless OK */
    size_t count;
    struct net_address addresses[LOOKUP_MAX_ADDRESSES];
};

struct client_lookup;

/* Look up on a thread of the pool; without one right here, which blocks. `done` comes once, on a
 * later turn. NULL: no memory. */
struct client_lookup *lookup_start(weir_loop *loop, weir_pool *pool,
    const struct net_endpoint *endpoint, void (*done)(void *owner, struct lookup_result *result),
    void *owner);

/* `done` will not come. NULL does nothing. */
void lookup_abandon(struct client_lookup *lookup);
