/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of gRFC A6 that retries have, one by one: a scripted server, and a clock on which only
 * waiting takes time. */
#include "client/retry.h"
#include "kinds.h"
#include "rpc/call.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (1000 * WEIR_SECOND)

/* ---- a clock ---- */

struct clock {
    int64_t slept; /* all naps together */
    int64_t naps[SCRIPT_MOST];
    size_t count;
};

static int64_t
now(void *self, weir_call *call)
{
    const struct clock *clock = self;

    return loop_now(call->loop) + clock->slept;
}

static void
nap(void *self, weir_call *call, int64_t until)
{
    struct clock *clock = self;
    int64_t duration = until - now(self, call);

    clock->naps[clock->count++] = duration;
    clock->slept += duration;
}

/* ---- a client of a scripted server ---- */

struct fixture {
    struct clock clock;
    struct scripted server;
    weir_retry *retry;
    weir_loop *loop;
    weir_channel *channel;
};

static void
open_fixture(struct fixture *fixture, struct weir_retry_options options,
    const struct script_step *steps, size_t count)
{
    memset(&fixture->clock, 0, sizeof(fixture->clock));
    scripted_start(&fixture->server, steps, count);
    assert_int_equal(weir_retry_new(&options, &fixture->retry), WEIR_OK);
    fixture->retry->policy.clock = (struct retry_clock){now, nap, &fixture->clock};
    assert_int_equal(weir_loop_new(&fixture->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(fixture->loop, fixture->server.address, NULL, &fixture->channel), WEIR_OK);
    assert_int_equal(
        weir_channel_wrap(fixture->channel, weir_retry_calls, fixture->retry), WEIR_OK);
}

static void
close_fixture(struct fixture *fixture)
{
    weir_channel_free(fixture->channel);
    weir_loop_free(fixture->loop);
    weir_retry_free(fixture->retry);
    scripted_stop(&fixture->server);
}

static void
check_nap(const struct fixture *fixture, size_t number, int64_t middle)
{
    assert_true(fixture->clock.count > number);
    assert_in_range(fixture->clock.naps[number], middle / 10 * 8, middle / 10 * 12);
}

static const struct weir_retry_options none = {.retries = 0};

/* ---- how often, and when ---- */

static void
calls_of_all_kinds_are_tried_four_times(void **state)
{
    static const struct script_step down = {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;

        open_fixture(&fixture, none, &down, 1);
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
        assert_string_equal(outcome.message, "scripted");
        assert_int_equal(fixture.server.count, 4);
        assert_int_equal(fixture.clock.count, 3);
        check_nap(&fixture, 0, WEIR_SECOND);
        check_nap(&fixture, 1, 2 * WEIR_SECOND);
        check_nap(&fixture, 2, 4 * WEIR_SECOND);
        assert_string_equal(fixture.server.requests[0].previous, "");
        assert_string_equal(fixture.server.requests[3].previous, "3");
        close_fixture(&fixture);
    }
}

static void
success_ends_it(void **state)
{
    static const struct script_step steps[] = {
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE}, {.act = SCRIPT_ANSWER}};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;

        open_fixture(&fixture, none, steps, COUNT(steps));
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(fixture.server.count, 2);
        assert_int_equal(fixture.clock.count, 1);
        close_fixture(&fixture);
    }
}

static void
backoffs_are_as_chosen(void **state)
{
    static const struct script_step down = {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE};
    const struct weir_retry_options options = {.retries = 5,
        .initial_backoff = 100 * WEIR_MILLISECOND,
        .multiplier = 3,
        .max_backoff = 500 * WEIR_MILLISECOND,
        .unthrottled = true};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, options, &down, 1);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    assert_int_equal(fixture.server.count, 6);
    check_nap(&fixture, 0, 100 * WEIR_MILLISECOND);
    check_nap(&fixture, 1, 300 * WEIR_MILLISECOND);
    for (size_t i = 2; i < 5; i++)
        check_nap(&fixture, i, 500 * WEIR_MILLISECOND);
    close_fixture(&fixture);
}

/* ---- which failures ---- */

static size_t
attempts_for(struct weir_retry_options options, struct script_step step, weir_code expected)
{
    struct fixture fixture;
    size_t count;

    open_fixture(&fixture, options, &step, 1);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, expected);
    count = fixture.server.count;
    close_fixture(&fixture);
    return count;
}

