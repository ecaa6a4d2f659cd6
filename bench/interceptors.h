/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptors that bench-echo can be given, so that what they cost can be measured. */
/* Threads: set up and taken down by the thread that runs the server. */
#pragma once

#include <weir/server.h>

/* What `--interceptors` takes. */
#define INTERCEPTOR_NAMES "logging, metrics, ratelimit, concurrency, tracing, auth"

struct interceptors;

struct interceptors_options {
    const char *names;      /* "ratelimit,tracing", the first outermost */
    const char *collector;  /* where spans go; NULL: nowhere */
    const char *token_file; /* where auth writes the token that it wants; NULL: nowhere */
};

/* Wrap a server. They are freed with interceptors_free, after the server. INVALID_ARGUMENT: there
 * is no such name, or no such file. */
WEIR_CHECK weir_code interceptors_new(weir_server *server,
    const struct interceptors_options *options, struct interceptors **out_interceptors);

void interceptors_free(struct interceptors *all);
