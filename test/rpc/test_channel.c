/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's way to its server: retries, lines of calls that wait, backoff, reconnection, and
 * freeing it while something is under way. */
#include "client/client.h"
#include "http2/h2_internal.h"
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct client {
    weir_loop *loop;
    weir_channel *channel;
};

static void
open_client(struct client *client, const char *target, const struct weir_channel_options *options)
{
    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(client->loop, target, options, &client->channel), WEIR_OK);
}

static void
close_client(struct client *client)
{
    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
}

/* One unary call; its message when it fails. */
static weir_code
ask(weir_channel *channel, int64_t timeout, char out_text[256])
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    weir_call_set_timeout(call, timeout);
    code = rpctest_Test_Unary(call, &request, &response);
    if (out_text != NULL)
        snprintf(out_text, 256, "%s", weir_call_message(call));
    weir_call_free(call);
    return code;
}

#define PATIENCE (100 * WEIR_SECOND)

/* ---- a server that refuses ---- */

/* Refuses the first `refusals` requests, each in one of several ways, and answers the others. */
struct refuser {
    int listener;
    char address[32];
    enum { BY_RESET, BY_GOAWAY, BY_RESET_LATE } way;
    unsigned refusals;
    atomic_uint requests, conns;
    pthread_t thread;
};

static void
refuse(struct refuser *refuser, struct raw *raw, uint32_t id)
{
    if (refuser->way == BY_GOAWAY) {
        raw_goaway(raw, 0, H2_NO_ERROR);
        return;
    }
    if (refuser->way == BY_RESET_LATE)
        raw_response(raw, id);
    raw_number(raw, RAW_RST_STREAM, id, H2_REFUSED_STREAM);
}

static void
answer(struct raw *raw, uint32_t id)
{
    raw_response(raw, id);
    raw_text(raw, 0, id, "x");
    raw_trailers(raw, id, "0");
}

/* Until the client hangs up; GOAWAY makes it. */
static void
serve_connection(struct refuser *refuser, struct raw_frame *frame)
{
    struct raw raw;

    raw_accept(&raw, refuser->listener);
    raw_greet(&raw, false, 0, 0);
    while (raw_next(&raw, frame)) {
        if (frame->type == RAW_HEADERS)
            refuser->requests++;
        if (frame->type != RAW_DATA || (frame->flags & RAW_END_STREAM) == 0)
            continue;
        if (refuser->refusals > 0) {
            refuser->refusals--;
            refuse(refuser, &raw, frame->id);
        } else {
            answer(&raw, frame->id);
        }
    }
    raw_close(&raw);
}

static void *
serve(void *arg)
{
    struct refuser *refuser = arg;
    struct raw_frame *frame = malloc(sizeof(*frame));

    for (unsigned i = 0; i < refuser->conns; i++)
        serve_connection(refuser, frame);
    free(frame);
    return NULL;
}

static void
check_retries(int way, unsigned refusals, unsigned conns, weir_code code, unsigned requests)
{
    struct refuser refuser = {.way = way, .refusals = refusals, .conns = conns};
    struct client client;

    refuser.listener = raw_listen(refuser.address);
    assert_int_equal(pthread_create(&refuser.thread, NULL, serve, &refuser), 0);
    open_client(&client, refuser.address, NULL);
    assert_int_equal(ask(client.channel, PATIENCE, NULL), code);
    assert_int_equal(refuser.requests, requests);
    close_client(&client);
    pthread_join(refuser.thread, NULL);
    close(refuser.listener);
}

/* gRFC A6: once, when the server says that it has not seen the request. */
static void
unseen_requests_are_retried_once(void **state)
{
    (void)state;
    check_retries(BY_RESET, 0, 1, WEIR_OK, 1);
    check_retries(BY_RESET, 1, 1, WEIR_OK, 2);
    check_retries(BY_RESET, 2, 1, WEIR_UNAVAILABLE, 2);
    check_retries(BY_RESET_LATE, 1, 1, WEIR_UNAVAILABLE, 1);
    check_retries(BY_GOAWAY, 1, 2, WEIR_OK, 2);
    check_retries(BY_GOAWAY, 2, 2, WEIR_UNAVAILABLE, 2);
}

/* ---- calls in line for a stream ---- */

struct asking {
    pthread_t thread;
    weir_channel *channel;
    int64_t timeout;
    weir_code code;
};