static void
other_codes_are_final(void **state)
{
    static const weir_code chosen[] = {WEIR_ABORTED, WEIR_RESOURCE_EXHAUSTED};
    const struct weir_retry_options options = {.codes = chosen, .code_count = COUNT(chosen)};

    (void)state;
    for (weir_code code = WEIR_CANCELLED; code <= WEIR_UNAUTHENTICATED; code++) {
        const struct script_step step = {.act = SCRIPT_FAIL, .code = (int)code};
        bool by_default = code == WEIR_UNAVAILABLE || code == WEIR_DEADLINE_EXCEEDED;
        bool as_chosen = code == WEIR_ABORTED || code == WEIR_RESOURCE_EXHAUSTED;

        assert_int_equal(attempts_for(none, step, code), by_default ? 4 : 1);
        assert_int_equal(attempts_for(options, step, code), as_chosen ? 4 : 1);
    }
}

static void
a_response_is_final(void **state)
{
    const struct script_step step = {.act = SCRIPT_FAIL_LATE, .code = WEIR_UNAVAILABLE};

    (void)state;
    assert_int_equal(attempts_for(none, step, WEIR_UNAVAILABLE), 1);
}

static void
attempts_that_take_too_long_are_tried_again(void **state)
{
    static const struct script_step steps[] = {{.act = SCRIPT_SILENCE}, {.act = SCRIPT_ANSWER}};
    const struct weir_retry_options options = {.attempt_timeout = 200 * WEIR_MILLISECOND};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, options, steps, COUNT(steps));
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_true(fixture.server.count >= 2);
    close_fixture(&fixture);
}

/* ---- the call's deadline ---- */

static void
nobody_waits_past_the_deadline(void **state)
{
    static const struct script_step down = {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE};
    const struct weir_retry_options slow = {
        .initial_backoff = 100 * WEIR_SECOND, .max_backoff = 1000 * WEIR_SECOND};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, slow, &down, 1);
    assert_int_equal(
        kinds_call(fixture.channel, WEIR_UNARY, 70 * WEIR_SECOND).code, WEIR_UNAVAILABLE);
    assert_int_equal(fixture.server.count, 1);
    assert_int_equal(fixture.clock.count, 0);
    close_fixture(&fixture);

    /* 80 to 120 s fit, 160 to 240 s more do not. */
    open_fixture(&fixture, slow, &down, 1);
    assert_int_equal(
        kinds_call(fixture.channel, WEIR_BIDI_STREAM, 230 * WEIR_SECOND).code, WEIR_UNAVAILABLE);
    assert_int_equal(fixture.server.count, 2);
    assert_int_equal(fixture.clock.count, 1);
    close_fixture(&fixture);
}

static void
the_calls_own_deadline_is_final(void **state)
{
    static const struct script_step silence = {.act = SCRIPT_SILENCE};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, none, &silence, 1);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, 50 * WEIR_MILLISECOND).code,
        WEIR_DEADLINE_EXCEEDED);
    assert_true(fixture.server.count <= 1);
    assert_int_equal(fixture.clock.count, 0);
    close_fixture(&fixture);
}

/* ---- pushback ---- */

static void
servers_say_when(void **state)
{
    static const struct script_step steps[] = {{.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE},
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE, .pushback = "12345"},
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE}, {.act = SCRIPT_ANSWER}};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, none, steps, COUNT(steps));
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    check_nap(&fixture, 0, WEIR_SECOND);
    assert_int_equal(fixture.clock.naps[1], 12345 * WEIR_MILLISECOND);
    check_nap(&fixture, 2, WEIR_SECOND); /* from the beginning */
    close_fixture(&fixture);
}

static void
servers_say_never(void **state)
{
    static const char *const texts[] = {"-1", "x", "1x", "1 1", "+1", "1.5", "99999999999"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct script_step step = {
            .act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE, .pushback = texts[i]};

        assert_int_equal(attempts_for(none, step, WEIR_UNAVAILABLE), 1);
    }
}

static void
pushback_needs_a_code_that_is_retried(void **state)
{
    const struct script_step step = {.act = SCRIPT_FAIL, .code = WEIR_NOT_FOUND, .pushback = "0"};

    (void)state;
    assert_int_equal(attempts_for(none, step, WEIR_NOT_FOUND), 1);
}

/* ---- throttling ---- */

