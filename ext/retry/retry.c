/* SPDX-License-Identifier: Apache-2.0 */
/* Retries as gRFC A6 has them; the attempts themselves are the channel's. */
#include <weir/retry.h>

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#define MOST_TOKENS 1000
#define TOKEN 1000 /* in thousandths: token_ratio has three decimals */

struct weir_retry {
    struct weir_retry_options options;
    uint32_t codes; /* a bit each */
    struct weir_retry_clock clock;
    int most, ratio; /* thousandths of tokens */
    atomic_int tokens;
};

/* ---- options ---- */

static int64_t
now_of_loop(void *self)
{
    (void)self;
    return weir_now();
}

static weir_code
sleep_in_call(void *self, weir_call *call, int64_t duration)
{
    (void)self;
    return weir_call_sleep(call, duration);
}

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
    if (options->max_tokens == 0)
        options->max_tokens = 10;
    if (options->token_ratio == 0)
        options->token_ratio = 0.1;
}

static bool
are_sound(const struct weir_retry_options *options)
{
    for (size_t i = 0; i < options->code_count; i++) {
        if (options->codes[i] <= WEIR_OK || options->codes[i] > WEIR_UNAUTHENTICATED)
            return false;
    }
    return options->initial_backoff > 0 && options->max_backoff > 0 &&
           options->attempt_timeout > 0 && options->max_tokens <= MOST_TOKENS &&
           isfinite(options->multiplier) && options->multiplier >= 1 && options->token_ratio > 0 &&
           options->token_ratio <= MOST_TOKENS;
}

static uint32_t
bits_of(const struct weir_retry_options *options)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < options->code_count; i++)
        bits |= UINT32_C(1) << options->codes[i];
    if (options->code_count == 0)
        bits = UINT32_C(1) << WEIR_UNAVAILABLE | UINT32_C(1) << WEIR_DEADLINE_EXCEEDED;
    return bits;
}

weir_code
weir_retry_new(const struct weir_retry_options *options, weir_retry **out_retry)
{
    static const struct weir_retry_clock loop_clock = {now_of_loop, sleep_in_call, NULL};
    struct weir_retry_options chosen = {.retries = 0};
    weir_retry *retry;

    if (options != NULL)
        chosen = *options;
    set_defaults(&chosen);
    if (!are_sound(&chosen))
        return WEIR_INVALID_ARGUMENT;
    retry = calloc(1, sizeof(*retry));
    if (retry == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    retry->options = chosen;
    retry->codes = bits_of(&chosen);
    retry->clock = chosen.clock != NULL ? *chosen.clock : loop_clock;
    retry->most = (int)chosen.max_tokens * TOKEN;
    retry->ratio = (int)(chosen.token_ratio * TOKEN + 0.5);
    atomic_init(&retry->tokens, retry->most);
    *out_retry = retry;
    return WEIR_OK;
}

void
weir_retry_free(weir_retry *retry)
{
    free(retry);
}

/* ---- throttling ---- */

static void
add_tokens(weir_retry *retry, int more)
{
    int before = atomic_load(&retry->tokens), after;

    do {
        after = before + more;
        after = after < 0 ? 0 : after > retry->most ? retry->most : after;
    } while (!atomic_compare_exchange_weak(&retry->tokens, &before, after));
}

static bool
is_throttled(const weir_retry *retry)
{
    return !retry->options.unthrottled && atomic_load(&retry->tokens) <= retry->most / 2;
}

/* ---- what the server says ---- */

enum pushback { PUSHBACK_NONE, PUSHBACK_WAIT, PUSHBACK_STOP };

/* A signed decimal of 32 bits; INT64_MIN when it is none. */
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

static enum pushback
read_pushback(weir_call *call, int64_t *out_delay)
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

/* ---- backoff ---- */

/* From 0.8 to 1.2. */
static double
jitter(void)
{
    uint32_t bits = UINT32_C(1) << 31;

    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits))
        return 1;
    return 0.8 + 0.4 * (double)bits / (double)UINT32_MAX;
}

/* number: of retries since the backoffs began. */
static int64_t
backoff(const struct weir_retry_options *options, unsigned number)
{
    double delay = (double)options->initial_backoff, most = (double)options->max_backoff;

    for (unsigned i = 0; i < number && delay < most; i++)
        delay *= options->multiplier;
    if (delay > most)
        delay = most;
    delay *= jitter();
    return delay >= (double)(WEIR_NEVER / 2) ? WEIR_NEVER / 2 : (int64_t)delay;
}

/* ---- the interceptor ---- */

/* One call's run of retries. */
struct run {
    weir_retry *retry;
    weir_call *call;
    unsigned left, backoffs;
};

/* A call whose time is over is not to be tried again. */
static int64_t
time_left(const struct run *run)
{
    const struct weir_retry_clock *clock = &run->retry->clock;
    int64_t deadline = weir_call_deadline(run->call);

    return deadline == WEIR_NEVER ? WEIR_NEVER : deadline - clock->now(clock->self);
}

/* True: wait for so long, then try again. */
static bool
wants_retry(struct run *run, weir_code code, int64_t *out_delay)
{
    weir_retry *retry = run->retry;
    bool retryable = (retry->codes & UINT32_C(1) << code) != 0;
    enum pushback pushback = read_pushback(run->call, out_delay);

    if (code == WEIR_OK)
        add_tokens(retry, retry->ratio);
    else if (retryable || pushback == PUSHBACK_STOP)
        add_tokens(retry, -TOKEN);
    if (!retryable || run->left == 0 || pushback == PUSHBACK_STOP || is_throttled(retry) ||
        weir_call_committed(run->call))
        return false;
    if (pushback == PUSHBACK_WAIT)
        run->backoffs = 0;
    else
        *out_delay = backoff(&retry->options, run->backoffs++);
    run->left--;
    return *out_delay < time_left(run);
}

weir_code
weir_retry_calls(void *self, weir_call *call, weir_next *next)
{
    weir_retry *retry = self;
    const struct weir_retry_clock *clock = &retry->clock;
    struct run run = {.retry = retry, .call = call, .left = retry->options.retries};
    int64_t delay;
    weir_code code;

    if (retry->options.attempt_timeout != WEIR_NEVER)
        weir_call_set_attempt_timeout(call, retry->options.attempt_timeout);
    for (;;) {
        code = weir_proceed(next, call);
        if (!wants_retry(&run, code, &delay))
            return code;
        WEIR_TRY(clock->sleep(clock->self, call, delay));
    }
}