static void *
ask_on_thread(void *arg)
{
    struct asking *asking = arg;

    asking->code = ask(asking->channel, asking->timeout, NULL);
    return NULL;
}

static void
begin(struct asking *asking, weir_channel *channel, int64_t timeout)
{
    *asking = (struct asking){.channel = channel, .timeout = timeout};
    assert_int_equal(pthread_create(&asking->thread, NULL, ask_on_thread, asking), 0);
}

static weir_code
end(struct asking *asking)
{
    pthread_join(asking->thread, NULL);
    return asking->code;
}

static void
take_request(struct raw *raw, struct raw_frame *frame)
{
    do
        assert_true(raw_await(raw, RAW_DATA, 0, frame));
    while ((frame->flags & RAW_END_STREAM) == 0);
}

/* A server that allows one stream at a time, and sees no more. */
static void
calls_wait_for_streams(void **state)
{
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct asking askings[20];
    struct client client;
    char address[32];
    int listener = raw_listen(address);
    struct raw raw;

    (void)state;
    open_client(&client, address, NULL);
    for (size_t i = 0; i < COUNT(askings); i++)
        begin(&askings[i], client.channel, PATIENCE);
    raw_accept(&raw, listener);
    raw_greet(&raw, false, RAW_MAX_STREAMS, 1);
    for (size_t i = 0; i < COUNT(askings); i++) {
        take_request(&raw, frame);
        assert_int_equal(frame->id, 2 * i + 1);
        raw_frame(&raw, RAW_PING, 0, 0, "anything", 8);
        assert_true(raw_next(&raw, frame));
        assert_int_equal(frame->type, RAW_PING);
        answer(&raw, (uint32_t)(2 * i + 1));
    }
    for (size_t i = 0; i < COUNT(askings); i++)
        assert_int_equal(end(&askings[i]), WEIR_OK);
    close_client(&client);
    raw_close(&raw);
    close(listener);
    free(frame);
}

/* No stream at all, until SETTINGS allow some. Meanwhile deadlines hold, and cancelling works. */
static void
calls_wait_for_settings(void **state)
{
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct asking askings[5], late;
    struct client client;
    char address[32];
    int listener = raw_listen(address);
    struct raw raw;

    (void)state;
    open_client(&client, address, NULL);
    begin(&late, client.channel, 20 * WEIR_MILLISECOND);
    for (size_t i = 0; i < COUNT(askings); i++)
        begin(&askings[i], client.channel, PATIENCE);
    raw_accept(&raw, listener);
    raw_greet(&raw, false, RAW_MAX_STREAMS, 0);
    assert_int_equal(end(&late), WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(ask(client.channel, 20 * WEIR_MILLISECOND, NULL), WEIR_DEADLINE_EXCEEDED);
    raw_greet(&raw, false, RAW_MAX_STREAMS, 2);
    for (size_t i = 0; i < COUNT(askings); i++) {
        take_request(&raw, frame);
        answer(&raw, frame->id);
    }
    for (size_t i = 0; i < COUNT(askings); i++)
        assert_int_equal(end(&askings[i]), WEIR_OK);
    close_client(&client);
    raw_close(&raw);
    close(listener);
    free(frame);
}

/* Who waits in line when the connection goes takes the next one. */
static void
lines_move_to_the_next_connection(void **state)
{
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct asking askings[5];
    struct client client;
    char address[32];
    int listener = raw_listen(address);
    struct raw first, second;

    (void)state;
    open_client(&client, address, NULL);
    for (size_t i = 0; i < COUNT(askings); i++)
        begin(&askings[i], client.channel, PATIENCE);
    raw_accept(&first, listener);
    raw_greet(&first, false, RAW_MAX_STREAMS, 0);
    assert_true(raw_await(&first, RAW_SETTINGS, 0, frame));
    raw_goaway(&first, 0, H2_NO_ERROR);
    raw_accept(&second, listener);
    raw_greet(&second, false, 0, 0);
    for (size_t i = 0; i < COUNT(askings); i++) {
        take_request(&second, frame);
        answer(&second, frame->id);
    }
    for (size_t i = 0; i < COUNT(askings); i++)
        assert_int_equal(end(&askings[i]), WEIR_OK);
    close_client(&client);
    raw_close(&first);
    raw_close(&second);
    close(listener);
    free(frame);
}

/* A further connection that fails is tried again for those who wait, though the one that there is
 * says nothing meanwhile. */
static void
growth_is_tried_again(void **state)
{
    const struct weir_channel_options options = {
        .max_connections = 2, .initial_backoff = 20 * WEIR_MILLISECOND};
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct asking long_one, short_one;
    struct raw first, broken, second;
    struct client client;
    char address[32];
    int listener = raw_listen(address);

    (void)state;
    open_client(&client, address, &options);
    begin(&long_one, client.channel, PATIENCE);
    raw_accept(&first, listener);
    raw_greet(&first, false, RAW_MAX_STREAMS, 1);
    take_request(&first, frame);
    begin(&short_one, client.channel, PATIENCE);
    raw_accept(&broken, listener);
    raw_break(&broken);
    raw_accept(&second, listener);
    raw_greet(&second, false, 0, 0);
    take_request(&second, frame);
    answer(&second, frame->id);
    assert_int_equal(end(&short_one), WEIR_OK);
    answer(&first, 1);
    assert_int_equal(end(&long_one), WEIR_OK);
    close_client(&client);
    raw_close(&first);
    raw_close(&second);
    close(listener);
    free(frame);
}

/* The numbers of a connection's streams run out: the next call takes another connection. */
static void
numbers_run_out(void **state)
{
    struct running running;
    struct client client;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, NULL);
    for (int round = 0; round < 3; round++) {
        const struct weir_subchannel *subchannel;
        struct client_conn *conn;

        assert_int_equal(ask(client.channel, PATIENCE, NULL), WEIR_OK);
        subchannel = container_of(client.channel->subchannels.next, struct weir_subchannel, link);
        conn = subchannel->conn;
        assert_non_null(conn);
        conn->transport.h2->last_id = CLIENT_LAST_STREAM;
        assert_int_equal(ask(client.channel, PATIENCE, NULL), WEIR_OK);
        assert_null(subchannel->conn);
    }
    close_client(&client);
    running_stop(&running, WEIR_SECOND);
}

