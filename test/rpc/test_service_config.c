/* SPDX-License-Identifier: Apache-2.0 */
/* What a service config has a channel do with the calls of each method. */
#include "client.h"
#include "kinds.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (100 * WEIR_SECOND)

#define DOWN                                         \
    {                                                \
        .act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE \
    }
#define ANSWER               \
    {                        \
        .act = SCRIPT_ANSWER \
    }

static const weir_code unavailable[] = {WEIR_UNAVAILABLE};
static const struct weir_retry_options soon = {.retries = 2,
    .codes = unavailable,
    .code_count = 1,
    .initial_backoff = WEIR_MILLISECOND,
    .max_backoff = 2 * WEIR_MILLISECOND};
static const struct weir_hedge_options both = {.attempts = 2};

static const struct weir_method_name all[] = {{NULL, NULL}}, service[] = {{"rpctest.Test", NULL}},
                                     unary[] = {{"rpctest.Test", "Unary"}},
                                     others[] = {{"rpctest.Other", "Unary"}, {"rpctest", NULL},
                                         {"rpctest.Test", "unary"}};

/* ---- a client with a config ---- */

struct fixture {
    struct scripted server;
    struct client client;
};

static void
open_fixture(struct fixture *fixture, const struct weir_service_config *config,
    const struct script_step *steps, size_t count)
{
    const struct weir_channel_options options = {.service_config = config};

    scripted_start(&fixture->server, steps, count);
    open_client(&fixture->client, fixture->server.address, &options);
}

static void
close_fixture(struct fixture *fixture)
{
    close_client(&fixture->client);
    scripted_stop(&fixture->server);
}

#define CONFIG(array)                                    \
    (struct weir_service_config)                         \
    {                                                    \
        .methods = (array), .method_count = COUNT(array) \
    }

/* ---- names ---- */

/* The timeout that a unary call is sent with, in seconds. */
static int
timeout_with(const struct weir_method_config *methods, size_t count)
{
    static const struct script_step answer = ANSWER;
    const struct weir_service_config config = {.methods = methods, .method_count = count};
    struct fixture fixture;
    int seconds;

    open_fixture(&fixture, &config, &answer, 1);
    assert_int_equal(
        kinds_call(fixture.client.channel, WEIR_UNARY, 60 * WEIR_SECOND).code, WEIR_OK);
    seconds = (int)(strtoll(fixture.server.requests[0].timeout, NULL, 10) / 1000000 + 1);
    close_fixture(&fixture);
    return seconds;
}

static void
names_that_say_most_decide(void **state)
{
    const struct weir_method_config methods[] = {
        {.names = others, .name_count = COUNT(others), .timeout = 10 * WEIR_SECOND},
        {.names = all, .name_count = 1, .timeout = 20 * WEIR_SECOND},
        {.names = service, .name_count = 1, .timeout = 30 * WEIR_SECOND},
        {.names = unary, .name_count = 1, .timeout = 40 * WEIR_SECOND}};

    (void)state;
    assert_in_range(timeout_with(methods, 2), 19, 20);
    assert_in_range(timeout_with(methods, 3), 29, 30);
    assert_in_range(timeout_with(methods, 4), 39, 40);
    assert_in_range(timeout_with(methods, 1), 59, 60);
}

/* It is the shorter of both that counts, and it is there with interceptors and without. */
static void
timeouts_only_shorten(void **state)
{
    static const struct script_step silence = {.act = SCRIPT_SILENCE};
    const struct weir_method_config methods[] = {
        {.names = all, .name_count = 1, .timeout = 50 * WEIR_MILLISECOND}};
    const struct weir_service_config config = CONFIG(methods);

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct fixture fixture;

        open_fixture(&fixture, &config, &silence, 1);
        assert_int_equal(
            kinds_call(fixture.client.channel, kinds[i], PATIENCE).code, WEIR_DEADLINE_EXCEEDED);
        close_fixture(&fixture);
    }
}

/* ---- waiting for a connection ---- */

static void
calls_wait_for_a_connection(void **state)
{
    const struct weir_method_config methods[] = {
        {.names = all, .name_count = 1, .wait_for_ready = true}};
    const struct weir_service_config config = CONFIG(methods);
    const struct weir_channel_options options = {.service_config = &config};
    struct kinds_outcome outcome = {.code = WEIR_OK};
    struct client client;
    weir_call *call;

    (void)state;
    open_client(&client, "127.0.0.1:1", &options);
    assert_int_equal(kinds_call(client.channel, WEIR_UNARY, 300 * WEIR_MILLISECOND).code,
        WEIR_DEADLINE_EXCEEDED);
    call = weir_call_new(client.channel, NULL);
    weir_call_set_wait_for_ready(call, false);
    assert_int_equal(kinds_run(call, WEIR_UNARY, &outcome), WEIR_UNAVAILABLE);
    weir_call_free(call);
    close_client(&client);
}

/* ---- limits ---- */

static weir_code
count_calls(void *self, weir_call *call, weir_next *next)
{
    ++*(unsigned *)self;
    return weir_proceed(next, call);
}

