/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that end while a fiber is parked in them, in every place and for every reason; and what is
 * freed while something of it is still on its way. */
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct raw_frame frame;

static weir_code
ask(weir_channel *channel, const char *text)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    request.text = (char *)text;
    code = rpctest_Test_Unary(call, &request, &response);
    weir_call_free(call);
    return code;
}

static weir_code
ask_once(const char *address)
{
    weir_loop *loop;
    weir_channel *channel;
    weir_code code;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, address, NULL, &channel), WEIR_OK);
    code = ask(channel, "x");
    weir_channel_free(channel);
    weir_loop_free(loop);
    return code;
}

/* ---- where a handler is parked ---- */

static void
park_asleep(struct raw *raw, const char *timeout)
{
    raw_request(raw, 1, "Unary", timeout);
    raw_text(raw, RAW_END_STREAM, 1, "sleep:1000000");
}

static void
park_at_event(struct raw *raw, const char *timeout)
{
    raw_request(raw, 1, "Unary", timeout);
    raw_text(raw, RAW_END_STREAM, 1, "wait");
}

/* The client's window is shut. */
static void
park_answering(struct raw *raw, const char *timeout)
{
    raw_request(raw, 1, "Unary", timeout);
    raw_text(raw, RAW_END_STREAM, 1, "size:1000");
}

static void
park_sending(struct raw *raw, const char *timeout)
{
    raw_request(raw, 1, "Expand", timeout);
    raw_message(raw, RAW_END_STREAM, 1, "\30\144", 2);
}

static void
park_receiving(struct raw *raw, const char *timeout)
{
    raw_request(raw, 1, "Talk", timeout);
}

static void
park_collecting(struct raw *raw, const char *timeout)
{
    raw_request(raw, 1, "Collect", timeout);
    raw_text(raw, 0, 1, "one");
    raw_frame(raw, RAW_DATA, 0, 1, "\0\0\0\0\5half", 9);
}

/* Its handler never starts: the request is not whole. */
static void
park_nowhere(struct raw *raw, const char *timeout)
{
    raw_request(raw, 1, "Unary", timeout);
    raw_frame(raw, RAW_DATA, 0, 1, "\0\0\0\0\5half", 9);
}

static const struct place {
    void (*park)(struct raw *raw, const char *timeout);
    bool in_handler; /* which sees how the call ends */
} places[] = {
    {park_asleep, true},
    {park_at_event, true},
    {park_answering, false},
    {park_sending, true},
    {park_receiving, true},
    {park_collecting, true},
    {park_nowhere, false},
};

/* ---- why its call ends ---- */

static void
end_by_reset(struct running *running, struct raw *raw)
{
    (void)running;
    raw_number(raw, RAW_RST_STREAM, 1, H2_CANCEL);
}

static void
end_by_fin(struct running *running, struct raw *raw)
{
    (void)running;
    raw_close(raw);
}

static void
end_by_rst(struct running *running, struct raw *raw)
{
    (void)running;
    raw_break(raw);
}

/* By this side: what the server itself finds out about the caller, for instance. */
static weir_call *_Atomic begun;

static weir_code
remember(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    begun = call;
    return weir_proceed(next, call);
}

static void
end_by_cancel(struct running *running, struct raw *raw)
{
    struct raw_answer answer;

    if (begun == NULL) { /* its handler has not, and so there is nobody to do it */
        end_by_reset(running, raw);
        return;
    }
    weir_call_cancel(begun);
    raw_answer(raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_CANCELLED);
    raw_answer_free(&answer);
}

static void
end_by_violation(struct running *running, struct raw *raw)
{
    (void)running;
    raw_number(raw, RAW_WINDOW_UPDATE, 0, 0);
}

static void
end_by_deadline(struct running *running, struct raw *raw)
{
    struct raw_answer answer;

    (void)running;
    raw_answer(raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_DEADLINE_EXCEEDED);
    raw_answer_free(&answer);
}

static void
end_by_cut(struct running *running, struct raw *raw)
{
    weir_server_drain(running->server, 0);
    while (raw_next(raw, &frame))
        continue;
}

/* The second GOAWAY, then the cut. */
static void
end_by_grace(struct running *running, struct raw *raw)
{
    weir_server_drain(running->server, 100 * WEIR_SECOND);
    while (raw_await(raw, RAW_GOAWAY, 0, &frame) && frame.payload[0] != 0)
        continue;
    weir_server_drain(running->server, WEIR_MILLISECOND);
    while (raw_next(raw, &frame))
        continue;
}

