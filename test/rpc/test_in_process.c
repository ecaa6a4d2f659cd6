/* SPDX-License-Identifier: Apache-2.0 */
/* Channels to a server of the same process, through memory. */
#include "kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PATIENCE (100 * WEIR_SECOND)

/* A server without an address. */
struct fixture {
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
};

static void *
serve(void *arg)
{
    struct running *running = arg;

    running->result = weir_server_run(running->server);
    return NULL;
}

static void
set_up(struct fixture *it, const struct weir_server_options *options)
{
    memset(it, 0, sizeof(*it));
    it->running.never = weir_event_new();
    assert_int_equal(weir_server_new(options, &it->running.server), WEIR_OK);
    assert_int_equal(
        rpctest_Test_add(it->running.server, &service_handlers, &it->running), WEIR_OK);
    assert_int_equal(weir_loop_new(&it->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new_in_process(it->loop, it->running.server, NULL, &it->channel), WEIR_OK);
}

static void
run(struct fixture *it)
{
    assert_int_equal(pthread_create(&it->running.thread, NULL, serve, &it->running), 0);
}

static void
stop(struct fixture *it)
{
    weir_server_drain(it->running.server, PATIENCE);
    pthread_join(it->running.thread, NULL);
    assert_int_equal(it->running.result, WEIR_OK);
}

static void
tear_down(struct fixture *it)
{
    weir_channel_free(it->channel);
    weir_loop_free(it->loop);
    weir_server_free(it->running.server);
    weir_event_unref(it->running.never);
}

static void
every_kind_is_called(void **state)
{
    struct fixture it;

    (void)state;
    set_up(&it, NULL);
    run(&it);
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < KINDS; i++) {
            struct kinds_outcome outcome = kinds_call(it.channel, kinds[i], PATIENCE);

            assert_int_equal(outcome.code, WEIR_OK);
            kinds_check_whole(&outcome, kinds[i]);
        }
    }
    weir_channel_free(it.channel);
    it.channel = NULL;
    stop(&it);
    tear_down(&it);
}

/* More than the pipe holds, both ways. */
static void
large_messages_pass(void **state)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    struct fixture it;
    weir_call *call;

    (void)state;
    set_up(&it, NULL);
    run(&it);
    request.text = "";
    request.data.len = 3 * 1024 * 1024;
    request.data.data = malloc(request.data.len);
    for (size_t i = 0; i < request.data.len; i++)
        request.data.data[i] = (uint8_t)(i * 7);
    call = weir_call_new(it.channel, NULL);
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
    assert_int_equal(response->data.len, request.data.len);
    assert_memory_equal(response->data.data, request.data.data, request.data.len);
    weir_call_free(call);
    free(request.data.data);
    weir_channel_free(it.channel);
    it.channel = NULL;
    stop(&it);
    tear_down(&it);
}

static void
calls_may_come_before_the_server_runs(void **state)
{
    struct fixture it;

    (void)state;
    set_up(&it, NULL);
    assert_int_equal(
        kinds_call(it.channel, WEIR_UNARY, 50 * WEIR_MILLISECOND).code, WEIR_DEADLINE_EXCEEDED);
    run(&it);
    assert_int_equal(kinds_call(it.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    weir_channel_free(it.channel);
    it.channel = NULL;
    stop(&it);
    tear_down(&it);
}

/* Some of them while the calls go on: they end well, or with UNAVAILABLE. */
static void
servers_drain(void **state)
{
    struct kinds_outcome outcome = {.code = WEIR_OK};
    struct fixture it;

    (void)state;
    set_up(&it, NULL);
    run(&it);
    assert_int_equal(kinds_call(it.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    weir_server_drain(it.running.server, PATIENCE);
    while (outcome.code == WEIR_OK)
        outcome = kinds_call(it.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    assert_non_null(strstr(outcome.message, "in-process"));
    stop(&it);
    assert_int_equal(kinds_call(it.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    tear_down(&it);
}

static void
a_server_that_never_runs(void **state)
{
    struct fixture it;

    (void)state;
    set_up(&it, NULL);
    assert_int_equal(
        kinds_call(it.channel, WEIR_UNARY, 50 * WEIR_MILLISECOND).code, WEIR_DEADLINE_EXCEEDED);
    tear_down(&it);
}

static void *
call_often(void *channel)
{
    for (int i = 0; i < 200; i++)
        assert_int_equal(kinds_call(channel, WEIR_BIDI_STREAM, PATIENCE).code, WEIR_OK);
    return NULL;
}

static void
many_threads_and_loops(void **state)
{
    const struct weir_server_options options = {.loops = 2};
    struct fixture it;
    pthread_t threads[4];

    (void)state;
    set_up(&it, &options);
    run(&it);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, it.channel), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    weir_channel_free(it.channel);
    it.channel = NULL;
    stop(&it);
    tear_down(&it);
}

static void
what_is_refused(void **state)
{
    const struct weir_channel_options options = {.balancer = "no_such_policy"};
    weir_channel *channel;
    weir_server *server;
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_server_new(NULL, &server), WEIR_OK);
    assert_int_equal(
        weir_server_run(server), WEIR_FAILED_PRECONDITION); /* no address, no channel */
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new_in_process(loop, server, &options, &channel), WEIR_INVALID_ARGUMENT);
    weir_loop_free(loop);
    weir_server_free(server);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_called),
        cmocka_unit_test(large_messages_pass),
        cmocka_unit_test(calls_may_come_before_the_server_runs),
        cmocka_unit_test(servers_drain),
        cmocka_unit_test(a_server_that_never_runs),
        cmocka_unit_test(many_threads_and_loops),
        cmocka_unit_test(what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
