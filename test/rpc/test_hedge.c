/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of gRFC A6 that hedging has, one by one: a scripted server, and a clock on which only
 * waiting for the next attempt takes time. */
#include "client/retry.h"
#include "client/session.h"
#include "kinds.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (1000 * WEIR_SECOND)
#define DELAY (20 * WEIR_SECOND)

static const weir_code unavailable[] = {WEIR_UNAVAILABLE};

/* ---- a clock, and a client of a scripted server ---- */

struct fixture {
    struct scripted server;
    struct retry_clock real;
    int64_t slept; /* all naps together */
    int64_t naps[SCRIPT_MOST];
    size_t nap_count;
    weir_hedge *hedge;
    weir_loop *loop;
    weir_channel *channel;
};

static int64_t
now(void *self, weir_call *call)
{
    const struct fixture *fixture = self;

    return loop_now(call->loop) + fixture->slept;
}

/* Nothing more will happen by itself: each attempt that is left is at the server, which is silent.
 */
static bool
is_quiet(const struct fixture *fixture, const struct client_session *session)
{
    const struct scripted *server = &fixture->server;

    list_each (link, &session->attempts) {
        const struct client_attempt *attempt = container_of(link, struct client_attempt, link);
        size_t number = attempt->call->previous_attempts;

        if (attempt->running &&
            (number >= atomic_load(&server->count) ||
                server->steps[number < server->step_count ? number : server->step_count - 1].act !=
                    SCRIPT_SILENCE))
            return false;
    }
    return true;
}

static void
nap(void *self, weir_call *call, int64_t until)
{
    struct fixture *fixture = self;

    if (!is_quiet(fixture, call->session)) {
        fixture->real.wait(fixture->real.self, call, loop_now(call->loop) + WEIR_MILLISECOND);
        return;
    }
    fixture->naps[fixture->nap_count++] = until - now(self, call);
    fixture->slept = until - loop_now(call->loop);
}

static void
open_fixture(struct fixture *fixture, struct weir_hedge_options options,
    const struct script_step *steps, size_t count)
{
    memset((void *)fixture, 0, sizeof(*fixture));
    scripted_start(&fixture->server, steps, count);
    assert_int_equal(weir_hedge_new(&options, &fixture->hedge), WEIR_OK);
    fixture->real = fixture->hedge->policy.clock;
    fixture->hedge->policy.clock = (struct retry_clock){now, nap, fixture};
    assert_int_equal(weir_loop_new(&fixture->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(fixture->loop, fixture->server.address, NULL, &fixture->channel), WEIR_OK);
    assert_int_equal(
        weir_channel_wrap(fixture->channel, weir_hedge_calls, fixture->hedge), WEIR_OK);
}

static void
close_fixture(struct fixture *fixture)
{
    weir_channel_free(fixture->channel);
    weir_loop_free(fixture->loop);
    weir_hedge_free(fixture->hedge);
    scripted_stop(&fixture->server);
}

/* All that the client has sent until now is noted: the requests of a call that has just ended may
 * still be on their way. */
static size_t
requests(struct fixture *fixture, size_t expected)
{
    EVENTUALLY(atomic_load(&fixture->server.count) >= expected)
    return atomic_load(&fixture->server.count);
}

static void
check_naps(const struct fixture *fixture, size_t count, const int64_t *naps)
{
    assert_int_equal(fixture->nap_count, count);
    for (size_t i = 0; i < count; i++)
        assert_in_range(fixture->naps[i], naps[i] - WEIR_SECOND, naps[i]);
}

static const struct weir_hedge_options three = {
    .attempts = 3, .delay = DELAY, .codes = unavailable, .code_count = 1, .unthrottled = true};

#define SILENCE               \
    {                         \
        .act = SCRIPT_SILENCE \
    }
#define DOWN                                         \
    {                                                \
        .act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE \
    }
#define ANSWER               \
    {                        \
        .act = SCRIPT_ANSWER \
    }

/* ---- how many, and when ---- */

static void
one_that_answers_is_alone(void **state)
{
    static const struct script_step step = ANSWER;

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;

        open_fixture(&fixture, three, &step, 1);
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(requests(&fixture, 1), 1);
        assert_string_equal(fixture.server.requests[0].previous, "");
        check_naps(&fixture, 0, NULL);
        close_fixture(&fixture);
    }
}

