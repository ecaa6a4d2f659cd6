/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of a stream while interceptors are around it: events, headers, compression. */
#include "kinds.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PATIENCE (100 * WEIR_SECOND)

struct client {
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
    weir_call *call;
    struct rpctest_Test_Talk_client stream;
};

static weir_code
pass(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_proceed(next, call);
}

static void
open_client(struct client *client, weir_compression compression)
{
    const struct weir_channel_options options = {.compression = compression};

    running_start(&client->running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(client->loop, client->running.address, &options, &client->channel),
        WEIR_OK);
    assert_int_equal(weir_channel_wrap(client->channel, pass, NULL), WEIR_OK);
    client->call = weir_call_new(client->channel, NULL);
    weir_call_set_timeout(client->call, PATIENCE);
    assert_int_equal(rpctest_Test_Talk(client->call, &client->stream), WEIR_OK);
}

static void
close_client(struct client *client)
{
    weir_call_free(client->call);
    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
    running_stop(&client->running, PATIENCE);
}

static void
say(struct client *client)
{
    Rpctest__Payload message = kinds_payload();

    assert_int_equal(rpctest_Test_Talk_client_send(client->stream, &message), WEIR_OK);
}

static void
hear(struct client *client)
{
    const Rpctest__Payload *reply = NULL;

    assert_true(rpctest_Test_Talk_client_recv(client->stream, &reply));
    assert_string_equal(reply->text, "re: hello");
}

/* ---- a message or an event ---- */

static void *
set_soon(void *event)
{
    usleep(20000);
    weir_event_set(event);
    return NULL;
}

static void
events_and_messages_wake(void **state)
{
    weir_event *event = weir_event_new();
    struct client client;
    pthread_t thread;

    (void)state;
    open_client(&client, WEIR_IDENTITY);
    assert_int_equal(pthread_create(&thread, NULL, set_soon, event), 0);
    assert_false(weir_call_receivable(client.call, event)); /* nobody has said anything */
    pthread_join(thread, NULL);
    weir_event_clear(event);
    for (int i = 0; i < 3; i++) {
        say(&client);
        assert_true(weir_call_receivable(client.call, event));
        hear(&client);
    }
    weir_event_set(event);
    assert_false(weir_call_receivable(client.call, event));
    weir_event_clear(event);
    assert_int_equal(rpctest_Test_Talk_client_close_send(client.stream), WEIR_OK);
    assert_true(weir_call_receivable(client.call, event)); /* the end */
    assert_int_equal(rpctest_Test_Talk_client_finish(client.stream), WEIR_OK);
    close_client(&client);
    weir_event_unref(event);
}

static void
cancelling_wakes_too(void **state)
{
    weir_event *event = weir_event_new();
    struct client client;

    (void)state;
    open_client(&client, WEIR_IDENTITY);
    weir_call_cancel(client.call);
    assert_true(weir_call_receivable(client.call, event));
    assert_int_equal(rpctest_Test_Talk_client_finish(client.stream), WEIR_CANCELLED);
    close_client(&client);
    weir_event_unref(event);
}

/* ---- headers on their own, compression ---- */

static void
headers_come_first(void **state)
{
    struct client client;

    (void)state;
    open_client(&client, WEIR_IDENTITY);
    say(&client);
    assert_int_equal(weir_call_receive_headers(client.call), WEIR_OK);
    hear(&client);
    assert_int_equal(rpctest_Test_Talk_client_finish(client.stream), WEIR_OK);
    close_client(&client);
}

static void
no_headers_come_with_a_failure(void **state)
{
    static const struct script_step step = {.act = SCRIPT_FAIL, .code = WEIR_NOT_FOUND};
    struct rpctest_Test_Talk_client stream = {NULL};
    struct scripted server;
    weir_channel *channel;
    weir_loop *loop;
    weir_call *call;

    (void)state;
    scripted_start(&server, &step, 1);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, server.address, NULL, &channel), WEIR_OK);
    assert_int_equal(weir_channel_wrap(channel, pass, NULL), WEIR_OK);
    call = weir_call_new(channel, NULL);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    assert_int_equal(weir_call_receive_headers(call), WEIR_NOT_FOUND);
    weir_call_free(call);
    weir_channel_free(channel);
    weir_loop_free(loop);
    scripted_stop(&server);
}

/* What is kept is kept as it is sent, here compressed, there plain. */
static void
compressed_messages_are_kept(void **state)
{
    struct client client;

    (void)state;
    open_client(&client, WEIR_GZIP);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(
            weir_call_set_compression(client.call, i % 2 == 0 ? WEIR_GZIP : WEIR_IDENTITY),
            WEIR_OK);
        say(&client);
        hear(&client);
    }
    assert_int_equal(rpctest_Test_Talk_client_finish(client.stream), WEIR_OK);
    close_client(&client);
}

/* First the messages, then the half-close: and so again, when the server has not seen it. */
static void
compressed_messages_are_sent_again(void **state)
{
    static const struct weir_channel_options options = {.compression = WEIR_GZIP};
    static const struct script_step steps[] = {
        {.act = SCRIPT_RESET, .code = H2_REFUSED_STREAM, .after = 12}, {.act = SCRIPT_ANSWER}};
    struct kinds_outcome outcome;
    struct scripted server;
    weir_channel *channel;
    weir_loop *loop;

    (void)state;
    scripted_start(&server, steps, 2);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, server.address, &options, &channel), WEIR_OK);
    outcome = kinds_call(channel, WEIR_CLIENT_STREAM, PATIENCE);
    kinds_check_whole(&outcome, WEIR_CLIENT_STREAM);
    assert_int_equal(buf_head(&server.requests[1].data)[0], 1); /* the flag of a compressed one */
    weir_channel_free(channel);
    weir_loop_free(loop);
    scripted_stop(&server);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_and_messages_wake),
        cmocka_unit_test(cancelling_wakes_too),
        cmocka_unit_test(headers_come_first),
        cmocka_unit_test(no_headers_come_with_a_failure),
        cmocka_unit_test(compressed_messages_are_kept),
        cmocka_unit_test(compressed_messages_are_sent_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
