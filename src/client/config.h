/* SPDX-License-Identifier: Apache-2.0 */
/* A service config at work: what is done with the calls of each method. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "rpc/call.h"
#include <weir/service_config.h>

struct client_config;
struct retry_throttle;

/* Of a method; immutable. */
struct client_policy {
    struct client_config *config; /* whose it is */
    int64_t timeout;              /* WEIR_NEVER: none */
    bool wait_for_ready;
    size_t max_receive, max_send;
    weir_retry *retry; /* NULL: not tried again */
    weir_hedge *hedge; /* NULL: one attempt at a time */
};

/* What is said of the methods; throttle, which the config borrows, is set to what it says. shared:
 * the limits of other calls. INVALID_ARGUMENT, with the error: it cannot be. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_CHECK weir_code config_new(const struct weir_service_config *from,
    const struct call_shared *shared, struct retry_throttle *throttle,
    struct client_config **out_config, struct weir_value_error *error);

/* NULL is let be. */
void config_unref(struct client_config *config);

/* For a method's path; NULL: nothing is said of it. */
const struct client_policy *config_lookup(const struct client_config *config, const char *path);

/* Of which service servers are asked whether they serve; NULL: of none, also without a config. */
const char *config_health_service(const struct client_config *config);

/* A user's call is about to begin: config has its say, and is kept until
 * config_leave. */
void config_enter(struct client_config *config, struct weir_call *call);

/* Any call object goes back. */
void config_leave(struct weir_call *call);