/* ---- failing to connect ---- */

/* Accepts and hangs up. Its listener's shutdown ends it. */
struct rejecter {
    int listener;
    atomic_uint conns;
    pthread_t thread;
};

static void *
reject(void *arg)
{
    struct rejecter *rejecter = arg;
    int fd;

    while ((fd = accept(rejecter->listener, NULL, NULL)) >= 0) {
        rejecter->conns++;
        close(fd);
    }
    return NULL;
}

static void
backoff_fails_fast_with_the_reason(void **state)
{
    struct rejecter rejecter = {.conns = 0};
    struct client client;
    struct running running;
    char address[32], first[256], again[256];

    (void)state;
    rejecter.listener = raw_listen(address);
    assert_int_equal(pthread_create(&rejecter.thread, NULL, reject, &rejecter), 0);
    open_client(&client, address, NULL);
    assert_int_equal(ask(client.channel, PATIENCE, first), WEIR_UNAVAILABLE);
    assert_non_null(strstr(first, address));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask(client.channel, PATIENCE, again), WEIR_UNAVAILABLE);
        assert_string_equal(first, again);
    }
    shutdown(rejecter.listener, SHUT_RDWR);
    pthread_join(rejecter.thread, NULL);
    close(rejecter.listener);
    assert_in_range(rejecter.conns, 1, 10); /* one, unless all this took a second */

    /* The server is there again, and after a while the channel finds it. */
    running_start(&running, address, NULL, NULL);
    EVENTUALLY(ask(client.channel, PATIENCE, NULL) == WEIR_OK);
    running_stop(&running, WEIR_SECOND);
    EVENTUALLY(ask(client.channel, PATIENCE, NULL) == WEIR_UNAVAILABLE);
    close_client(&client);
}

static void
reconnects_at_once_when_the_server_was_there(void **state)
{
    struct running running;
    struct client client;
    char address[32];

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    snprintf(address, sizeof(address), "%s", running.address);
    open_client(&client, address, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(client.channel, PATIENCE, NULL), WEIR_OK);
        running_stop(&running, WEIR_SECOND);
        running_start(&running, address, NULL, NULL);
    }
    assert_int_equal(ask(client.channel, PATIENCE, NULL), WEIR_OK);
    close_client(&client);
    running_stop(&running, WEIR_SECOND);
}

