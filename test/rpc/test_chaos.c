/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that say anything in any order, and servers that come and go under load: whatever becomes
 * of a connection, its calls end, and the next one works. */
#define _GNU_SOURCE /* rand_r */
#include "fiber/fiber.h"
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- any frames, well-formed for the most part ---- */

struct chaos {
    struct raw raw;
    unsigned seed;
    uint32_t last_id; /* the highest stream so far */
    bool is_client;
};

static unsigned
roll(struct chaos *chaos, unsigned sides)
{
    return (unsigned)rand_r(&chaos->seed) % sides;
}

static uint32_t
any_stream(struct chaos *chaos)
{
    return chaos->last_id == 0 ? 1 : (roll(chaos, chaos->last_id) | 1);
}

static void
say_request(struct chaos *chaos)
{
    static const char *const methods[] = {"Unary", "Collect", "Expand", "Talk", "Unset", "Nothing"};
    static const char *const timeouts[] = {NULL, NULL, "1m", "5m", "0n", "99999999H"};

    chaos->last_id += chaos->last_id == 0 ? 1 : 2;
    raw_call(
        &chaos->raw, methods[roll(chaos, COUNT(methods))], timeouts[roll(chaos, COUNT(timeouts))]);
    if (roll(chaos, 5) == 0)
        raw_field(&chaos->raw, "grpc-encoding", "gzip");
    raw_headers(&chaos->raw, roll(chaos, 10) == 0 ? RAW_END_STREAM : 0, chaos->last_id);
}

static void
say_response(struct chaos *chaos)
{
    switch (roll(chaos, 3)) {
    case 0:
        raw_response(&chaos->raw, any_stream(chaos));
        break;
    case 1:
        raw_trailers(&chaos->raw, any_stream(chaos), roll(chaos, 2) == 0 ? "0" : "7");
        break;
    default:
        raw_field(&chaos->raw, ":status", "200");
        raw_field(&chaos->raw, "content-type", "application/grpc");
        raw_field(&chaos->raw, "grpc-status", "9");
        raw_headers(&chaos->raw, RAW_END_STREAM, any_stream(chaos));
    }
}

static void
say_message(struct chaos *chaos)
{
    static const char *const texts[] = {
        "x", "wait", "sleep:1", "sleep:1000000", "size:70000", "size:300", "metadata", "fail:3"};
    unsigned end = roll(chaos, 2) == 0 ? RAW_END_STREAM : 0;

    raw_text(&chaos->raw, end, any_stream(chaos), texts[roll(chaos, COUNT(texts))]);
}

static void
say_bytes(struct chaos *chaos)
{
    static uint8_t bytes[3000];
    size_t len = roll(chaos, sizeof(bytes));

    for (size_t i = 0; i < len && i < 12; i++)
        bytes[i] = (uint8_t)(roll(chaos, 4) == 0 ? roll(chaos, 256) : 0);
    raw_frame(&chaos->raw, RAW_DATA, roll(chaos, 4) == 0 ? RAW_END_STREAM : 0, any_stream(chaos),
        bytes, len);
}

static void
say_control(struct chaos *chaos)
{
    switch (roll(chaos, 8)) {
    case 0:
        raw_greet(&chaos->raw, false, RAW_INITIAL_WINDOW, roll(chaos, 100000));
        break;
    case 1:
        raw_frame(&chaos->raw, RAW_PING, 0, 0, "whatever", 8);
        break;
    case 2:
        raw_number(&chaos->raw, RAW_WINDOW_UPDATE, 0, 1 + roll(chaos, 100000));
        break;
    case 3:
        raw_greet(&chaos->raw, false, RAW_MAX_STREAMS, roll(chaos, 5));
        break;
    case 4:
        if (roll(chaos, 10) == 0)
            raw_goaway(&chaos->raw, any_stream(chaos), roll(chaos, 14));
        break;
    default:
        raw_number(&chaos->raw, RAW_WINDOW_UPDATE, any_stream(chaos), 1 + roll(chaos, 100000));
    }
}

