/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptors that bench-echo can use, to measure their cost. */
/* Threads: set up and taken down by the thread that runs the server. */
#pragma once

#include <weir/server.h>

/* Values of `--interceptors`. */
#define INTERCEPTOR_NAMES "logging, metrics, ratelimit, concurrency, tracing, auth"

struct interceptors;

struct interceptors_options {
    const char *names;      /* "ratelimit,tracing", the first outermost */
    const char *collector;  /* where spans are exported; NULL: nowhere */
    const char *token_file; /* where auth writes the token that it accepts; NULL: nowhere */
};

/* Wrap a server. Freed by interceptors_free, after the server. INVALID_ARGUMENT: there is no such
 * interceptor, or no such file. */
WEIR_CHECK weir_code interceptors_new(weir_server *server,
    const struct interceptors_options *options, struct interceptors **out_interceptors);

void interceptors_free(struct interceptors *all);
