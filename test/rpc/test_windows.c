/* SPDX-License-Identifier: Apache-2.0 */
/* Windows, limits of streams, and handshakes: a server with clients that hold it up. */
#include "base/bytes.h"
#include "raw.h"
#include "server/server.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#define SIZE 100000

/* A message of SIZE bytes of data with its prefix. */
#define FRAMED (5 + 1 + 1 + sizeof("size:100000") - 1 + 1 + 3 + SIZE)

static struct running running;
static struct raw_frame frame;

static int
start(void **state)
{
    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    return running_finish(&running);
}

static void
meet(struct raw *raw, uint32_t window)
{
    raw_connect(raw, running.address);
    raw_greet(raw, true, RAW_INITIAL_WINDOW, window);
}

static void
ask_for(struct raw *raw, uint32_t id, const char *text)
{
    raw_request(raw, id, "Unary", NULL);
    raw_text(raw, RAW_END_STREAM, id, text);
}

/* The server has taken in all that was sent. */
static void
settle(struct raw *raw)
{
    raw_frame(raw, RAW_PING, 0, 0, "settled?", 8);
    while (raw_await(raw, RAW_PING, 0, &frame) && (frame.flags & RAW_ACK) == 0)
        continue;
}

static size_t
take_data(struct raw *raw, uint32_t id, size_t enough)
{
    struct raw_answer answer;
    size_t len;

    raw_answer(raw, id, enough, &answer);
    len = buf_len(&answer.data);
    raw_answer_free(&answer);
    return len;
}

static void
take_status(struct raw *raw, uint32_t id, size_t len)
{
    struct raw_answer answer;

    raw_answer(raw, id, SIZE_MAX, &answer);
    assert_int_equal(buf_len(&answer.data), len);
    assert_int_equal(answer.status, 0);
    assert_true(answer.ended);
    raw_answer_free(&answer);
}

/* ---- windows of a stream ---- */

static void
window_of_nothing(void **state)
{
    struct raw raw;

    (void)state;
    meet(&raw, 0);
    raw_number(&raw, RAW_WINDOW_UPDATE, 0, 1 << 20);
    ask_for(&raw, 1, "size:100000");
    assert_true(raw_await(&raw, RAW_HEADERS, 1, &frame));
    settle(&raw);
    raw_number(&raw, RAW_WINDOW_UPDATE, 1, 1);
    assert_int_equal(take_data(&raw, 1, 1), 1);
    settle(&raw);
    raw_number(&raw, RAW_WINDOW_UPDATE, 1, 4999);
    assert_int_equal(take_data(&raw, 1, 4999), 4999);
    raw_number(&raw, RAW_WINDOW_UPDATE, 1, SIZE);
    take_status(&raw, 1, FRAMED - 5000);
    raw_close(&raw);
}

static void
window_byte_by_byte(void **state)
{
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    meet(&raw, 1);
    ask_for(&raw, 1, "size:100");
    for (size_t i = 0; i < 5 + 2 + 8 + 2 + 100; i++) {
        assert_int_equal(take_data(&raw, 1, 1), 1);
        raw_number(&raw, RAW_WINDOW_UPDATE, 1, 1);
    }
    raw_answer(&raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, 0);
    raw_answer_free(&answer);
    raw_close(&raw);
}

static void
settings_open_windows(void **state)
{
    struct raw raw;

    (void)state;
    meet(&raw, 0);
    ask_for(&raw, 1, "size:100");
    ask_for(&raw, 3, "size:100");
    assert_true(raw_await(&raw, RAW_HEADERS, 3, &frame));
    settle(&raw);
    raw_greet(&raw, false, RAW_INITIAL_WINDOW, 1000);
    take_status(&raw, 1, 5 + 2 + 8 + 2 + 100);
    take_status(&raw, 3, 5 + 2 + 8 + 2 + 100);
    raw_close(&raw);
}