static void
messages_are_limited(void **state)
{
    const struct weir_method_config methods[] = {
        {.names = all, .name_count = 1, .max_request_message = 1000, .max_response_message = 500}};
    const struct weir_service_config config = CONFIG(methods);
    const struct weir_channel_options options = {.service_config = &config};
    static char text[1200];
    unsigned calls = 0;
    struct running running;
    struct client client;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    for (int chained = 0; chained < 2; chained++) {
        static const struct {
            size_t len;
            weir_code code;
        } cases[] = {
            {400, WEIR_OK}, {800, WEIR_RESOURCE_EXHAUSTED}, {1100, WEIR_RESOURCE_EXHAUSTED}};

        open_client(&client, running.address, &options);
        if (chained)
            wrap(&client, count_calls, &calls);
        for (size_t i = 0; i < COUNT(cases); i++) {
            Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
            const Rpctest__Payload *response = NULL;
            weir_call *call = weir_call_new(client.channel, NULL);

            memset(text, 'a', sizeof(text));
            text[cases[i].len] = '\0';
            request.text = text;
            assert_int_equal(rpctest_Test_Unary(call, &request, &response), cases[i].code);
            if (cases[i].len == 1100)
                assert_non_null(strstr(weir_call_message(call), "larger than 1000"));
            weir_call_free(call);
        }
        close_client(&client);
    }
    running_stop(&running, PATIENCE);
}

/* ---- retries and hedges ---- */

static void
failures_are_tried_again(void **state)
{
    static const struct script_step steps[] = {DOWN, DOWN, ANSWER};
    const struct weir_method_config methods[] = {{.names = all, .name_count = 1, .retry = &soon}};
    const struct weir_service_config config = CONFIG(methods);

    (void)state;
    for (size_t i = 0; i < 2 * KINDS; i++) {
        unsigned calls = 0;
        struct fixture fixture;
        struct kinds_outcome outcome;

        open_fixture(&fixture, &config, steps, COUNT(steps));
        if (i >= KINDS)
            wrap(&fixture.client, count_calls, &calls);
        outcome = kinds_call(fixture.client.channel, kinds[i % KINDS], PATIENCE);
        kinds_check_whole(&outcome, kinds[i % KINDS]);
        assert_int_equal(fixture.server.count, 3);
        assert_string_equal(fixture.server.requests[2].previous, "2");
        assert_int_equal(calls, i >= KINDS ? 1 : 0);
        close_fixture(&fixture);
    }
}

static void
calls_are_hedged(void **state)
{
    static const struct script_step steps[] = {{.act = SCRIPT_SILENCE}, ANSWER};
    const struct weir_method_config methods[] = {{.names = all, .name_count = 1, .hedge = &both}};
    const struct weir_service_config config = CONFIG(methods);

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct fixture fixture;
        struct kinds_outcome outcome;

        open_fixture(&fixture, &config, steps, COUNT(steps));
        outcome = kinds_call(fixture.client.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(fixture.server.count, 2);
        close_fixture(&fixture);
    }
}

/* What one method's failures take, others have not. */
static void
methods_share_a_throttle(void **state)
{
    static const struct script_step down = DOWN;
    const struct weir_method_config methods[] = {{.names = unary, .name_count = 1, .retry = &soon},
        {.names = service, .name_count = 1, .retry = &soon}};
    struct weir_service_config config = CONFIG(methods);
    struct fixture fixture;

    (void)state;
    config.max_tokens = 3;
    config.token_ratio = 0.1;
    open_fixture(&fixture, &config, &down, 1);
    assert_int_equal(
        kinds_call(fixture.client.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    assert_int_equal(fixture.server.count, 2); /* 1 of 3 is left, no more than half */
    assert_int_equal(
        kinds_call(fixture.client.channel, WEIR_BIDI_STREAM, PATIENCE).code, WEIR_UNAVAILABLE);
    assert_int_equal(fixture.server.count, 3);
    close_fixture(&fixture);
}

/* Without it there is as much as there is to try. */
static void
without_a_throttle_nothing_is_throttled(void **state)
{
    static const struct script_step down = DOWN;
    const struct weir_method_config methods[] = {{.names = all, .name_count = 1, .retry = &soon}};
    const struct weir_service_config config = CONFIG(methods);
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, &config, &down, 1);
    for (size_t i = 1; i <= 10; i++) {
        assert_int_equal(
            kinds_call(fixture.client.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
        assert_int_equal(fixture.server.count, 3 * i);
    }
    close_fixture(&fixture);
}

/* ---- what is refused ---- */

static void
bad_configs_are_refused(void **state)
{
    static const struct weir_method_name nowhere[] = {{NULL, "Unary"}},
                                         twice[] = {{"a", NULL}, {"a", NULL}};
    static const struct weir_retry_options bad_retry = {.initial_backoff = -1};
    static const struct weir_hedge_options bad_hedge = {.delay = -1};
    const struct weir_method_config methods[] = {{.timeout = -1}, {.retry = &soon, .hedge = &both},
        {.names = nowhere, .name_count = 1}, {.names = twice, .name_count = 2},
        {.retry = &bad_retry}, {.hedge = &bad_hedge}};
    static const struct weir_service_config throttles[] = {{.max_tokens = 1001, .token_ratio = 1},
        {.max_tokens = 10}, {.max_tokens = 10, .token_ratio = -1}};
    weir_channel *channel;
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    for (size_t i = 0; i < COUNT(methods) + COUNT(throttles); i++) {
        const struct weir_service_config one = {
            .methods = &methods[i % COUNT(methods)], .method_count = 1};
        const struct weir_channel_options options = {
            .service_config = i < COUNT(methods) ? &one : &throttles[i - COUNT(methods)]};

        assert_int_equal(
            weir_channel_new(loop, "127.0.0.1:1", &options, &channel), WEIR_INVALID_ARGUMENT);
    }
    weir_loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_say_most_decide),
        cmocka_unit_test(timeouts_only_shorten),
        cmocka_unit_test(calls_wait_for_a_connection),
        cmocka_unit_test(messages_are_limited),
        cmocka_unit_test(failures_are_tried_again),
        cmocka_unit_test(calls_are_hedged),
        cmocka_unit_test(methods_share_a_throttle),
        cmocka_unit_test(without_a_throttle_nothing_is_throttled),
        cmocka_unit_test(bad_configs_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
