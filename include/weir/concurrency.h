/* SPDX-License-Identifier: Apache-2.0 */
/* Adaptive concurrency limit of a server: bounds the calls in progress by comparing their latency
 * with that without load. Part of libweir-ext. */
/* Threads: create and free on one thread; everything else is safe from any thread. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

typedef struct weir_concurrency weir_concurrency;

/* Zero selects each field's default, which is given last. */
struct weir_concurrency_options {
    unsigned least;   /* the lowest limit; default 2 */
    unsigned most;    /* the highest limit; default 10000 */
    unsigned initial; /* the first limit; default 32 */
    double tolerance; /* above 1: accepted latency, as a multiple of that without load; default 2 */
    int64_t unnoticed; /* nanoseconds of waiting that are ignored; default 1 ms */
    /* Methods that are never refused nor counted: "/package.Service/Method", or "/package.Service/"
     * for all of a service. Health checks always are among them. Borrowed. */
    const char *const *skip;
    size_t skip_count;
    int64_t (*clock)(void *self); /* in nanoseconds, for tests; default weir_now */
    void *clock_self;             /* borrowed */
};

/* Create a limit. Copies the options, but for what they borrow; options may be NULL.
 * INVALID_ARGUMENT: an option is out of range. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_concurrency_new(
    const struct weir_concurrency_options *options, weir_concurrency **out_limit);

/* After every server that uses it. */
WEIR_API void weir_concurrency_free(weir_concurrency *limit);

/* The server interceptor; self is the weir_concurrency. Calls over the limit end with UNAVAILABLE
 * "overloaded" before any work is done for them, so that clients can retry elsewhere. Streams may
 * be refused as well, but do not count once accepted, since their duration says nothing about load.
 * Suspends. */
WEIR_API weir_interceptor weir_concurrency_intercept;

struct weir_concurrency_counters {
    uint64_t shed;      /* total: calls refused */
    unsigned limit;     /* current limit */
    unsigned in_flight; /* current calls that count */
};

WEIR_API void weir_concurrency_count(
    const weir_concurrency *limit, struct weir_concurrency_counters *out_counters);

WEIR_END_C
