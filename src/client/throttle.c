/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of retries and hedges: codes, throttle, pushback, time. */
#include "client/retry.h"
#include "rpc/call.h"

#include <math.h>

#define TOKEN 1000
#define DEFAULT_TOKENS 10
#define DEFAULT_RATIO 0.1

/* ---- time ---- */

static int64_t
now_of_loop(void *self, struct weir_call *call)
{
    (void)self;
    return loop_now(call->loop);
}

struct wait {
    struct loop_timer timer;
    struct fiber *fiber;
};

static void
wait_is_over(struct loop_timer *timer)
{
    fiber_wake(container_of(timer, struct wait, timer)->fiber);
}

static void
wait_in_call(void *self, struct weir_call *call, int64_t until)
{
    struct wait wait = {.fiber = fiber_current()};

    (void)self;
    loop_timer_init(&wait.timer, wait_is_over);
    if (loop_timer_start(call->loop, &wait.timer, until) != WEIR_OK) {
        call_end(call, WEIR_RESOURCE_EXHAUSTED, "no memory for a timer");
        return;
    }
    call_park(call);
    loop_timer_stop(call->loop, &wait.timer);
}

/* ---- options ---- */

static bool
codes_are_sound(const weir_code *codes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (codes[i] <= WEIR_OK || codes[i] > WEIR_UNAUTHENTICATED)
            return false;
    }
    return true;
}

weir_code
retry_policy_init(struct retry_policy *policy, const struct retry_policy_options *options)
{
    static const struct retry_clock loop_clock = {now_of_loop, wait_in_call, NULL};
    unsigned tokens = options->max_tokens == 0 ? DEFAULT_TOKENS : options->max_tokens;
    double ratio = options->token_ratio == 0 ? DEFAULT_RATIO : options->token_ratio;

    if (!codes_are_sound(options->codes, options->code_count) || tokens > RETRY_MOST_TOKENS ||
        !(ratio > 0 && ratio <= RETRY_MOST_TOKENS))
        return WEIR_INVALID_ARGUMENT;
    *policy = (struct retry_policy){.clock = loop_clock};
    for (size_t i = 0; i < options->code_count; i++)
        policy->codes |= UINT32_C(1) << options->codes[i];
    if (options->code_count == 0)
        policy->codes = options->codes_otherwise;
    policy->throttle = &policy->own;
    retry_throttle_set(&policy->own, options->unthrottled ? 0 : tokens, ratio);
    return WEIR_OK;
}

/* ---- throttling ---- */

void
retry_throttle_set(struct retry_throttle *throttle, unsigned max_tokens, double token_ratio)
{
    int most = (int)max_tokens * TOKEN, before = atomic_load(&throttle->most);
    int tokens = most;

    if (before > 0)
        tokens = (int)((int64_t)atomic_load(&throttle->tokens) * most / before);
    atomic_store(&throttle->most, most);
    atomic_store(&throttle->ratio, (int)(token_ratio * TOKEN + 0.5));
    atomic_store(&throttle->tokens, tokens);
}

static void
add_tokens(struct retry_throttle *throttle, int more)
{
    int most = atomic_load(&throttle->most);
    int before = atomic_load(&throttle->tokens), after;

    do {
        after = before + more;
        after = after < 0 ? 0 : after > most ? most : after;
    } while (!atomic_compare_exchange_weak(&throttle->tokens, &before, after));
}

bool
retry_is_throttled(const struct retry_policy *policy)
{
    int most = atomic_load(&policy->throttle->most);

    return most > 0 && atomic_load(&policy->throttle->tokens) <= most / 2;
}

void
retry_count(const struct retry_policy *policy, weir_code code, enum retry_pushback pushback)
{
    if (code == WEIR_OK)
        add_tokens(policy->throttle, atomic_load(&policy->throttle->ratio));
    else if (retry_policy_has(policy, code) || pushback == PUSHBACK_STOP)
        add_tokens(policy->throttle, -TOKEN);
}

/* ---- pushback ---- */

/* A signed 32-bit decimal; INT64_MIN if malformed. */
static int64_t
parse_milliseconds(weir_str text)
{
    bool negative = text.len > 1 && text.data[0] == '-';
    int64_t value = 0;

    if (text.len == 0)
        return INT64_MIN;
    for (size_t i = negative ? 1 : 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return INT64_MIN;
        value = value * 10 + (text.data[i] - '0');
        if (value > (int64_t)INT32_MAX + (negative ? 1 : 0))
            return INT64_MIN;
    }
    return negative ? -value : value;
}

enum retry_pushback
retry_read_pushback(struct weir_call *call, int64_t *out_delay)
{
    size_t cursor = 0, count = 0;
    int64_t milliseconds = 0;
    weir_str key, value;

    while (weir_call_next_trailer(call, &cursor, &key, &value)) {
        if (!weir_str_equal(key, weir_str_of("grpc-retry-pushback-ms")))
            continue;
        count++;
        milliseconds = parse_milliseconds(value);
    }
    if (count == 0)
        return PUSHBACK_NONE;
    if (count > 1 || milliseconds < 0)
        return PUSHBACK_STOP;
    *out_delay = milliseconds * WEIR_MILLISECOND;
    return PUSHBACK_WAIT;
}