/* TCP is there, SETTINGS never come. */
static void
servers_that_say_nothing(void **state)
{
    struct weir_channel_options hasty = {.connect_timeout = 50 * WEIR_MILLISECOND};
    struct client client;
    char address[32], text[256];
    int listener = raw_listen(address);

    (void)state;
    open_client(&client, address, &hasty);
    assert_int_equal(ask(client.channel, PATIENCE, text), WEIR_UNAVAILABLE);
    assert_non_null(strstr(text, "SETTINGS"));
    close_client(&client);

    /* The call's own deadline does not wait for the connection. */
    open_client(&client, address, NULL);
    assert_int_equal(ask(client.channel, 20 * WEIR_MILLISECOND, NULL), WEIR_DEADLINE_EXCEEDED);
    close_client(&client);
    close(listener);
}

/* ---- last words ---- */

static void *
dismiss(void *arg)
{
    static const char goaway[] = "\x7f\xff\xff\xff\0\0\0\x0btoo_many_pings\xff";
    struct raw_frame frame;
    struct raw raw;

    raw_accept(&raw, *(int *)arg);
    raw_greet(&raw, false, 0, 0);
    assert_true(raw_await(&raw, RAW_DATA, 0, &frame));
    raw_frame(&raw, RAW_GOAWAY, 0, 0, goaway, sizeof(goaway) - 1);
    raw_goaway(&raw, 1, H2_NO_ERROR); /* which takes nothing back */
    raw_close(&raw);
    return NULL;
}

static void
calls_are_told_what_goaway_said(void **state)
{
    struct client client;
    char address[32], text[256];
    int listener = raw_listen(address);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, dismiss, &listener), 0);
    open_client(&client, address, NULL);
    assert_int_equal(ask(client.channel, PATIENCE, text), WEIR_UNAVAILABLE);
    assert_string_equal(text,
        "the peer closed the connection; its GOAWAY said ENHANCE_YOUR_CALM \"too_many_pings?\"");
    close_client(&client);
    pthread_join(thread, NULL);
    close(listener);
}

/* ---- freeing ---- */

static void
dawdle(void *unused)
{
    (void)unused;
    usleep(3000);
}

/* The attempt to connect is still alive, with and without a lookup before it; that is still waiting
 * for its thread, or has begun. */
static void
free_while_connecting(void **state)
{
    struct weir_channel_options options = {0};
    struct client client;
    weir_pool *pool;
    char address[32], named[64];
    int listener = raw_listen(address);

    (void)state;
    snprintf(named, sizeof(named), "localhost%s", strchr(address, ':'));
    assert_int_equal(weir_pool_new(1, &pool), WEIR_OK);
    for (int i = 0; i < 100; i++) {
        options.pool = i % 2 == 0 ? pool : NULL;
        if (i % 8 == 0)
            assert_int_equal(weir_pool_submit(pool, dawdle, NULL), WEIR_OK);
        open_client(&client, i % 4 < 2 ? named : address, &options);
        assert_int_equal(
            ask(client.channel, (i % 5) * 100 * WEIR_MICROSECOND, NULL), WEIR_DEADLINE_EXCEEDED);
        close_client(&client);
    }
    weir_pool_free(pool);
    close(listener);
}

struct onlooker {
    weir_channel *channel;
    weir_call *call;
    atomic_bool made, done;
    pthread_t thread;
};

static void *
cancel_when_made(void *arg)
{
    struct onlooker *onlooker = arg;

    EVENTUALLY(onlooker->made);
    weir_call_cancel(onlooker->call);
    onlooker->done = true;
    return NULL;
}

/* On the channel's own loop: the cancellation was sent but has not arrived when both are freed. */
static void
free_with_a_cancellation_on_its_way(void *arg)
{
    struct onlooker *onlooker = arg;

    onlooker->call = weir_call_new(onlooker->channel, NULL);
    onlooker->made = true;
    while (!onlooker->done)
        usleep(10);
    weir_call_free(onlooker->call);
    weir_channel_free(onlooker->channel);
}

static void
cancelled_call_and_channel_are_freed_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct client client;
        struct onlooker onlooker = {0};

        open_client(&client, "127.0.0.1:1", NULL);
        onlooker.channel = client.channel;
        assert_int_equal(pthread_create(&onlooker.thread, NULL, cancel_when_made, &onlooker), 0);
        assert_int_equal(
            fiber_run_on(client.loop, free_with_a_cancellation_on_its_way, &onlooker), WEIR_OK);
        pthread_join(onlooker.thread, NULL);
        weir_loop_free(client.loop);
    }
}