/* Each has all that the call has sent, and those that have not answered are cancelled. */
static void
silence_brings_the_next_one(void **state)
{
    static const struct script_step steps[] = {SILENCE, SILENCE, ANSWER};
    static const int64_t naps[] = {DELAY, DELAY};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;
        struct script_request *request = fixture.server.requests;

        open_fixture(&fixture, three, steps, COUNT(steps));
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(requests(&fixture, 3), 3);
        check_naps(&fixture, 2, naps);
        assert_string_equal(request[0].previous, "");
        assert_string_equal(request[1].previous, "1");
        assert_string_equal(request[2].previous, "2");
        EVENTUALLY(atomic_load(&request[0].reset) && atomic_load(&request[1].reset))
        assert_int_equal(buf_len(&request[0].data), buf_len(&request[2].data));
        assert_memory_equal(
            buf_head(&request[0].data), buf_head(&request[2].data), buf_len(&request[2].data));
        close_fixture(&fixture);
    }
}

static void
there_are_no_more_than_chosen(void **state)
{
    static const struct script_step silence = SILENCE;
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, three, &silence, 1);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, 500 * WEIR_MILLISECOND).code,
        WEIR_DEADLINE_EXCEEDED);
    assert_true(requests(&fixture, 0) <= 3);
    close_fixture(&fixture);
}

static void
without_a_delay_all_begin_at_once(void **state)
{
    static const struct script_step steps[] = {SILENCE, SILENCE, SILENCE, ANSWER};
    const struct weir_hedge_options options = {.attempts = 4, .unthrottled = true};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;

        open_fixture(&fixture, options, steps, COUNT(steps));
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(requests(&fixture, 4), 4);
        check_naps(&fixture, 0, NULL);
        close_fixture(&fixture);
    }
}

/* ---- failures ---- */

/* Shortcutting the delay, which counts anew from then on. */
static void
a_failure_brings_the_next_one_at_once(void **state)
{
    static const struct script_step steps[] = {DOWN, SILENCE, ANSWER};
    static const int64_t naps[] = {DELAY};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;

        open_fixture(&fixture, three, steps, COUNT(steps));
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(requests(&fixture, 3), 3);
        check_naps(&fixture, 1, naps);
        close_fixture(&fixture);
    }
}

static void
when_all_fail_the_last_one_tells(void **state)
{
    static const struct script_step down = DOWN;

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;

        open_fixture(&fixture, three, &down, 1);
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
        assert_string_equal(outcome.message, "scripted");
        assert_int_equal(requests(&fixture, 3), 3);
        check_naps(&fixture, 0, NULL);
        close_fixture(&fixture);
    }
}

/* The first of them is still silent. */
static void
another_failure_ends_the_call(void **state)
{
    static const struct script_step steps[] = {
        SILENCE, {.act = SCRIPT_FAIL, .code = WEIR_NOT_FOUND}};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct fixture fixture;

        open_fixture(&fixture, three, steps, COUNT(steps));
        assert_int_equal(kinds_call(fixture.channel, kinds[i], PATIENCE).code, WEIR_NOT_FOUND);
        assert_int_equal(requests(&fixture, 2), 2);
        EVENTUALLY(atomic_load(&fixture.server.requests[0].reset))
        close_fixture(&fixture);
    }
}

/* Without codes of its own every failure is of that kind. */
static void
without_codes_the_first_failure_counts(void **state)
{
    static const struct script_step down = DOWN;
    const struct weir_hedge_options options = {.delay = DELAY};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, options, &down, 1);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    assert_int_equal(requests(&fixture, 1), 1);
    close_fixture(&fixture);
}