static void
say_something(struct chaos *chaos)
{
    unsigned what = roll(chaos, 20);

    if (what < 5 && chaos->is_client)
        say_request(chaos);
    else if (what < 8 && !chaos->is_client)
        say_response(chaos);
    else if (what < 13)
        say_message(chaos);
    else if (what < 15)
        say_bytes(chaos);
    else if (what < 16)
        raw_number(&chaos->raw, RAW_RST_STREAM, any_stream(chaos), roll(chaos, 15));
    else
        say_control(chaos);
}

/* Throw away what has come so far; note the streams that were opened. False: the peer has gone. */
static bool
hear(struct chaos *chaos)
{
    static _Thread_local uint8_t sink[65536];
    ssize_t got;

    while ((got = recv(chaos->raw.fd, sink, sizeof(sink), MSG_DONTWAIT)) > 0)
        continue;
    return got < 0;
}

static void
part(struct chaos *chaos)
{
    if (roll(chaos, 2) == 0)
        raw_close(&chaos->raw);
    else
        raw_break(&chaos->raw);
}

/* ---- clients without manners ---- */

static void
visit(const char *address, unsigned seed)
{
    struct chaos chaos = {.seed = seed, .is_client = true};
    unsigned frames;

    raw_connect(&chaos.raw, address);
    raw_greet(&chaos.raw, true, RAW_INITIAL_WINDOW, roll(&chaos, 3) * 30000);
    raw_frame(&chaos.raw, RAW_SETTINGS, RAW_ACK, 0, NULL, 0);
    frames = roll(&chaos, 200);
    for (unsigned i = 0; i < frames && hear(&chaos); i++) {
        raw_cork(&chaos.raw, roll(&chaos, 3) > 0);
        say_something(&chaos);
        raw_cork(&chaos.raw, false);
    }
    part(&chaos);
}

static weir_code
ask(weir_channel *channel, const char *text, int64_t timeout)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    request.text = (char *)text;
    weir_call_set_timeout(call, timeout);
    code = rpctest_Test_Unary(call, &request, &response);
    weir_call_free(call);
    return code;
}

