/* SPDX-License-Identifier: Apache-2.0 */
/* Service configs: load balancing policy and per-method settings, given by a service's owner (grpc
 * doc/service_config.md). config.h parses them from JSON. */
/* Threads: immutable; safe from any thread. */
#pragma once

#include <weir/retry.h>
#include <weir/value.h>

WEIR_BEGIN_C

/* A method; without `method`, all methods of the service; without `service`, all methods. */
struct weir_method_name {
    const char *service, *method; /* "user.UserService", "GetUser"; or NULL */
};

/* Settings of the named methods. The most specific name that matches a method applies. */
struct weir_method_config {
    const struct weir_method_name *names;
    size_t name_count;
    int64_t timeout;     /* nanoseconds from the call's start; can only shorten; 0: none */
    bool wait_for_ready; /* unless weir_call_set_wait_for_ready is called */
    size_t max_request_message, max_response_message; /* bytes; can only lower the
                                                         channel's; 0: those */
    /* At most one of them is set; NULL: none. Their max_tokens, token_ratio and unthrottled are
     * ignored in favour of the service config's. */
    const struct weir_retry_options *retry;
    const struct weir_hedge_options *hedge;
};

struct weir_service_config {
    /* An object whose members are load balancing policies: the name and its options. The first one
     * that the channel knows is used. NULL: weir_channel_options.balancer. */
    const struct weir_value *balancers;
    const struct weir_method_config *methods;
    size_t method_count;
    /* Throttling of the retries and hedges of all calls, see retry.h; 0: none. */
    unsigned max_tokens;
    double token_ratio;
    /* Client-side health checking (gRFC A17): servers whose grpc.health.v1 status of this service
     * is not SERVING get no calls. NULL: off. */
    const char *health_service;
};

/* Parses the configs that resolvers provide; see config.h. */
struct weir_service_config_format {
    /* INVALID_ARGUMENT, with error set: not a valid config. Must not suspend. */
    weir_code (*parse)(const char *text, size_t len, struct weir_service_config **out_config,
        struct weir_value_error *error);
    void (*free)(struct weir_service_config *config);
};

WEIR_END_C