/* ---- what commits ---- */

static void
a_response_that_begins_commits(void **state)
{
    static const struct script_step steps[] = {
        SILENCE, {.act = SCRIPT_FAIL_LATE, .code = WEIR_UNAVAILABLE}};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct fixture fixture;

        open_fixture(&fixture, three, steps, COUNT(steps));
        assert_int_equal(kinds_call(fixture.channel, kinds[i], PATIENCE).code, WEIR_UNAVAILABLE);
        assert_int_equal(requests(&fixture, 2), 2);
        EVENTUALLY(atomic_load(&fixture.server.requests[0].reset))
        close_fixture(&fixture);
    }
}

/* Headers alone: no further attempt begins while the rest is waited for. */
static void
headers_alone_commit(void **state)
{
    static const struct script_step steps[] = {{.act = SCRIPT_BEGIN}, ANSWER};
    const struct weir_hedge_options options = {.delay = 100 * WEIR_MILLISECOND};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, options, steps, COUNT(steps));
    fixture.hedge->policy.clock = fixture.real;
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, 400 * WEIR_MILLISECOND).code,
        WEIR_DEADLINE_EXCEEDED);
    assert_true(requests(&fixture, 0) <= 2); /* two on a machine that slept */
    close_fixture(&fixture);
}

/* What is too much to be kept has one attempt. */
static void
more_than_is_kept_commits(void **state)
{
    static uint8_t filler[8192];
    static const struct script_step steps[] = {
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE, .after = 3 * sizeof(filler)}, ANSWER};
    static const struct weir_channel_options channel_options = {.retry_buffer = 2 * sizeof(filler)};
    struct rpctest_Test_Collect_client stream = {NULL};
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    struct fixture fixture;
    weir_call *call;

    (void)state;
    message.data = (ProtobufCBinaryData){sizeof(filler), filler};
    open_fixture(&fixture, three, steps, COUNT(steps));
    weir_channel_free(fixture.channel);
    assert_int_equal(
        weir_channel_new(fixture.loop, fixture.server.address, &channel_options, &fixture.channel),
        WEIR_OK);
    assert_int_equal(weir_channel_wrap(fixture.channel, weir_hedge_calls, fixture.hedge), WEIR_OK);
    call = weir_call_new(fixture.channel, NULL);
    assert_int_equal(rpctest_Test_Collect(call, &stream), WEIR_OK);
    for (int i = 0; i < 5; i++) {
        if (rpctest_Test_Collect_client_send(stream, &message) != WEIR_OK)
            break;
    }
    assert_int_equal(rpctest_Test_Collect_client_finish(stream, &response), WEIR_UNAVAILABLE);
    assert_int_equal(requests(&fixture, 1), 1);
    weir_call_free(call);

    /* A single message as large. */
    call = weir_call_new(fixture.channel, NULL);
    message.data = (ProtobufCBinaryData){sizeof(filler), filler};
    message.text = "x";
    assert_int_equal(rpctest_Test_Unary(call, &message, &response), WEIR_OK);
    weir_call_free(call);
    close_fixture(&fixture);
}

/* ---- pushback ---- */

static void
servers_say_when(void **state)
{
    static const struct script_step steps[] = {
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE, .pushback = "50000"}, SILENCE, ANSWER};
    static const int64_t naps[] = {50 * WEIR_SECOND, DELAY};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;

        open_fixture(&fixture, three, steps, COUNT(steps));
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(requests(&fixture, 3), 3);
        check_naps(&fixture, 2, naps);
        close_fixture(&fixture);
    }
}

static void
servers_say_never(void **state)
{
    static const char *const texts[] = {"-1", "x", "1.5"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct script_step step = {
            .act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE, .pushback = texts[i]};
        struct fixture fixture;

        open_fixture(&fixture, three, &step, 1);
        assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
        assert_int_equal(requests(&fixture, 1), 1);
        close_fixture(&fixture);
    }
}

/* ---- throttling ---- */

