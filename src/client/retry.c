/* SPDX-License-Identifier: Apache-2.0 */
/* Retries: sequential attempts (gRFC A6). */
#include "client/retry.h"

#include "base/random.h"
#include "rpc/call.h"
#include <math.h>
#include <stdlib.h>

/* ---- options ---- */

static void
set_defaults(struct weir_retry_options *options)
{
    if (options->retries == 0)
        options->retries = 3;
    if (options->initial_backoff == 0)
        options->initial_backoff = WEIR_SECOND;
    if (options->multiplier == 0)
        options->multiplier = 2;
    if (options->max_backoff == 0)
        options->max_backoff = 30 * WEIR_SECOND;
    if (options->attempt_timeout == 0)
        options->attempt_timeout = WEIR_NEVER;
}

static bool
are_sound(const struct weir_retry_options *options)
{
    return options->initial_backoff > 0 && options->max_backoff > 0 &&
           options->attempt_timeout > 0 && isfinite(options->multiplier) && options->multiplier > 0;
}

weir_code
weir_retry_new(const struct weir_retry_options *options, weir_retry **out_retry)
{
    struct weir_retry_options chosen = {.retries = 0};
    weir_retry *retry;
    weir_code code;

    if (options != NULL)
        chosen = *options;
    set_defaults(&chosen);
    if (!are_sound(&chosen))
        return WEIR_INVALID_ARGUMENT;
    retry = calloc(1, sizeof(*retry));
    if (retry == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = retry_policy_init(&retry->policy,
        &(struct retry_policy_options){.codes = chosen.codes,
            .code_count = chosen.code_count,
            .codes_otherwise = UINT32_C(1) << WEIR_UNAVAILABLE | UINT32_C(1)
                                                                     << WEIR_DEADLINE_EXCEEDED,
            .max_tokens = chosen.max_tokens,
            .token_ratio = chosen.token_ratio,
            .unthrottled = chosen.unthrottled});
    if (code != WEIR_OK) {
        free(retry);
        return code;
    }
    retry->options = chosen;
    retry->options.codes = NULL;
    *out_retry = retry;
    return WEIR_OK;
}

void
weir_retry_free(weir_retry *retry)
{
    free(retry);
}

/* ---- backoff ---- */

/* number: retries since the backoff was last reset. */
static int64_t
backoff(const struct weir_retry_options *options, unsigned number)
{
    double delay = (double)options->initial_backoff, most = (double)options->max_backoff;

    for (unsigned i = 0; i < number && delay < most; i++)
        delay *= options->multiplier;
    if (delay > most)
        delay = most;
    delay *= 0.8 + 0.4 * (double)random_u64() / (double)UINT64_MAX;
    return delay >= (double)(WEIR_NEVER / 2) ? WEIR_NEVER / 2 : (int64_t)delay;
}

/* ---- the interceptor ---- */

/* The retries of one call. */
struct run {
    const weir_retry *retry;
    weir_call *call;
    unsigned left, backoffs;
};

/* A call whose deadline has passed is not retried. */
static int64_t
time_left(const struct run *run)
{
    int64_t deadline = run->call->deadline;

    return deadline == WEIR_NEVER ? WEIR_NEVER
                                  : deadline - retry_now(&run->retry->policy, run->call);
}

/* True: retry after the delay. */
static bool
wants_retry(struct run *run, weir_code code, int64_t *out_delay)
{
    const struct retry_policy *policy = &run->retry->policy;
    enum retry_pushback pushback = retry_read_pushback(run->call, out_delay);

    retry_count(policy, code, pushback);
    if (!retry_policy_has(policy, code) || run->left == 0 || pushback == PUSHBACK_STOP ||
        retry_is_throttled(policy) || weir_call_committed(run->call))
        return false;
    if (pushback == PUSHBACK_WAIT)
        run->backoffs = 0;
    else
        *out_delay = backoff(&run->retry->options, run->backoffs++);
    run->left--;
    return *out_delay < time_left(run);
}

static void
nap(const struct retry_policy *policy, weir_call *call, int64_t duration)
{
    int64_t until = retry_now(policy, call) + duration;

    while (!call->ended && retry_now(policy, call) < until)
        retry_wait(policy, call, until);
}

weir_code
weir_retry_calls(void *self, weir_call *call, weir_next *next)
{
    const weir_retry *retry = self;
    struct run run = {.retry = retry, .call = call, .left = retry->options.retries};
    int64_t delay;
    weir_code code;

    if (retry->options.attempt_timeout != WEIR_NEVER)
        weir_call_set_attempt_timeout(call, retry->options.attempt_timeout);
    for (;;) {
        code = weir_proceed(next, call);
        if (!wants_retry(&run, code, &delay))
            return code;
        nap(&retry->policy, call, delay);
        if (call->ended)
            return call->code;
    }
}
