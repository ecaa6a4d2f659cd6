/* SPDX-License-Identifier: Apache-2.0 */
/* What retries and hedges share: the codes that they act on, the server's pushback, and the
 * throttle (gRFC A6). */
/* Threads: a policy is constant once it is in use, and its throttle's tokens are atomic. */
#pragma once

#include <stdatomic.h>
#include <weir/retry.h>

#define RETRY_MOST_TOKENS 1000

/* The token bucket of a server name, in thousandths of tokens: the ratio has three decimals. */
struct retry_throttle {
    atomic_int most; /* 0: no throttling */
    atomic_int ratio, tokens;
};

/* The clock, which tests replace. */
struct retry_clock {
    int64_t (*now)(void *self, struct weir_call *call);
    /* Returns at `until`, or earlier when something has happened to the call. */
    void (*wait)(void *self, struct weir_call *call, int64_t until);
    void *self;
};

struct retry_policy {
    uint32_t codes; /* a bit each */
    struct retry_throttle own, *throttle;
    struct retry_clock clock;
};

struct weir_retry {
    struct weir_retry_options options; /* its codes are in `policy` */
    struct retry_policy policy;
};

struct weir_hedge {
    unsigned attempts;
    int64_t delay;
    struct retry_policy policy;
};

/* The options that retries and hedges have in common. INVALID_ARGUMENT: a code or number is out of
 * range. */
struct retry_policy_options {
    const weir_code *codes;
    size_t code_count;
    uint32_t codes_otherwise; /* the default set, as bits */
    unsigned max_tokens;
    double token_ratio;
    bool unthrottled;
};

WEIR_CHECK weir_code retry_policy_init(
    struct retry_policy *policy, const struct retry_policy_options *options);

static inline bool
retry_policy_has(const struct retry_policy *policy, weir_code code)
{
    return (unsigned)code < 32 && (policy->codes & UINT32_C(1) << code) != 0;
}

static inline int64_t
retry_now(const struct retry_policy *policy, struct weir_call *call)
{
    return policy->clock.now(policy->clock.self, call);
}

static inline void
retry_wait(const struct retry_policy *policy, struct weir_call *call, int64_t until)
{
    policy->clock.wait(policy->clock.self, call, until);
}

/* ---- the throttle ---- */

/* Change the parameters; the bucket stays filled to the same fraction. max_tokens 0: no throttling.
 */
void retry_throttle_set(struct retry_throttle *throttle, unsigned max_tokens, double token_ratio);

bool retry_is_throttled(const struct retry_policy *policy);

/* ---- pushback ---- */

enum retry_pushback { PUSHBACK_NONE, PUSHBACK_WAIT, PUSHBACK_STOP };

/* Read grpc-retry-pushback-ms from the trailers. */
enum retry_pushback retry_read_pushback(struct weir_call *call, int64_t *out_delay);

/* Count an attempt that has ended: takes a token for a failure, or adds a fraction for a success.
 */
void retry_count(const struct retry_policy *policy, weir_code code, enum retry_pushback pushback);
