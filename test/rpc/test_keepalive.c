/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that vanish, with a word or without one, and clients that ask too often. */
#include "base/bytes.h"
#include "client/client.h"
#include "raw.h"
#include "server/server.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SOON (30 * WEIR_MILLISECOND)

static struct raw_frame frame;

/* One call of each kind; the handlers park in waiting, receiving, and sending to a shut window. */
static void
begin_calls(struct raw *raw, struct running *running)
{
    raw_connect(raw, running->address);
    raw_cork(raw, true);
    raw_greet(raw, true, RAW_INITIAL_WINDOW, 10);
    raw_request(raw, 1, "Unary", NULL);
    raw_text(raw, RAW_END_STREAM, 1, "wait");
    raw_request(raw, 3, "Collect", NULL);
    raw_text(raw, 0, 3, "one");
    raw_request(raw, 5, "Expand", NULL);
    raw_message(raw, RAW_END_STREAM, 5, "\x0a\x01x\x18\x64", 5); /* a hundred messages */
    raw_request(raw, 7, "Talk", NULL);
    raw_text(raw, 0, 7, "more than the window");
    raw_cork(raw, false);
    EVENTUALLY(running->seen.started == 4);
}

static void
check_gone(struct running *running)
{
    EVENTUALLY(running->seen.ended == 4);
    EVENTUALLY(running_is_empty(running));
    assert_int_equal(running->seen.last_code, WEIR_CANCELLED);
    running_stop(running, WEIR_SECOND);
    assert_int_equal(running->result, WEIR_OK);
}

static void
a_client_that_closes(void **state)
{
    struct running running;
    struct raw raw;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    begin_calls(&raw, &running);
    raw_close(&raw);
    check_gone(&running);
}

static void
a_client_that_breaks_off(void **state)
{
    struct running running;
    struct raw raw;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    begin_calls(&raw, &running);
    raw_break(&raw);
    check_gone(&running);
}

/* No packet comes any more, and none says so. It has a second for those that did. */
static void
a_client_that_falls_silent(void **state)
{
    static const struct weir_server_options options = {
        .keepalive_time = SOON, .keepalive_timeout = WEIR_SECOND};
    struct running running;
    struct raw raw;

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    begin_calls(&raw, &running);
    check_gone(&running);
    raw_close(&raw);
}

/* One that answers stays, however long it has nothing else to say. */
static void
a_client_that_is_only_quiet(void **state)
{
    static const struct weir_server_options options = {
        .keepalive_time = SOON, .keepalive_timeout = 100 * WEIR_SECOND};
    struct running running;
    struct raw raw;
    unsigned pings = 0;

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    begin_calls(&raw, &running);
    while (pings < 5 && raw_next(&raw, &frame))
        pings += frame.type == RAW_PING && (frame.flags & RAW_ACK) == 0;
    assert_int_equal(pings, 5);
    assert_int_equal(running_stats(&running).calls_live, 4);
    raw_close(&raw);
    check_gone(&running);
}

/* ---- clients ---- */

struct client {
    weir_loop *loop;
    weir_channel *channel;
};

/* The public options know no times as short as these. */
static void
open_client(struct client *client, const char *address, int64_t timeout)
{
    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(client->loop, address, NULL, &client->channel), WEIR_OK);
    client->channel->keepalive = (struct rpc_keepalive){.time = SOON, .timeout = timeout};
}

static void
close_client(struct client *client)
{
    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
}

static weir_code
ask(struct client *client, const char *text, int64_t timeout, char *out_why, size_t size)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(client->channel, NULL);
    weir_code code;

    request.text = (char *)text;
    weir_call_set_timeout(call, timeout);
    code = rpctest_Test_Unary(call, &request, &response);
    snprintf(out_why, size, "%s", weir_call_message(call));
    weir_call_free(call);
    return code;
}