/* Of 4 tokens more than 2 must be left: the first call has two attempts, after which there are 2;
 * from then on calls are alone, until successes have brought it above that. */
static void
failures_throttle(void **state)
{
    static const struct script_step steps[] = {DOWN, DOWN, DOWN, ANSWER, ANSWER, DOWN, ANSWER};
    const struct weir_hedge_options options = {.attempts = 2,
        .codes = unavailable,
        .code_count = 1,
        .delay = DELAY,
        .max_tokens = 4,
        .token_ratio = 1};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, options, steps, COUNT(steps));
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    assert_int_equal(requests(&fixture, 2), 2); /* 2 left */
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    assert_int_equal(requests(&fixture, 3), 3); /* 1 left */
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_int_equal(requests(&fixture, 5), 5); /* 3 left */
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    assert_int_equal(requests(&fixture, 6), 6); /* 2 left */
    close_fixture(&fixture);
}

/* ---- transparent retries, ends from outside ---- */

static void
unseen_attempts_are_sent_again(void **state)
{
    static const struct script_step steps[] = {
        {.act = SCRIPT_RESET, .code = H2_REFUSED_STREAM}, SILENCE, ANSWER};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct fixture fixture;
        struct weir_hedge_options options = three;

        /* Requests and attempts have other numbers here. */
        options.delay = 50 * WEIR_MILLISECOND;
        open_fixture(&fixture, options, steps, COUNT(steps));
        fixture.hedge->policy.clock = fixture.real;
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_true(requests(&fixture, 3) >= 3);
        close_fixture(&fixture);
    }
}

static void
deadlines_end_all(void **state)
{
    static const struct script_step silence = SILENCE;
    const struct weir_hedge_options options = {.attempts = 5};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct fixture fixture;

        open_fixture(&fixture, options, &silence, 1);
        assert_int_equal(kinds_call(fixture.channel, kinds[i], 100 * WEIR_MILLISECOND).code,
            WEIR_DEADLINE_EXCEEDED);
        close_fixture(&fixture);
    }
}

static void
freed_calls_take_their_attempts_along(void **state)
{
    static const struct script_step silence = SILENCE;
    const struct weir_hedge_options options = {.attempts = 5};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct rpctest_Test_Talk_client stream = {NULL};
        Rpctest__Payload message = kinds_payload();
        struct fixture fixture;
        weir_call *call;

        open_fixture(&fixture, options, &silence, 1);
        call = weir_call_new(fixture.channel, NULL);
        assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
        for (int k = 0; k < i; k++)
            assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
        weir_call_free(call);
        close_fixture(&fixture);
    }
}

/* ---- several servers ---- */

/* Each server twice in a row. */
static weir_subchannel *
pick_twice(void *self, const struct weir_ready *ready, const weir_call *call)
{
    unsigned *count = self;

    (void)call;
    return ready->list[(*count)++ / 2 % ready->count];
}

static const struct weir_balancer_type twice = {
    .name = "twice", .size = sizeof(unsigned), .pick = pick_twice};

static void
hedges_go_to_different_servers(void **state)
{
    static const struct script_step silence = SILENCE, answer = ANSWER;
    const struct weir_hedge_options options = {.delay = 20 * WEIR_MILLISECOND};
    weir_catalog *catalog = weir_catalog_new();
    const struct weir_channel_options channel_options = {.balancer = "twice", .catalog = catalog};
    struct fixture fixture;
    struct scripted second;
    char target[128];

    (void)state;
    assert_int_equal(weir_catalog_add_balancer(catalog, &twice), WEIR_OK);
    scripted_start(&second, &answer, 1);
    open_fixture(&fixture, options, &silence, 1);
    fixture.hedge->policy.clock = fixture.real;
    weir_channel_free(fixture.channel);
    snprintf(target, sizeof(target), "ipv4:%s,%s", fixture.server.address, second.address);
    assert_int_equal(
        weir_channel_new(fixture.loop, target, &channel_options, &fixture.channel), WEIR_OK);
    assert_int_equal(weir_channel_wrap(fixture.channel, weir_hedge_calls, fixture.hedge), WEIR_OK);
    /* Once both are connected. */
    EVENTUALLY(kinds_call(fixture.channel, WEIR_UNARY, 300 * WEIR_MILLISECOND).code == WEIR_OK)
    for (int i = 0; i < 4; i++)
        assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    weir_channel_free(fixture.channel);
    fixture.channel = NULL;
    scripted_stop(&second);
    close_fixture(&fixture);
    weir_catalog_free(catalog);
}

