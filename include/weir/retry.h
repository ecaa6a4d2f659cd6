/* SPDX-License-Identifier: Apache-2.0 */
/* Client interceptors: make a failed call again after a while, or make it several times at once and
 * take the first good answer (gRFC A6). */
/* Threads: an object may serve several channels and loops at the same time. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

/* Throttling, of both: a failed attempt takes a token, a call that goes well gives token_ratio of
 * one back, and while no more than half of them are left there is only the first attempt. */

/* ---- retries ---- */

typedef struct weir_retry weir_retry;

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
    unsigned max_tokens;     /* at most 1000; 10 */
    double token_ratio;      /* 0.1 */
    bool unthrottled;
};

/* For the calls to one server name. INVALID_ARGUMENT: a time or number is out of its range.
 * RESOURCE_EXHAUSTED: no memory. options may be NULL. */
WEIR_API WEIR_CHECK weir_code weir_retry_new(
    const struct weir_retry_options *options, weir_retry **out_retry);
WEIR_API void weir_retry_free(weir_retry *retry);

/* The interceptor; self is the weir_retry. It does not wait past the call's deadline, and obeys the
 * server's grpc-retry-pushback-ms. Suspends. */
WEIR_API weir_interceptor weir_retry_calls;

/* ---- hedging: for methods that do no harm when they run several times ---- */

typedef struct weir_hedge weir_hedge;

/* Zero is the default of every field. */
struct weir_hedge_options {
    unsigned attempts;      /* at most, the first one included; 2 */
    int64_t delay;          /* nanoseconds from one to the next; 0: all at once */
    const weir_code *codes; /* of which an attempt may die without the others: the next one follows
                               at once; none. Copied */
    size_t code_count;
    unsigned max_tokens; /* at most 1000; 10 */
    double token_ratio;  /* 0.1 */
    bool unthrottled;
};

/* As weir_retry_new. */
WEIR_API WEIR_CHECK weir_code weir_hedge_new(
    const struct weir_hedge_options *options, weir_hedge **out_hedge);
WEIR_API void weir_hedge_free(weir_hedge *hedge);

/* The interceptor; self is the weir_hedge. What is further in proceeds once, and then several
 * attempts are made: the first one that answers is the call's, the others are cancelled. A call
 * that has sent more than weir_channel_options, retry_buffer, goes on with one. Suspends. */
WEIR_API weir_interceptor weir_hedge_calls;

WEIR_END_C