/* Of 10 tokens 5 must be left: four attempts, one more, and then one a call. */
static void
failures_throttle(void **state)
{
    static const struct script_step down = {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, none, &down, 1);
    kinds_call(fixture.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(fixture.server.count, 4);
    kinds_call(fixture.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(fixture.server.count, 5);
    kinds_call(fixture.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(fixture.server.count, 6);
    close_fixture(&fixture);
}

static void
success_gives_tokens_back(void **state)
{
    /* 6 of 10 left, then 5; five half tokens later 7.5, then 6.5 of which one more attempt. */
    static const struct script_step steps[] = {{.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE},
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE},
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE},
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE},
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE}, {.act = SCRIPT_ANSWER},
        {.act = SCRIPT_ANSWER}, {.act = SCRIPT_ANSWER}, {.act = SCRIPT_ANSWER},
        {.act = SCRIPT_ANSWER}, {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE},
        {.act = SCRIPT_ANSWER}};
    const struct weir_retry_options options = {.token_ratio = 0.5};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, options, steps, COUNT(steps));
    kinds_call(fixture.channel, WEIR_UNARY, PATIENCE);
    kinds_call(fixture.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(fixture.server.count, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_int_equal(fixture.server.count, 12);
    close_fixture(&fixture);
}

static void
never_takes_a_token(void **state)
{
    static const struct script_step steps[] = {
        {.act = SCRIPT_FAIL, .code = WEIR_NOT_FOUND, .pushback = "-1"},
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE}};
    const struct weir_retry_options options = {.max_tokens = 2};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, options, steps, COUNT(steps));
    kinds_call(fixture.channel, WEIR_UNARY, PATIENCE);
    kinds_call(fixture.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(fixture.server.count, 2);
    close_fixture(&fixture);
}

/* ---- options ---- */

static void
bad_options_are_refused(void **state)
{
    static const weir_code ok[] = {WEIR_OK}, beyond[] = {(weir_code)17};
    const struct weir_retry_options bad[] = {{.initial_backoff = -1}, {.max_backoff = -1},
        {.multiplier = -1}, {.attempt_timeout = -1}, {.max_tokens = 1001}, {.token_ratio = -1},
        {.codes = ok, .code_count = 1}, {.codes = beyond, .code_count = 1}};
    weir_retry *retry;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(weir_retry_new(&bad[i], &retry), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_retry_new(NULL, &retry), WEIR_OK);
    weir_retry_free(retry);
    weir_retry_free(NULL);
}

/* Without a clock of the test's: real naps, short ones. */
static void
naps_are_real(void **state)
{
    static const struct script_step steps[] = {
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE}, {.act = SCRIPT_ANSWER}};
    const struct weir_retry_options options = {.initial_backoff = 30 * WEIR_MILLISECOND};
    struct fixture fixture;
    weir_retry *retry;

    (void)state;
    open_fixture(&fixture, none, steps, COUNT(steps));
    weir_channel_free(fixture.channel);
    assert_int_equal(weir_retry_new(&options, &retry), WEIR_OK);
    assert_int_equal(
        weir_channel_new(fixture.loop, fixture.server.address, NULL, &fixture.channel), WEIR_OK);
    assert_int_equal(weir_channel_wrap(fixture.channel, weir_retry_calls, retry), WEIR_OK);
    assert_int_equal(kinds_call(fixture.channel, WEIR_BIDI_STREAM, PATIENCE).code, WEIR_OK);
    assert_true(
        fixture.server.requests[1].at - fixture.server.requests[0].at >= 24 * WEIR_MILLISECOND);
    close_fixture(&fixture);
    weir_retry_free(retry);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_all_kinds_are_tried_four_times),
        cmocka_unit_test(success_ends_it),
        cmocka_unit_test(backoffs_are_as_chosen),
        cmocka_unit_test(other_codes_are_final),
        cmocka_unit_test(a_response_is_final),
        cmocka_unit_test(attempts_that_take_too_long_are_tried_again),
        cmocka_unit_test(nobody_waits_past_the_deadline),
        cmocka_unit_test(the_calls_own_deadline_is_final),
        cmocka_unit_test(servers_say_when),
        cmocka_unit_test(servers_say_never),
        cmocka_unit_test(pushback_needs_a_code_that_is_retried),
        cmocka_unit_test(failures_throttle),
        cmocka_unit_test(success_gives_tokens_back),
        cmocka_unit_test(never_takes_a_token),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(naps_are_real),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
