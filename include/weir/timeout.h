/* SPDX-License-Identifier: Apache-2.0 */
/* Client interceptor: sets a deadline on calls that have none. Part of libweir-ext. */
/* Threads: safe from any thread; the options must not change while they are in use. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

/* The timeout of one method, which overrides that of its kind. */
struct weir_timeout_rule {
    const char *method; /* "/user.UserService/GetUser" */
    int64_t timeout;    /* nanoseconds; WEIR_NEVER: no deadline */
};

/* Zero selects the default of a timeout, 5 s. WEIR_NEVER: no deadline. */
struct weir_timeout_options {
    int64_t unary, client_stream, server_stream, bidi_stream; /* nanoseconds */
    const struct weir_timeout_rule *rules;                    /* borrowed */
    size_t rule_count;
};

/* The interceptor; self is a struct weir_timeout_options, or NULL for the defaults. Does not change
 * the deadline of a call that has one, its own or its parent's. Suspends. */
WEIR_API weir_interceptor weir_timeout_calls;

WEIR_END_C
