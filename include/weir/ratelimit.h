/* SPDX-License-Identifier: Apache-2.0 */
/* A server's limit on the calls of each client address: token buckets. Part of libweir-ext. */
/* Threads: set up and free on one thread; everything else is safe from any. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

/* A bucket holds `burst` tokens, a call takes one, and `rate` come back each second. */
struct weir_rate {
    double rate;    /* calls a second; 0: no limit */
    uint32_t burst; /* 0: the calls of one second, at least 1 */
};

struct weir_method_rate {
    const char *method; /* "/user.UserService/Login" */
    struct weir_rate rate;
};

/* Whose bucket it is: IPv4 by address, IPv6 by its first 64 bits, which one subscriber has to
 * himself; all who come by Unix sockets share one. */
struct weir_ratelimit_key {
    uint64_t client;
    const char *method; /* that has a rate of its own; NULL: the bucket of all others */
};

/* Another place for the buckets, that servers share. `take` takes a token, and sets *out_wait to 0,
 * or to the nanoseconds until there will be one. Other than OK: it cannot be told, and this
 * server's own buckets decide. May suspend. */
struct weir_ratelimit_backend {
    weir_code (*take)(void *self, weir_call *call, const struct weir_ratelimit_key *key,
        const struct weir_rate *rate, int64_t *out_wait);
};

typedef struct weir_ratelimit weir_ratelimit;

/* Zero is the default of every field. */
struct weir_ratelimit_options {
    struct weir_rate
        rate; /* of the methods that have none of their own, taken together; no limit */
    const struct weir_method_rate *methods; /* copied */
    size_t method_count;
    /* Bytes for buckets, at most, of 18 each; in equal parts for every method with a rate of its
     * own and for the rest; 2 MiB, and no less than 1 KiB a part. */
    size_t memory;
    const struct weir_ratelimit_backend *backend; /* borrowed, as is its self; none */
    void *backend_self;
    int64_t (*clock)(void *self); /* nanoseconds; weir_now */
    void *clock_self;
};

/* INVALID_ARGUMENT: a rate is negative, above 1e9 or no number, an empty bucket would take longer
 * than a year to fill, or a method stands there twice. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_ratelimit_new(
    const struct weir_ratelimit_options *options, weir_ratelimit **out_limit);
WEIR_API void weir_ratelimit_free(weir_ratelimit *limit);

/* The interceptor; self is the weir_ratelimit. A call too many ends with RESOURCE_EXHAUSTED "rate
 * limit exceeded" and tells when to come again: in grpc-retry-pushback-ms, and in a
 * google.rpc.RetryInfo among the status's details. */
WEIR_API weir_interceptor weir_ratelimit_intercept;

/* Take a token for a call of this address. 0: it may go on; else the nanoseconds until it might.
 * Asks this server's own buckets only. */
WEIR_API int64_t weir_ratelimit_take(
    weir_ratelimit *limit, const struct weir_address *address, const char *method);

/* Bytes of the buckets: all that grows with the number of clients, and is there from the start. */
WEIR_API size_t weir_ratelimit_memory(const weir_ratelimit *limit);

struct weir_ratelimit_counters {
    uint64_t limited;  /* calls refused */
    uint64_t crowded;  /* times that a client found no bucket free, and took over the fullest */
    uint64_t fallback; /* times that the backend could not tell */
};

WEIR_API void weir_ratelimit_count(
    const weir_ratelimit *limit, struct weir_ratelimit_counters *out_counters);

WEIR_END_C
