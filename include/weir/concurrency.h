/* SPDX-License-Identifier: Apache-2.0 */
/* A limit on the calls that a server works on at once, which finds itself: from how much longer
 * they take than without load. Part of libweir-ext. */
/* Threads: set up and free on one thread; everything else is safe from any. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

typedef struct weir_concurrency weir_concurrency;

/* Zero is the default of every field. */
struct weir_concurrency_options {
    unsigned least;    /* calls at once that are let in whatever they take; 2 */
    unsigned most;     /* 10000 */
    unsigned initial;  /* before anything is known; 32 */
    double tolerance;  /* above 1: calls may take so many times what they take without load; 2 */
    int64_t unnoticed; /* nanoseconds that count as no wait at all; 1 ms */
    /* Methods that are never refused and hold no place, "/package.Service/Method", or
     * "/package.Service/" for all of a service; health checks are among them anyway. Borrowed. */
    const char *const *skip;
    size_t skip_count;
    int64_t (*clock)(void *self); /* nanoseconds; weir_now */
    void *clock_self;
};

/* INVALID_ARGUMENT: an option is none. RESOURCE_EXHAUSTED: no memory. options may be NULL. */
WEIR_API WEIR_CHECK weir_code weir_concurrency_new(
    const struct weir_concurrency_options *options, weir_concurrency **out_limit);
WEIR_API void weir_concurrency_free(weir_concurrency *limit);

/* The interceptor; self is the weir_concurrency. A call too many ends with UNAVAILABLE "overloaded"
 * before any work is done for it, so that its client may go elsewhere. A stream is refused like any
 * other call, but holds no place once it is in: it lasts as long as its users like. */
WEIR_API weir_interceptor weir_concurrency_intercept;

struct weir_concurrency_counters {
    uint64_t shed;      /* calls refused */
    unsigned limit;     /* as it is now */
    unsigned in_flight; /* calls that hold a place */
};

WEIR_API void weir_concurrency_count(
    const weir_concurrency *limit, struct weir_concurrency_counters *out_counters);

WEIR_END_C