static void *
accept_and_say_nothing(void *arg)
{
    int *fds = arg;
    struct raw raw;

    raw_accept(&raw, fds[0]);
    raw_greet(&raw, false, 0, 0);
    fds[1] = raw.fd; /* open, and never read again */
    buf_fini(&raw.in);
    buf_fini(&raw.fields);
    hpack_decoder_free(raw.decoder);
    return NULL;
}

static void
a_server_that_falls_silent(void **state)
{
    char address[32], why[128];
    int fds[2] = {raw_listen(address), -1};
    struct client client;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, accept_and_say_nothing, fds), 0);
    open_client(&client, address, SOON);
    assert_int_equal(ask(&client, "hello", 100 * WEIR_SECOND, why, sizeof(why)), WEIR_UNAVAILABLE);
    assert_non_null(strstr(why, "keepalive"));
    pthread_join(thread, NULL);
    close_client(&client);
    close(fds[0]);
    close(fds[1]);
}

static void
a_server_that_is_only_slow(void **state)
{
    static const struct weir_server_options options = {.min_ping_interval = 1};
    struct running running;
    struct client client;
    char why[128];

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    open_client(&client, running.address, 100 * WEIR_SECOND);
    assert_int_equal(ask(&client, "sleep:300", 100 * WEIR_SECOND, why, sizeof(why)), WEIR_OK);
    assert_int_equal(client.channel->keepalive.time, SOON);
    close_client(&client);
    running_stop(&running, WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

/* The server says so and leaves; from then on the client asks half as often. */
static void
a_client_that_asks_too_often(void **state)
{
    struct running running;
    struct client client;
    char why[128];

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, 100 * WEIR_SECOND);
    assert_int_equal(ask(&client, "wait", 100 * WEIR_SECOND, why, sizeof(why)), WEIR_UNAVAILABLE);
    assert_int_equal(client.channel->keepalive.time, 2 * SOON);
    EVENTUALLY(running_is_empty(&running));
    assert_int_equal(running_stats(&running).limit_hits[WEIR_LIMIT_PINGS], 1);
    assert_int_equal(ask(&client, "hello", 100 * WEIR_SECOND, why, sizeof(why)), WEIR_OK);
    close_client(&client);
    running_stop(&running, WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

static void
options_of_a_channel(void **state)
{
    static const struct weir_channel_options eager = {.keepalive_time = 1};
    static const struct weir_channel_options lazy = {.keepalive_time = INT64_MAX,
        .keepalive_timeout = WEIR_SECOND,
        .keepalive_without_calls = true};
    struct client client;
    weir_channel *channel;

    (void)state;
    open_client(&client, "127.0.0.1:1", 1);
    assert_int_equal(weir_channel_new(client.loop, "127.0.0.1:1", NULL, &channel), WEIR_OK);
    assert_int_equal(channel->keepalive.time, WEIR_NEVER);
    weir_channel_free(channel);
    assert_int_equal(weir_channel_new(client.loop, "127.0.0.1:1", &eager, &channel), WEIR_OK);
    assert_int_equal(channel->keepalive.time, 10 * WEIR_SECOND); /* gRFC A8 */
    assert_int_equal(channel->keepalive.timeout, 20 * WEIR_SECOND);
    assert_false(channel->keepalive.without_calls);
    weir_channel_free(channel);
    assert_int_equal(weir_channel_new(client.loop, "127.0.0.1:1", &lazy, &channel), WEIR_OK);
    assert_int_equal(channel->keepalive.time, WEIR_NEVER);
    assert_true(channel->keepalive.without_calls);
    weir_channel_free(channel);
    close_client(&client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_closes),
        cmocka_unit_test(a_client_that_breaks_off),
        cmocka_unit_test(a_client_that_falls_silent),
        cmocka_unit_test(a_client_that_is_only_quiet),
        cmocka_unit_test(a_server_that_falls_silent),
        cmocka_unit_test(a_server_that_is_only_slow),
        cmocka_unit_test(a_client_that_asks_too_often),
        cmocka_unit_test(options_of_a_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
