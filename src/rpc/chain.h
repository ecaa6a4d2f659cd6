/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of interceptors around a call. */
/* Threads: a chain is built before it is used; then it is constant. */
#pragma once

#include <weir/interceptor.h>

struct rpc_link {
    weir_interceptor *run;
    void *self;
};

/* One step of the way in: the interceptors still to come, and what stands at the end. */
struct weir_next {
    const struct rpc_link *links;
    size_t left;
    weir_code (*last)(void *arg, weir_call *call);
    void *arg;
};