/* ---- targets ---- */

static void
targets_have_schemes(void **state)
{
    static const char *const schemes[] = {"", "dns:", "dns:///", "ipv4:"};
    struct weir_channel_options options = {.user_agent = "tests/1"};
    struct running running;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_pool_new(1, &options.pool), WEIR_OK);
    for (size_t i = 0; i < COUNT(schemes); i++) {
        struct client client;
        char target[64];

        snprintf(target, sizeof(target), "%s%s", schemes[i], running.address);
        open_client(&client, target, &options);
        assert_int_equal(ask(client.channel, PATIENCE, NULL), WEIR_OK);
        close_client(&client);
    }
    weir_pool_free(options.pool);
    running_stop(&running, WEIR_SECOND);
}

/* No resolver has to be asked to know that this label is too long. */
static void
names_that_do_not_resolve(void **state)
{
    struct weir_channel_options options = {.pool = NULL};
    struct client client;
    char target[128], text[256];

    (void)state;
    snprintf(target, sizeof(target), "%0100d.invalid:1", 0);
    for (int pooled = 0; pooled < 2; pooled++) {
        if (pooled)
            assert_int_equal(weir_pool_new(1, &options.pool), WEIR_OK);
        open_client(&client, target, &options);
        assert_int_equal(ask(client.channel, PATIENCE, text), WEIR_UNAVAILABLE);
        assert_non_null(strstr(text, target));
        close_client(&client);
    }
    weir_pool_free(options.pool);
}

/* ---- numbers ---- */

static void
durations_at_their_limits(void **state)
{
    static const int64_t lasting[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2};
    static const int64_t past[] = {0, -1, INT64_MIN, INT64_MIN + 1};
    struct weir_channel_options options = {.connect_timeout = INT64_MAX};
    struct running running;
    struct client client;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, &options);
    for (size_t i = 0; i < COUNT(lasting); i++)
        assert_int_equal(ask(client.channel, lasting[i], NULL), WEIR_OK);
    for (size_t i = 0; i < COUNT(past); i++)
        assert_int_equal(ask(client.channel, past[i], NULL), WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(running.seen.started, COUNT(lasting));
    for (size_t i = 0; i < COUNT(past); i++) {
        weir_call *call = weir_call_new(client.channel, NULL);

        assert_int_equal(weir_call_sleep(call, past[i]), WEIR_OK);
        weir_call_cancel(call);
        assert_int_equal(weir_call_sleep(call, INT64_MAX), WEIR_CANCELLED);
        weir_call_free(call);
    }
    close_client(&client);
    running_stop(&running, WEIR_SECOND);
}

/* What a burst of calls took is given back. */
static void
bursts_leave_little_behind(void **state)
{
    static weir_call *calls[3000];
    struct client client;

    (void)state;
    open_client(&client, "127.0.0.1:1", NULL);
    for (size_t i = 0; i < COUNT(calls); i++)
        calls[i] = weir_call_new(client.channel, NULL);
    for (size_t i = 0; i < COUNT(calls); i++)
        weir_call_free(calls[i]);
    weir_call_free(weir_call_new(client.channel, NULL));
    assert_int_equal(ask(client.channel, PATIENCE, NULL), WEIR_UNAVAILABLE);
    assert_in_range(client.channel->calls.count, 1, 1000);
    close_client(&client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unseen_requests_are_retried_once),
        cmocka_unit_test(calls_wait_for_streams),
        cmocka_unit_test(calls_wait_for_settings),
        cmocka_unit_test(lines_move_to_the_next_connection),
        cmocka_unit_test(growth_is_tried_again),
        cmocka_unit_test(numbers_run_out),
        cmocka_unit_test(backoff_fails_fast_with_the_reason),
        cmocka_unit_test(reconnects_at_once_when_the_server_was_there),
        cmocka_unit_test(servers_that_say_nothing),
        cmocka_unit_test(calls_are_told_what_goaway_said),
        cmocka_unit_test(free_while_connecting),
        cmocka_unit_test(cancelled_call_and_channel_are_freed_at_once),
        cmocka_unit_test(targets_have_schemes),
        cmocka_unit_test(names_that_do_not_resolve),
        cmocka_unit_test(durations_at_their_limits),
        cmocka_unit_test(bursts_leave_little_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
