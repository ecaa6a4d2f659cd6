/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's owner tells its clients: balancing, and how calls of each method are made
 * (grpc doc/service_config.md). Where it is JSON, weir/config.h reads it. */
/* Threads: constant; safe from any thread. */
#pragma once

#include <weir/retry.h>
#include <weir/value.h>

WEIR_BEGIN_C

/* Without a method every method of the service; without a service every method there is. */
struct weir_method_name {
    const char *service, *method; /* "user.UserService", "GetUser"; NULL: without */
};

/* How calls of some methods are made. The names that say most of a method decide. */
struct weir_method_config {
    const struct weir_method_name *names;
    size_t name_count;
    int64_t timeout;     /* nanoseconds from the call's start; 0: none. It only shortens */
    bool wait_for_ready; /* unless weir_call_set_wait_for_ready was called */
    size_t max_request_message, max_response_message; /* bytes, 0: the channel's, which they only
                                                         lower */
    /* How a call is tried again; at most one of them, NULL: not. Throttled by the service config
     * alone. */
    const struct weir_retry_options *retry;
    const struct weir_hedge_options *hedge;
};

struct weir_service_config {
    /* An object: the members' names are those of balancers, their values the options. The first
     * that the channel knows is used. NULL: the channel's choice. */
    const struct weir_value *balancers;
    const struct weir_method_config *methods;
    size_t method_count;
    /* Throttles retries and hedges of all calls: see weir_retry_options. 0: not. */
    unsigned max_tokens;
    double token_ratio;
    /* Servers whose grpc.health.v1 does not say SERVING of this service get no calls. NULL: nobody
     * asks. */
    const char *health_service;
};

/* How a channel reads what a resolver brings; see weir/config.h. */
struct weir_service_config_format {
    /* INVALID_ARGUMENT, with the error: it is none. Must not suspend. */
    weir_code (*parse)(const char *text, size_t len, struct weir_service_config **out_config,
        struct weir_value_error *error);
    void (*free)(struct weir_service_config *config);
};

WEIR_END_C