static const struct reason {
    void (*end)(struct running *running, struct raw *raw);
    const char *timeout;
    weir_code code, result; /* of the call and of the server's run */
} reasons[] = {
    {end_by_reset, NULL, WEIR_CANCELLED, WEIR_OK},
    {end_by_cancel, NULL, WEIR_CANCELLED, WEIR_OK},
    {end_by_fin, NULL, WEIR_CANCELLED, WEIR_OK},
    {end_by_rst, NULL, WEIR_CANCELLED, WEIR_OK},
    {end_by_violation, NULL, WEIR_CANCELLED, WEIR_OK},
    {end_by_deadline, "50m", WEIR_DEADLINE_EXCEEDED, WEIR_OK},
    {end_by_cut, NULL, WEIR_CANCELLED, WEIR_CANCELLED},
    {end_by_grace, NULL, WEIR_CANCELLED, WEIR_CANCELLED},
};

/* The server has taken in all that was sent. */
static void
settle(struct raw *raw)
{
    raw_frame(raw, RAW_PING, 0, 0, "settled?", 8);
    while (raw_await(raw, RAW_PING, 0, &frame) && (frame.flags & RAW_ACK) == 0)
        continue;
}

static void
check_end(const struct place *place, const struct reason *reason)
{
    struct running running;
    struct raw raw;

    begun = NULL;
    running_start(&running, "127.0.0.1:0", NULL, remember);
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, RAW_INITIAL_WINDOW, 0);
    assert_true(raw_await(&raw, RAW_SETTINGS, 0, &frame));
    raw_cork(&raw, true);
    place->park(&raw, reason->timeout);
    raw_cork(&raw, false);
    if (reason->timeout == NULL)
        settle(&raw);
    reason->end(&running, &raw);
    if (place->in_handler) {
        EVENTUALLY(running.seen.ended == 1)
        assert_int_equal(running.seen.last_code, reason->code);
    }
    if (reason->result == WEIR_OK)
        assert_int_equal(ask_once(running.address), WEIR_OK);
    raw_close(&raw);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, reason->result);
}

static void
every_end_at_every_place(void **state)
{
    (void)state;
    for (size_t p = 0; p < COUNT(places); p++) {
        for (size_t r = 0; r < COUNT(reasons); r++)
            check_end(&places[p], &reasons[r]);
    }
}

/* A deadline is answered, whatever the handler was doing. */
static void
deadlines_are_answered(void **state)
{
    struct running running;
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    for (size_t p = 0; p < COUNT(places); p++) {
        raw_connect(&raw, running.address);
        raw_greet(&raw, true, RAW_INITIAL_WINDOW, 0);
        places[p].park(&raw, "20m");
        raw_answer(&raw, 1, SIZE_MAX, &answer);
        assert_int_equal(answer.status, WEIR_DEADLINE_EXCEEDED);
        raw_answer_free(&answer);
        raw_close(&raw);
    }
    running_stop(&running, WEIR_SECOND);
}

/* Of which a part is out: trailers behind it would be no answer (PROTOCOL-HTTP2, Errors). */
static void
a_deadline_amid_a_message_resets_the_stream(void **state)
{
    struct running running;
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    for (unsigned i = 0; i < 2; i++) {
        raw_connect(&raw, running.address);
        raw_greet(&raw, true, RAW_INITIAL_WINDOW, 100);
        raw_cork(&raw, true);
        raw_request(&raw, 1, "Unary", "20m");
        raw_text(&raw, RAW_END_STREAM, 1, i == 0 ? "size:500" : "size:100000");
        raw_cork(&raw, false); /* all at once, so that the handler begins in time */
        raw_answer(&raw, 1, SIZE_MAX, &answer);
        assert_int_equal(buf_len(&answer.data), 100);
        assert_int_equal(answer.status, -1);
        assert_int_equal(answer.reset, H2_CANCEL);
        raw_answer_free(&answer);
        raw_close(&raw);
    }
    running_stop(&running, WEIR_SECOND);
}

/* Slots of streams are used again while handlers of their former streams are still on the way out.
 */
