/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptors that bench-echo can be given, so that what they cost can be measured. */
/* Threads: set up and taken down by the thread that runs the server. */
#pragma once

#include <weir/server.h>

/* What `--interceptors` takes. */
#define INTERCEPTOR_NAMES "metrics, ratelimit, concurrency, tracing"

struct interceptors;

/* Wrap a server with those of a list "ratelimit,tracing", the first outermost. Spans go to the
 * collector, unless that is NULL. They are freed with interceptors_free, after the server.
 * INVALID_ARGUMENT: there is no such name. */
WEIR_CHECK weir_code interceptors_new(weir_server *server, const char *names, const char *collector,
    struct interceptors **out_interceptors);

void interceptors_free(struct interceptors *all);