static void
clients_without_manners(void **state)
{
    struct running running;
    weir_loop *loop;
    weir_channel *channel;

    (void)state;
    running_start(&running, "127.0.0.1:0", &(struct weir_server_options){.loops = 2}, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    for (unsigned i = 0; i < 600; i++) {
        visit(running.address, i);
        if (i % 50 == 0)
            assert_int_equal(ask(channel, "x", 100 * WEIR_SECOND), WEIR_OK);
    }
    EVENTUALLY(running.seen.ended == running.seen.started)
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

/* ---- servers without manners ---- */

struct host {
    int listener;
    unsigned seed;
    pthread_t thread;
};

static void
receive_guest(int fd, unsigned seed)
{
    struct chaos chaos = {.seed = seed, .last_id = 40};
    unsigned frames;

    raw_adopt(&chaos.raw, fd);
    raw_greet(&chaos.raw, false, RAW_MAX_STREAMS, roll(&chaos, 10));
    raw_frame(&chaos.raw, RAW_SETTINGS, RAW_ACK, 0, NULL, 0);
    frames = roll(&chaos, 100);
    for (unsigned i = 0; i < frames && hear(&chaos); i++) {
        chaos.last_id = 2 + i;
        say_something(&chaos);
        usleep(roll(&chaos, 100));
    }
    part(&chaos);
}

/* Until the listener is shut. */
static void *
receive_guests(void *arg)
{
    struct host *host = arg;
    int fd;

    while ((fd = accept(host->listener, NULL, NULL)) >= 0)
        receive_guest(fd, host->seed++);
    return NULL;
}

static weir_code
expand(weir_channel *channel, int64_t timeout)
{
    struct rpctest_Test_Expand_client stream;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *message = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    weir_call_set_timeout(call, timeout);
    code = rpctest_Test_Expand(call, &request, &stream);
    while (code == WEIR_OK && rpctest_Test_Expand_client_recv(stream, &message))
        continue;
    if (code == WEIR_OK)
        code = rpctest_Test_Expand_client_finish(stream);
    weir_call_free(call);
    return code;
}

struct guest {
    weir_channel *channel;
    pthread_t thread;
};

static void *
call_chaos(void *arg)
{
    struct guest *guest = arg;

    for (int i = 0; i < 100; i++) {
        (void)ask(guest->channel, "x", i % 10 * WEIR_MILLISECOND);
        (void)expand(guest->channel, i % 7 * WEIR_MILLISECOND);
    }
    return NULL;
}

/* Several channels one after the other, since one whose connection fails waits a second. */
static void
servers_without_manners(void **state)
{
    struct host host = {.seed = 1};
    char address[32];

    (void)state;
    host.listener = raw_listen(address);
    assert_int_equal(pthread_create(&host.thread, NULL, receive_guests, &host), 0);
    for (int round = 0; round < 20; round++) {
        struct guest guests[4];
        weir_loop *loop;
        weir_channel *channel;

        assert_int_equal(weir_loop_new(&loop), WEIR_OK);
        assert_int_equal(weir_channel_new(loop, address, NULL, &channel), WEIR_OK);
        for (size_t i = 0; i < COUNT(guests); i++) {
            guests[i].channel = channel;
            assert_int_equal(pthread_create(&guests[i].thread, NULL, call_chaos, &guests[i]), 0);
        }
        for (size_t i = 0; i < COUNT(guests); i++)
            pthread_join(guests[i].thread, NULL);
        weir_channel_free(channel);
        assert_int_equal(fiber_stats(loop).live, 0);
        weir_loop_free(loop);
    }
    shutdown(host.listener, SHUT_RDWR);
    pthread_join(host.thread, NULL);
    close(host.listener);
}

/* ---- servers that come and go ---- */

struct caller {
    weir_channel *channel;
    atomic_bool *over;
    unsigned answered;
    pthread_t thread;
};

static void *
call_on(void *arg)
{
    static const char *const texts[] = {"x", "sleep:1", "size:100000", "metadata"};
    struct caller *caller = arg;

    for (unsigned i = 0; !*caller->over; i++) {
        weir_code code = ask(caller->channel, texts[i % COUNT(texts)], 100 * WEIR_SECOND);

        if (code != WEIR_OK && code != WEIR_UNAVAILABLE)
            abort();
        caller->answered += code == WEIR_OK;
        if (code != WEIR_OK)
            usleep(1000);
    }
    return NULL;
}

static void
servers_come_and_go_under_load(void **state)
{
    struct caller callers[4];
    struct running running;
    atomic_bool over = false;
    weir_loop *loop;
    weir_channel *channel;
    char address[32];

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    snprintf(address, sizeof(address), "%s", running.address);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, address, NULL, &channel), WEIR_OK);
    for (size_t i = 0; i < COUNT(callers); i++) {
        callers[i] = (struct caller){.channel = channel, .over = &over};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
    }
    for (int round = 0; round < 10; round++) {
        EVENTUALLY(running.seen.ended > 20)
        running_stop(&running, round % 2 == 0 ? 100 * WEIR_SECOND : 0);
        running_start(&running, address, NULL, NULL);
    }
    EVENTUALLY(running.seen.ended > 20)
    over = true;
    for (size_t i = 0; i < COUNT(callers); i++) {
        pthread_join(callers[i].thread, NULL);
        assert_true(callers[i].answered > 0);
    }
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, WEIR_SECOND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_without_manners),
        cmocka_unit_test(servers_without_manners),
        cmocka_unit_test(servers_come_and_go_under_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