static void
streams_come_and_go(void **state)
{
    struct running running;
    struct raw raw;
    struct raw_answer answer;
    uint32_t id = 1;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    for (int round = 0; round < 20; round++) {
        raw_cork(&raw, true);
        for (int i = 0; i < 20; i++, id += 2) {
            raw_request(&raw, id, "Unary", NULL);
            raw_text(&raw, RAW_END_STREAM, id, i % 2 == 0 ? "wait" : "sleep:1000000");
        }
        for (uint32_t i = 1; i <= 20; i++)
            raw_number(&raw, RAW_RST_STREAM, id - 2 * i, H2_CANCEL);
        raw_cork(&raw, false);
        EVENTUALLY(running.seen.ended == running.seen.started)
        raw_request(&raw, id, "Unary", NULL);
        raw_text(&raw, RAW_END_STREAM, id, "x");
        raw_answer(&raw, id, SIZE_MAX, &answer);
        assert_int_equal(answer.status, 0);
        raw_answer_free(&answer);
        id += 2;
    }
    raw_close(&raw);
    running_stop(&running, WEIR_SECOND);
}

/* ---- requests that wait for their message ---- */

static uint64_t
calls_live(const struct running *running)
{
    struct weir_server_stats stats;

    weir_server_stats(running->server, &stats);
    return stats.calls_live;
}

static void
expect_status(struct raw *raw, uint32_t id, int status)
{
    struct raw_answer answer;

    raw_answer(raw, id, SIZE_MAX, &answer);
    assert_int_equal(answer.status, status);
    raw_answer_free(&answer);
}

/* A request like some before it, on stream 7, without a message. */
static void
begin_waiting(struct running *running, struct raw *raw)
{
    running_start(running, "127.0.0.1:0", NULL, NULL);
    raw_connect(raw, running->address);
    raw_greet(raw, true, 0, 0);
    for (uint32_t id = 1; id <= 5; id += 2) {
        raw_request(raw, id, "Unary", NULL);
        raw_text(raw, RAW_END_STREAM, id, "x");
        expect_status(raw, id, WEIR_OK);
    }
    raw_request(raw, 7, "Unary", NULL);
    settle(raw);
    assert_int_equal(calls_live(running), 1);
}

static void
send_in_pieces(struct raw *raw)
{
    raw_frame(raw, RAW_DATA, 0, 7, "\0\0\0", 3);
    settle(raw);
    raw_frame(raw, RAW_DATA, 0, 7, "\0\3\12", 3);
    raw_frame(raw, RAW_DATA, RAW_END_STREAM, 7, "\1x", 2);
}

static void
send_whole(struct raw *raw)
{
    raw_text(raw, RAW_END_STREAM, 7, "x");
}

static void
end_without_message(struct raw *raw)
{
    raw_frame(raw, RAW_DATA, RAW_END_STREAM, 7, NULL, 0);
}

static void
end_with_trailers(struct raw *raw)
{
    raw_trailers(raw, 7, "0");
}

static void
waiting_requests_go_on(void **state)
{
    static const struct {
        void (*send)(struct raw *raw);
        weir_code code;
    } cases[] = {{send_whole, WEIR_OK}, {send_in_pieces, WEIR_OK},
        {end_without_message, WEIR_UNIMPLEMENTED}, {end_with_trailers, WEIR_UNIMPLEMENTED}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct running running;
        struct raw raw;

        begin_waiting(&running, &raw);
        cases[i].send(&raw);
        expect_status(&raw, 7, (int)cases[i].code);
        assert_int_equal(calls_live(&running), 0);
        raw_close(&raw);
        running_stop(&running, 100 * WEIR_SECOND);
        assert_int_equal(running.result, WEIR_OK);
    }
}

static void
reset_waiting(struct running *running, struct raw *raw)
{
    (void)running;
    raw_number(raw, RAW_RST_STREAM, 7, H2_CANCEL);
    raw_request(raw, 9, "Unary", NULL);
    raw_text(raw, RAW_END_STREAM, 9, "x");
    expect_status(raw, 9, WEIR_OK);
}

