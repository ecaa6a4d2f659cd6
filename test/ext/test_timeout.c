/* SPDX-License-Identifier: Apache-2.0 */
/* Default deadlines, seen in what a scripted server is told. */
#include "kinds.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <weir/timeout.h>

/* The seconds that a server was given for a call of this kind, rounded up; 0: for ever. */
static long
told(const struct weir_timeout_options *options, weir_method_kind kind, int64_t timeout)
{
    static const struct script_step answer = {.act = SCRIPT_ANSWER};
    struct kinds_outcome outcome;
    struct scripted server;
    weir_channel *channel;
    weir_loop *loop;
    char *unit;
    long number;

    scripted_start(&server, &answer, 1);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, server.address, NULL, &channel), WEIR_OK);
    assert_int_equal(weir_channel_wrap(channel, weir_timeout_calls, (void *)options), WEIR_OK);
    outcome = kinds_call(channel, kind, timeout);
    kinds_check_whole(&outcome, kind);
    weir_channel_free(channel);
    weir_loop_free(loop);
    number = strtol(server.requests[0].timeout, &unit, 10);
    if (unit != server.requests[0].timeout) {
        long divisor = *unit == 'n' ? 1000000000 : *unit == 'u' ? 1000000 : *unit == 'm' ? 1000 : 1;

        number = number / divisor + 1;
    }
    scripted_stop(&server);
    return number;
}

static void
the_default_is_five_seconds(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        assert_in_range(told(NULL, kinds[i], WEIR_NEVER), 3, 6);
}

static void
callers_know_better(void **state)
{
    (void)state;
    assert_in_range(told(NULL, WEIR_UNARY, 1000 * WEIR_SECOND), 900, 1001);
    assert_in_range(told(NULL, WEIR_BIDI_STREAM, 1000 * WEIR_SECOND), 900, 1001);
}

static void
kinds_and_methods_have_their_own(void **state)
{
    const struct weir_timeout_rule rules[] = {{"/rpctest.Test/Talk", 300 * WEIR_SECOND},
        {"/rpctest.Test/Collect", WEIR_NEVER}, {"/rpctest.Test/Tal", WEIR_SECOND}};
    const struct weir_timeout_options options = {.unary = 100 * WEIR_SECOND,
        .client_stream = 200 * WEIR_SECOND,
        .server_stream = WEIR_NEVER,
        .rules = rules,
        .rule_count = 3};

    (void)state;
    assert_in_range(told(&options, WEIR_UNARY, WEIR_NEVER), 50, 101);
    assert_int_equal(told(&options, WEIR_CLIENT_STREAM, WEIR_NEVER), 0);
    assert_int_equal(told(&options, WEIR_SERVER_STREAM, WEIR_NEVER), 0);
    assert_in_range(told(&options, WEIR_BIDI_STREAM, WEIR_NEVER), 201, 301);
}

/* The call ends by it. */
static void
calls_end_in_time(void **state)
{
    static const struct script_step silence = {.act = SCRIPT_SILENCE};
    static const struct weir_timeout_options options = {20 * WEIR_MILLISECOND,
        20 * WEIR_MILLISECOND, 20 * WEIR_MILLISECOND, 20 * WEIR_MILLISECOND, NULL, 0};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct scripted server;
        weir_channel *channel;
        weir_loop *loop;

        scripted_start(&server, &silence, 1);
        assert_int_equal(weir_loop_new(&loop), WEIR_OK);
        assert_int_equal(weir_channel_new(loop, server.address, NULL, &channel), WEIR_OK);
        assert_int_equal(weir_channel_wrap(channel, weir_timeout_calls, (void *)&options), WEIR_OK);
        assert_int_equal(kinds_call(channel, kinds[i], WEIR_NEVER).code, WEIR_DEADLINE_EXCEEDED);
        weir_channel_free(channel);
        weir_loop_free(loop);
        scripted_stop(&server);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_five_seconds),
        cmocka_unit_test(callers_know_better),
        cmocka_unit_test(kinds_and_methods_have_their_own),
        cmocka_unit_test(calls_end_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
