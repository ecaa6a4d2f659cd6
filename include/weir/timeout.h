/* SPDX-License-Identifier: Apache-2.0 */
/* Client interceptor: a deadline for calls that have none. */
/* Threads: options are constant while they are in use; the interceptor runs on any loop. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

/* What a method has instead of what its kind has. */
struct weir_timeout_rule {
    const char *method; /* "/user.UserService/GetUser" */
    int64_t timeout;    /* nanoseconds; WEIR_NEVER: none */
};

/* Zero is the default of every field: 5 s. WEIR_NEVER: no deadline. */
struct weir_timeout_options {
    int64_t unary, client_stream, server_stream, bidi_stream; /* nanoseconds */
    const struct weir_timeout_rule *rules;
    size_t rule_count;
};

/* The interceptor; self is a struct weir_timeout_options, or NULL for the defaults. It leaves alone
 * a call whose caller, or whose caller's own call, has set a deadline. Suspends. */
WEIR_API weir_interceptor weir_timeout_calls;

WEIR_END_C