static void
waiting_requests_end(void **state)
{
    static const struct {
        void (*end)(struct running *running, struct raw *raw);
        weir_code result;
    } cases[] = {{reset_waiting, WEIR_OK}, {end_by_fin, WEIR_OK}, {end_by_rst, WEIR_OK},
        {end_by_violation, WEIR_OK}, {end_by_cut, WEIR_CANCELLED}, {end_by_grace, WEIR_CANCELLED}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct weir_server_stats stats;
        struct running running;
        struct raw raw;

        begin_waiting(&running, &raw);
        cases[i].end(&running, &raw);
        EVENTUALLY(calls_live(&running) == 0)
        weir_server_stats(running.server, &stats);
        assert_int_equal(stats.calls_failed, 1);
        assert_int_equal(stats.calls_succeeded, stats.calls_started - 1);
        raw_close(&raw);
        running_stop(&running, 100 * WEIR_SECOND);
        assert_int_equal(running.result, cases[i].result);
    }
}

/* An idle client that ignores GOAWAY is no call that was cut. */
static void
nothing_is_cut_without_calls(void **state)
{
    struct running running;
    struct raw raw;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    raw_request(&raw, 1, "Unary", NULL);
    raw_text(&raw, RAW_END_STREAM, 1, "x");
    assert_true(raw_await(&raw, RAW_DATA, 1, &frame));
    running_stop(&running, 0);
    assert_int_equal(running.result, WEIR_OK);
    raw_close(&raw);
}

static void
server_that_never_ran(void **state)
{
    weir_server *server;
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "unix:/tmp/weir-idle-%d.sock", (int)getpid());
    assert_int_equal(weir_server_new(NULL, &server), WEIR_OK);
    weir_server_free(server);
    assert_int_equal(weir_server_new(&(struct weir_server_options){.loops = 3}, &server), WEIR_OK);
    assert_int_equal(rpctest_Test_add(server, &service_handlers, NULL), WEIR_OK);
    assert_int_equal(rpctest_Test_add(server, &service_handlers, NULL), WEIR_ALREADY_EXISTS);
    assert_int_equal(weir_server_listen(server, "127.0.0.1:0"), WEIR_OK);
    assert_int_equal(weir_server_listen(server, path), WEIR_OK);
    weir_server_drain(server, 0);
    weir_server_free(server);
    unlink(path + strlen("unix:"));
    weir_server_free(NULL);
}

static void
drained_before_it_ran(void **state)
{
    weir_server *server;

    (void)state;
    assert_int_equal(weir_server_new(&(struct weir_server_options){.loops = 2}, &server), WEIR_OK);
    assert_int_equal(weir_server_listen(server, "127.0.0.1:0"), WEIR_OK);
    weir_server_drain(server, INT64_MAX);
    weir_server_drain(server, INT64_MIN);
    assert_int_equal(weir_server_run(server), WEIR_OK);
    weir_server_free(server);
}

/* ---- a call made inside another one's handler ---- */

static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

struct pair {
    struct running back, front;
    weir_loop *loop; /* of the channel between them, turned by a thread of its own */
    pthread_t turner;
};

static void
start_pair(struct pair *pair)
{
    running_start(&pair->back, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_loop_new(&pair->loop), WEIR_OK);
    assert_int_equal(pthread_create(&pair->turner, NULL, turn, pair->loop), 0);
    assert_int_equal(
        weir_channel_new(pair->loop, pair->back.address, NULL, &pair->front.onward), WEIR_OK);
    running_start(&pair->front, "127.0.0.1:0", NULL, NULL);
}

static void
stop_pair(struct pair *pair)
{
    running_stop(&pair->front, 100 * WEIR_SECOND);
    weir_channel_free(pair->front.onward);
    weir_loop_stop(pair->loop);
    pthread_join(pair->turner, NULL);
    weir_loop_free(pair->loop);
    running_stop(&pair->back, 100 * WEIR_SECOND);
}

static weir_code
ask_front(struct pair *pair, const char *text)
{
    weir_loop *loop;
    weir_channel *channel;
    weir_code code;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, pair->front.address, NULL, &channel), WEIR_OK);
    code = ask(channel, text);
    weir_channel_free(channel);
    weir_loop_free(loop);
    return code;
}

static void
handler_leaves_a_call_behind(void **state)
{
    struct pair pair;

    (void)state;
    start_pair(&pair);
    assert_int_equal(ask_front(&pair, "orphan"), WEIR_OK);
    EVENTUALLY(weir_call_code(pair.front.orphan) == WEIR_CANCELLED)
    EVENTUALLY(pair.back.seen.ended == 1)
    weir_call_free(pair.front.orphan);
    stop_pair(&pair);
}

