/* SPDX-License-Identifier: Apache-2.0 */
/* Client interceptor: make a failed call again, after a while (gRFC A6). */
/* Threads: an object may serve several channels and loops at the same time. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

typedef struct weir_retry weir_retry;

/* Another clock than the loop's; for tests. */
struct weir_retry_clock {
    int64_t (*now)(void *self); /* as weir_now: call deadlines are on it */
    weir_code (*sleep)(void *self, weir_call *call, int64_t duration); /* as weir_call_sleep */
    void *self;
};

/* Zero is the default of every field. */
struct weir_retry_options {
    unsigned retries;       /* after the first attempt; 3 */
    const weir_code *codes; /* that are worth another attempt; UNAVAILABLE, and the
                               DEADLINE_EXCEEDED of a single attempt. Copied */
    size_t code_count;
    int64_t
        initial_backoff; /* nanoseconds, before the first retry; 1 s. Each is 0.8 to 1.2 of it */
    double multiplier;   /* from one backoff to the next; 2 */
    int64_t max_backoff; /* 30 s */
    int64_t attempt_timeout; /* of each attempt; none but the call's deadline */
    /* Throttling: a failed attempt takes a token, a call that goes well gives token_ratio of one
     * back, and while no more than half of them are left nothing is retried. */
    unsigned max_tokens; /* at most 1000; 10 */
    double token_ratio;  /* 0.1 */
    bool unthrottled;
    const struct weir_retry_clock *clock; /* borrowed */
};

/* For the calls to one server name. INVALID_ARGUMENT: a time or number is out of its range.
 * RESOURCE_EXHAUSTED: no memory. options may be NULL. */
WEIR_API WEIR_CHECK weir_code weir_retry_new(
    const struct weir_retry_options *options, weir_retry **out_retry);
WEIR_API void weir_retry_free(weir_retry *retry);

/* The interceptor; self is the weir_retry. It does not wait past the call's deadline, and obeys the
 * server's grpc-retry-pushback-ms. Suspends. */
WEIR_API weir_interceptor weir_retry_calls;

WEIR_END_C
