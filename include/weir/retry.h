/* SPDX-License-Identifier: Apache-2.0 */
/* Client interceptors: retries, and hedging, which makes several attempts at a time and takes the
 * first good response (gRFC A6). */
/* Threads: a weir_retry or weir_hedge may be shared by channels of several loops. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

/* Throttling of both (gRFC A6): a failed attempt takes one of max_tokens, a successful call returns
 * token_ratio of one, and while at most half of them are left calls make only their first
 * attempt. */

/* ---- retries ---- */

typedef struct weir_retry weir_retry;

/* Zero selects each field's default, which is given last. Times are nanoseconds. */
struct weir_retry_options {
    unsigned retries;       /* after the first attempt; default 3 */
    const weir_code *codes; /* retryable status codes; default UNAVAILABLE, and DEADLINE_EXCEEDED
                               caused by attempt_timeout. Copied */
    size_t code_count;
    int64_t initial_backoff; /* before the first retry, with a jitter of 20 %; default 1 s */
    double multiplier;       /* from one backoff to the next; default 2 */
    int64_t max_backoff;     /* default 30 s */
    int64_t attempt_timeout; /* of each attempt; default none */
    unsigned max_tokens;     /* at most 1000; default 10 */
    double token_ratio;      /* default 0.1 */
    bool unthrottled;        /* default no */
};

/* Create retries for calls to one server name, whose throttle they share. Copies the options, which
 * may be NULL. INVALID_ARGUMENT: a time or number is out of range. RESOURCE_EXHAUSTED: no memory.
 */
WEIR_API WEIR_CHECK weir_code weir_retry_new(
    const struct weir_retry_options *options, weir_retry **out_retry);

/* After every channel that uses it. */
WEIR_API void weir_retry_free(weir_retry *retry);

/* The interceptor; self is the weir_retry. Does not back off beyond the call's deadline, and obeys
 * the server's grpc-retry-pushback-ms. Suspends. */
WEIR_API weir_interceptor weir_retry_calls;

/* ---- hedging, for idempotent methods ---- */

typedef struct weir_hedge weir_hedge;

/* Zero selects each field's default, which is given last. */
struct weir_hedge_options {
    unsigned attempts; /* including the first; default 2 */
    int64_t delay;     /* nanoseconds between attempts; default 0: all at once */
    const weir_code
        *codes; /* non-fatal status codes: an attempt that fails with one does not end
                   the call, and the next attempt starts at once; default none. Copied */
    size_t code_count;
    unsigned max_tokens; /* at most 1000; default 10 */
    double token_ratio;  /* default 0.1 */
    bool unthrottled;    /* default no */
};

/* As weir_retry_new. */
WEIR_API WEIR_CHECK weir_code weir_hedge_new(
    const struct weir_hedge_options *options, weir_hedge **out_hedge);

/* After every channel that uses it. */
WEIR_API void weir_hedge_free(weir_hedge *hedge);

/* The interceptor; self is the weir_hedge. The interceptors inside of it run once; several attempts
 * are made at the end of the chain. The first response is the call's, and the other attempts are
 * cancelled. A call that sends more than weir_channel_options.retry_buffer continues with one
 * attempt. Suspends. */
WEIR_API weir_interceptor weir_hedge_calls;

WEIR_END_C
