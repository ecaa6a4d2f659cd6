/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of interceptors around a call. */
/* Threads: a chain is built before it is used; then it is constant. */
#pragma once

#include <stddef.h>
#include <weir/interceptor.h>

/* A step: an interceptor, or the end. The steps of a chain are consecutive in memory, so a step
 * proceeds with the one after its own address. */
struct weir_next {
    weir_interceptor *run;
    void *self;
    bool is_end; /* the last step, which does not proceed */
};

/* Embedded in its owner. */
struct rpc_chain {
    struct weir_next *steps; /* NULL: there is only the end */
    size_t count;            /* interceptors */
    struct weir_next end;
};

void rpc_chain_init(struct rpc_chain *chain, weir_interceptor *end);
void rpc_chain_fini(struct rpc_chain *chain);

/* Add a step before the end. False: no memory. */
WEIR_CHECK bool rpc_chain_add(struct rpc_chain *chain, weir_interceptor *interceptor, void *self);

static inline struct weir_next *
rpc_chain_first(struct rpc_chain *chain)
{
    return chain->steps != NULL ? chain->steps : &chain->end;
}