/* The connection's window is one for all: who waits for it goes on in turn. */
static void
window_of_the_connection(void **state)
{
    struct raw raw;
    size_t len = 0;
    unsigned ended = 0;

    (void)state;
    meet(&raw, 1 << 20);
    for (uint32_t id = 1; id <= 5; id += 2)
        ask_for(&raw, id, "size:100000");
    while (ended < 3 && raw_next(&raw, &frame)) {
        if (frame.type == RAW_DATA) {
            len += frame.len;
            raw_number(&raw, RAW_WINDOW_UPDATE, 0, (uint32_t)frame.len + (frame.len == 0));
        }
        ended += frame.type == RAW_HEADERS && (frame.flags & RAW_END_STREAM) != 0;
    }
    assert_int_equal(ended, 3);
    assert_true(len > 300000);
    raw_close(&raw);
}

/* Windows that let everything come, and sockets that take little: what they did not take follows,
 * each byte once, and answers take turns. */
static void
socket_is_full(void **state)
{
    const char *text = "size:3000000";
    const size_t size = 3000000, head = 5 + 1 + 1 + strlen(text) + 1 + 4;
    int little = 16 * 1024;
    struct raw raw;
    size_t len[3] = {0};
    unsigned ended = 0;

    (void)state;
    meet(&raw, 1 << 24);
    raw_number(&raw, RAW_WINDOW_UPDATE, 0, 1 << 24);
    assert_int_equal(setsockopt(raw.fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
    for (uint32_t id = 1; id <= 5; id += 2)
        ask_for(&raw, id, text);
    while (ended < 3 && raw_next(&raw, &frame)) {
        size_t *of = &len[frame.id / 2 % 3];

        for (size_t i = 0; frame.type == RAW_DATA && i < frame.len; i++)
            assert_true(*of + i < head || frame.payload[i] == 'x');
        *of += frame.type == RAW_DATA ? frame.len : 0;
        ended += frame.type == RAW_HEADERS && (frame.flags & RAW_END_STREAM) != 0;
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(len[i], head + size);
    raw_close(&raw);
}

/* A client that goes on sending while its answers wait: what is taken from it is bounded too. */
static void
stream_is_pushed_back(void **state)
{
    static uint8_t chunk[16000];
    struct raw raw;
    size_t window = 64 * 1024;

    (void)state;
    meet(&raw, 0);
    raw_request(&raw, 1, "Talk", NULL);
    for (; window >= 5 + sizeof(chunk); window -= 5 + sizeof(chunk)) {
        chunk[0] = 0x12;
        chunk[1] = (uint8_t)(((sizeof(chunk) - 4) & 127) | 128);
        chunk[2] = (uint8_t)((((sizeof(chunk) - 4) >> 7) & 127) | 128);
        chunk[3] = 0;
        raw_message(&raw, 0, 1, chunk, sizeof(chunk));
    }
    settle(&raw);
    assert_true(atomic_load(&running.seen.started) > 0);
    raw_number(&raw, RAW_WINDOW_UPDATE, 1, 100);
    assert_int_equal(take_data(&raw, 1, 100), 100);
    raw_number(&raw, RAW_RST_STREAM, 1, H2_CANCEL);
    EVENTUALLY(running.seen.ended == running.seen.started);
    raw_close(&raw);
}

/* ---- streams at once ---- */

static void
one_stream_too_many(void **state)
{
    struct raw raw;
    unsigned before = running.seen.parked;

    (void)state;
    meet(&raw, 1000);
    for (uint32_t i = 0; i < 100; i++)
        ask_for(&raw, 2 * i + 1, "wait");
    EVENTUALLY(running.seen.parked - before == 100);
    ask_for(&raw, 201, "x");
    assert_true(raw_await(&raw, RAW_RST_STREAM, 201, &frame));
    assert_int_equal(load_be32(frame.payload), H2_REFUSED_STREAM);
    raw_number(&raw, RAW_RST_STREAM, 51, H2_CANCEL);
    EVENTUALLY(running.seen.started - running.seen.ended == 99);
    settle(&raw);
    ask_for(&raw, 203, "x");
    take_status(&raw, 203, 5 + 3);
    assert_int_equal(running.seen.started - running.seen.ended, 99);
    raw_close(&raw);
    EVENTUALLY(running.seen.ended == running.seen.started);
}

/* A reset stream counts until its handler has returned: resets do not multiply the work. */
static void
resets_do_not_make_room(void **state)
{
    struct raw raw;
    unsigned refused = 0;

    (void)state;
    meet(&raw, 1000);
    raw_cork(&raw, true);
    for (uint32_t i = 0; i < 300; i++) {
        ask_for(&raw, 2 * i + 1, "wait");
        raw_number(&raw, RAW_RST_STREAM, 2 * i + 1, H2_CANCEL);
    }
    raw_cork(&raw, false);
    raw_frame(&raw, RAW_PING, 0, 0, "settled?", 8);
    while (raw_next(&raw, &frame) && (frame.type != RAW_PING))
        refused += frame.type == RAW_RST_STREAM;
    assert_true(refused <= 200);
    EVENTUALLY(running.seen.ended == running.seen.started);
    raw_close(&raw);
}

/* ---- handshakes ---- */

/* Read until the server hangs up; its GOAWAY's code, -1 when it said none. */
static int
last_words(struct raw *raw)
{
    int code = -1;

    while (raw_next(raw, &frame)) {
        if (frame.type == RAW_GOAWAY)
            code = (int)load_be32(frame.payload + 4);
    }
    return code;
}

static void
handshake_takes_too_long(void **state)
{
    static const struct weir_server_options options = {.handshake_timeout = 50 * WEIR_MILLISECOND};
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct running hasty;
    struct raw mute, slow;

    (void)state;
    running_start(&hasty, "127.0.0.1:0", &options, NULL);
    raw_connect(&mute, hasty.address);
    raw_connect(&slow, hasty.address);
    mute.deaf = slow.deaf = true;
    raw_bytes(&slow, preface, 20);
    assert_int_equal(last_words(&mute), H2_SETTINGS_TIMEOUT);
    assert_int_equal(last_words(&slow), H2_SETTINGS_TIMEOUT);
    raw_close(&mute);
    raw_close(&slow);
    running_stop(&hasty, WEIR_SECOND);
}

static void
handshake_may_take_for_ever(void **state)
{
    static const struct weir_server_options options = {.handshake_timeout = INT64_MAX};
    struct running patient;
    struct raw raw;

    (void)state;
    running_start(&patient, "127.0.0.1:0", &options, NULL);
    raw_connect(&raw, patient.address);
    raw_greet(&raw, true, 0, 0);
    ask_for(&raw, 1, "x");
    take_status(&raw, 1, 5 + 3);
    raw_close(&raw);
    running_stop(&patient, WEIR_SECOND);
}

/* Something done on a server's loop. */
struct errand {
    struct loop_task task;
    struct server_loop *home;
    atomic_bool done;
};

static void
run_errand(struct server_loop *home, void (*run)(struct loop_task *task))
{
    struct errand errand = {.home = home};

    loop_task_init(&errand.task, run);
    loop_send(home->loop, &errand.task);
    EVENTUALLY(errand.done);
}

/* As if half a minute had passed. */
static void
rest_often(struct loop_task *task)
{
    struct errand *errand = container_of(task, struct errand, task);

    for (int i = 0; i < 15; i++)
        server_loop_rest(&errand->home->rest);
    errand->done = true;
}

/* Another connection, which does acknowledge them, only rests. */
static void
settings_are_not_acknowledged(void **state)
{
    struct raw deaf, quiet;

    (void)state;
    meet(&quiet, 1000);
    ask_for(&quiet, 1, "x");
    take_status(&quiet, 1, 5 + 3);
    raw_connect(&deaf, running.address);
    deaf.deaf = true;
    raw_greet(&deaf, true, 0, 0);
    ask_for(&deaf, 1, "x");
    take_status(&deaf, 1, 5 + 3);
    run_errand(&running.server->loops[0], rest_often);
    assert_int_equal(last_words(&deaf), H2_SETTINGS_TIMEOUT);
    ask_for(&quiet, 3, "x");
    take_status(&quiet, 3, 5 + 3);
    raw_close(&deaf);
    raw_close(&quiet);
}

/* ---- the end of a connection ---- */

static void
check_drain(size_t size)
{
    struct running drained;
    struct raw raw;
    struct raw_answer answer;
    char text[32];

    snprintf(text, sizeof(text), "size:%zu", size);
    running_start(&drained, "127.0.0.1:0", NULL, NULL);
    raw_connect(&raw, drained.address);
    raw_greet(&raw, true, RAW_INITIAL_WINDOW, 1 << 30);
    raw_number(&raw, RAW_WINDOW_UPDATE, 0, 1 << 30);
    ask_for(&raw, 1, text);
    EVENTUALLY(drained.seen.ended == 1);
    weir_server_drain(drained.server, 100 * WEIR_SECOND);
    raw_frame(&raw, RAW_PING, RAW_ACK, 0, "weirdrai", 8); /* as if its GOAWAY had been read */
    usleep(5000);
    raw_answer(&raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, 0);
    assert_true(buf_len(&answer.data) > size);
    raw_answer_free(&answer);
    (void)last_words(&raw);
    raw_close(&raw);
    running_stop(&drained, 100 * WEIR_SECOND);
    assert_int_equal(drained.result, WEIR_OK);
}

/* As if the client had had five seconds to answer the PING. */
static void
let_time_pass(struct loop_task *task)
{
    struct errand *errand = container_of(task, struct errand, task);

    list_each (link, &errand->home->conns) {
        struct server_conn *conn = container_of(link, struct server_conn, link);

        conn->timer.fire(&conn->timer);
    }
    errand->done = true;
}

/* A client that does not answer the PING is told all the same which streams count. */
static void
drain_without_the_ping(void **state)
{
    struct running drained;
    struct raw raw;

    (void)state;
    running_start(&drained, "127.0.0.1:0", NULL, NULL);
    raw_connect(&raw, drained.address);
    raw.deaf = true;
    raw_greet(&raw, true, 0, 0);
    ask_for(&raw, 1, "wait");
    EVENTUALLY(drained.seen.parked == 1);
    weir_server_drain(drained.server, 100 * WEIR_SECOND);
    assert_true(raw_await(&raw, RAW_GOAWAY, 0, &frame));
    assert_int_equal(load_be32(frame.payload), 0x7fffffff);
    run_errand(&drained.server->loops[0], let_time_pass);
    assert_true(raw_await(&raw, RAW_GOAWAY, 0, &frame));
    assert_int_equal(load_be32(frame.payload), 1);
    ask_for(&raw, 3, "x");
    raw_number(&raw, RAW_RST_STREAM, 1, H2_CANCEL);
    (void)last_words(&raw);
    raw_close(&raw);
    running_stop(&drained, 100 * WEIR_SECOND);
    assert_int_equal(drained.result, WEIR_OK);
    assert_int_equal(drained.seen.started, 1);
}

/* What the socket did not take yet when the last stream ended is not lost: with some of these sizes
 * that is the answer's end. */
static void
drain_loses_no_answers(void **state)
{
    (void)state;
    for (size_t size = 100000; size < 8000000; size += 100000)
        check_drain(size);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_of_nothing),
        cmocka_unit_test(window_byte_by_byte),
        cmocka_unit_test(settings_open_windows),
        cmocka_unit_test(window_of_the_connection),
        cmocka_unit_test(socket_is_full),
        cmocka_unit_test(stream_is_pushed_back),
        cmocka_unit_test(one_stream_too_many),
        cmocka_unit_test(resets_do_not_make_room),
        cmocka_unit_test(handshake_takes_too_long),
        cmocka_unit_test(handshake_may_take_for_ever),
        cmocka_unit_test(settings_are_not_acknowledged),
        cmocka_unit_test(drain_without_the_ping),
        cmocka_unit_test(drain_loses_no_answers),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
