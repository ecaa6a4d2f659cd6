/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limit of a server: a token bucket for each client address. Part of libweir-ext. */
/* Threads: create and free on one thread; everything else is safe from any thread. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

/* A bucket holds up to `burst` tokens; a call takes one, and `rate` tokens are added per second. */
struct weir_rate {
    double rate;    /* calls per second; 0: no limit */
    uint32_t burst; /* 0: as `rate`, but at least 1 */
};

/* The rate of one method. */
struct weir_method_rate {
    const char *method; /* "/user.UserService/Login" */
    struct weir_rate rate;
};

/* Identifies a bucket: an IPv4 address or IPv6 /64 network; all clients on Unix sockets share one.
 */
struct weir_ratelimit_key {
    uint64_t client;
    const char *method; /* a method with its own rate; NULL: all other methods */
};

/* A store of buckets shared by several servers. `take` takes a token and sets *out_wait to 0, or to
 * the nanoseconds until there will be one. May suspend. Any code other than OK: the store is not
 * available, and the server's own buckets are used. */
struct weir_ratelimit_backend {
    weir_code (*take)(void *self, weir_call *call, const struct weir_ratelimit_key *key,
        const struct weir_rate *rate, int64_t *out_wait);
};

typedef struct weir_ratelimit weir_ratelimit;

/* Zero selects each field's default, which is given last. */
struct weir_ratelimit_options {
    /* Of all methods without their own rate together, except those of grpc.health.v1.Health, which
     * are not limited then; default no limit. */
    struct weir_rate rate;
    const struct weir_method_rate *methods; /* copied */
    size_t method_count;
    /* Bytes for buckets, of 18 bytes each, divided equally between the methods with their own rate
     * and all others; at least 1 KiB for each; default 2 MiB. */
    size_t memory;
    const struct weir_ratelimit_backend *backend; /* default none. Borrowed */
    void *backend_self;                           /* borrowed */
    int64_t (*clock)(void *self);                 /* in nanoseconds, for tests; default weir_now */
    void *clock_self;                             /* borrowed */
};

/* Create a limit. Copies the options, but for what they borrow. INVALID_ARGUMENT: a rate is
 * negative, above 1e9 or NaN, a bucket would take more than a year to fill, or a method is listed
 * twice. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_ratelimit_new(
    const struct weir_ratelimit_options *options, weir_ratelimit **out_limit);

/* After every server that uses it. */
WEIR_API void weir_ratelimit_free(weir_ratelimit *limit);

/* The server interceptor; self is the weir_ratelimit. Calls over the limit end with
 * RESOURCE_EXHAUSTED "rate limit exceeded", with the time to wait in grpc-retry-pushback-ms and in
 * a google.rpc.RetryInfo in the status details. Suspends. */
WEIR_API weir_interceptor weir_ratelimit_intercept;

/* Take a token for a call from this address, from the server's own buckets. 0: the call may
 * proceed; else the nanoseconds until there is a token. */
WEIR_API int64_t weir_ratelimit_take(
    weir_ratelimit *limit, const struct weir_address *address, const char *method);

/* Bytes of memory for buckets, all of it allocated at the start. */
WEIR_API size_t weir_ratelimit_memory(const weir_ratelimit *limit);

/* Totals. */
struct weir_ratelimit_counters {
    uint64_t limited;  /* calls refused */
    uint64_t crowded;  /* calls whose client had to take over another's bucket, the fullest */
    uint64_t fallback; /* calls for which the backend was not available */
};

WEIR_API void weir_ratelimit_count(
    const weir_ratelimit *limit, struct weir_ratelimit_counters *out_counters);

WEIR_END_C