static void
ends_travel_to_the_inner_call(void **state)
{
    static const char *const inner[] = {"proxy:wait", "proxy:sleep:1000000"};
    struct raw raw;
    struct pair pair;

    (void)state;
    start_pair(&pair);
    for (size_t i = 0; i < COUNT(inner); i++) {
        unsigned before = pair.back.seen.parked;

        raw_connect(&raw, pair.front.address);
        raw_greet(&raw, true, 0, 0);
        raw_request(&raw, 1, "Unary", NULL);
        raw_text(&raw, RAW_END_STREAM, 1, inner[i]);
        EVENTUALLY(pair.back.seen.parked > before)
        raw_number(&raw, RAW_RST_STREAM, 1, H2_CANCEL);
        EVENTUALLY(pair.back.seen.ended == pair.back.seen.started)
        EVENTUALLY(pair.front.seen.ended == pair.front.seen.started)
        raw_close(&raw);
    }
    stop_pair(&pair);
}

/* Its handler goes on after it has ended, and then begins another call. */
static void
calls_inside_one_that_has_ended(void **state)
{
    struct raw raw;
    struct raw_answer answer;
    struct pair pair;

    (void)state;
    start_pair(&pair);
    raw_connect(&raw, pair.front.address);
    raw_greet(&raw, true, 0, 0);
    raw_cork(&raw, true);
    raw_request(&raw, 1, "Unary", "10m");
    raw_text(&raw, RAW_END_STREAM, 1, "late:x");
    raw_cork(&raw, false);
    raw_answer(&raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_DEADLINE_EXCEEDED);
    raw_answer_free(&answer);
    raw_close(&raw);
    stop_pair(&pair);
    assert_int_equal(pair.back.seen.started, 0);
}

/* ---- cancelling and freeing at once ---- */

struct canceller {
    pthread_t thread;
    weir_call *call;
    unsigned wait; /* microseconds */
};

static void *
cancel(void *arg)
{
    struct canceller *canceller = arg;

    usleep(canceller->wait);
    weir_call_cancel(canceller->call);
    return NULL;
}

/* Four threads cancel about when the answer comes; the call is freed right after the last one. */
static void
cancel_at_the_end(weir_channel *channel, unsigned round)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    struct canceller cancellers[4];
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    request.text = "sleep:1";
    for (unsigned i = 0; i < COUNT(cancellers); i++) {
        cancellers[i] = (struct canceller){.call = call, .wait = (round * 37 + i * 400) % 2000};
        assert_int_equal(pthread_create(&cancellers[i].thread, NULL, cancel, &cancellers[i]), 0);
    }
    code = rpctest_Test_Unary(call, &request, &response);
    assert_true(code == WEIR_OK || code == WEIR_CANCELLED);
    assert_int_equal(weir_call_code(call), code);
    for (unsigned i = 0; i < COUNT(cancellers); i++)
        pthread_join(cancellers[i].thread, NULL);
    weir_call_free(call);
}

static void
cancelling_races_with_the_end(void **state)
{
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
    pthread_t turner;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    for (unsigned round = 0; round < 100; round++)
        cancel_at_the_end(channel, round);
    assert_int_equal(pthread_create(&turner, NULL, turn, loop), 0);
    for (unsigned round = 0; round < 100; round++)
        cancel_at_the_end(channel, round);
    weir_channel_free(channel);
    weir_loop_stop(loop);
    pthread_join(turner, NULL);
    weir_loop_free(loop);
    running_stop(&running, WEIR_SECOND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_at_every_place),
        cmocka_unit_test(deadlines_are_answered),
        cmocka_unit_test(a_deadline_amid_a_message_resets_the_stream),
        cmocka_unit_test(streams_come_and_go),
        cmocka_unit_test(waiting_requests_go_on),
        cmocka_unit_test(waiting_requests_end),
        cmocka_unit_test(nothing_is_cut_without_calls),
        cmocka_unit_test(server_that_never_ran),
        cmocka_unit_test(drained_before_it_ran),
        cmocka_unit_test(handler_leaves_a_call_behind),
        cmocka_unit_test(ends_travel_to_the_inner_call),
        cmocka_unit_test(calls_inside_one_that_has_ended),
        cmocka_unit_test(cancelling_races_with_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