/* ---- with others around it ---- */

static weir_code
count_passes(void *self, weir_call *call, weir_next *next)
{
    ++*(unsigned *)self;
    WEIR_TRY(weir_call_add_header(call, "x-passed", weir_str_of("1")));
    return weir_proceed(next, call);
}

static void
inner_interceptors_proceed_once(void **state)
{
    static const struct script_step steps[] = {SILENCE, ANSWER};
    unsigned passes = 0;
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, three, steps, COUNT(steps));
    assert_int_equal(weir_channel_wrap(fixture.channel, count_passes, &passes), WEIR_OK);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_int_equal(passes, 1);
    assert_int_equal(requests(&fixture, 2), 2);
    close_fixture(&fixture);
}

static void *
call_often(void *arg)
{
    weir_channel *channel = arg;

    for (size_t i = 0; i < 400; i++) {
        struct kinds_outcome outcome = kinds_call(channel, kinds[i % KINDS], PATIENCE);

        kinds_check_whole(&outcome, kinds[i % KINDS]);
    }
    return NULL;
}

static void
many_at_once(void **state)
{
    const struct weir_hedge_options options = {.attempts = 3, .unthrottled = true};
    struct running running;
    weir_hedge *hedge;
    weir_loop *loop;
    weir_channel *channel;
    pthread_t threads[4];

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_hedge_new(&options, &hedge), WEIR_OK);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    assert_int_equal(weir_channel_wrap(channel, weir_hedge_calls, hedge), WEIR_OK);
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, channel), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    weir_channel_free(channel);
    weir_loop_free(loop);
    weir_hedge_free(hedge);
    running_stop(&running, PATIENCE);
}

/* ---- options ---- */

static void
bad_options_are_refused(void **state)
{
    static const weir_code ok[] = {WEIR_OK}, beyond[] = {(weir_code)17};
    const struct weir_hedge_options bad[] = {{.delay = -1}, {.max_tokens = 1001},
        {.token_ratio = -1}, {.codes = ok, .code_count = 1}, {.codes = beyond, .code_count = 1}};
    weir_hedge *hedge;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(weir_hedge_new(&bad[i], &hedge), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_hedge_new(NULL, &hedge), WEIR_OK);
    weir_hedge_free(hedge);
    weir_hedge_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_answers_is_alone),
        cmocka_unit_test(silence_brings_the_next_one),
        cmocka_unit_test(there_are_no_more_than_chosen),
        cmocka_unit_test(without_a_delay_all_begin_at_once),
        cmocka_unit_test(a_failure_brings_the_next_one_at_once),
        cmocka_unit_test(when_all_fail_the_last_one_tells),
        cmocka_unit_test(another_failure_ends_the_call),
        cmocka_unit_test(without_codes_the_first_failure_counts),
        cmocka_unit_test(a_response_that_begins_commits),
        cmocka_unit_test(headers_alone_commit),
        cmocka_unit_test(more_than_is_kept_commits),
        cmocka_unit_test(servers_say_when),
        cmocka_unit_test(servers_say_never),
        cmocka_unit_test(failures_throttle),
        cmocka_unit_test(unseen_attempts_are_sent_again),
        cmocka_unit_test(deadlines_end_all),
        cmocka_unit_test(freed_calls_take_their_attempts_along),
        cmocka_unit_test(hedges_go_to_different_servers),
        cmocka_unit_test(inner_interceptors_proceed_once),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(bad_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
