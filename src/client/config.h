/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed service config: the policy for calls of each method. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "rpc/call.h"
#include <weir/service_config.h>

struct client_config;
struct retry_throttle;

/* The policy for a method; immutable. */
struct client_policy {
    struct client_config *config; /* its owner */
    int64_t timeout;              /* WEIR_NEVER: none */
    bool wait_for_ready;
    size_t max_receive, max_send;
    weir_retry *retry; /* NULL: no retries */
    weir_hedge *hedge; /* NULL: no hedging */
};

/* Build it from the user's form. Sets the throttle, which it borrows, to the config's parameters.
 * shared: the limits for calls that the config does not limit. INVALID_ARGUMENT, with the error: it
 * is not valid. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code config_new(const struct weir_service_config *from,
    const struct call_shared *shared, struct retry_throttle *throttle,
    struct client_config **out_config, struct weir_value_error *error);

/* NULL does nothing. */
void config_unref(struct client_config *config);

/* The policy for a method's path; NULL: none. */
const struct client_policy *config_lookup(const struct client_config *config, const char *path);

/* The service whose health is watched; NULL: none, or config is NULL. */
const char *config_health_service(const struct client_config *config);

/* Apply the config to a user's call that is about to start; holds a reference until config_leave.
 */
void config_enter(struct client_config *config, struct weir_call *call);

/* Undo config_enter, if it was called, when a call object is returned to the pool. */
void config_leave(struct weir_call *call);
