/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait before they take their request: it stays theirs, though it lay in memory that is
 * read into again meanwhile. */
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CALLS 60
#define FIRST_ID 3 /* of a batch, behind the call whose headers the others repeat */

static struct running running;
static atomic_bool open_gate;

/* As one that asks somebody else whether the call may go on. */
static weir_code
wait_at_gate(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    while (!open_gate)
        WEIR_TRY(weir_call_sleep(call, WEIR_MILLISECOND));
    return weir_proceed(next, call);
}

static int
start(void **state)
{
    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, wait_at_gate);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    return running_finish(&running);
}

static void
call_text(struct raw *raw, const char *method, uint32_t id, const char *text)
{
    raw_request(raw, id, method, NULL);
    raw_text(raw, RAW_END_STREAM, id, text);
}

/* A connection on which one call of the method was made, so that the next ones repeat its headers.
 */
static void
meet(struct raw *raw, const char *method)
{
    struct raw_answer answer;

    open_gate = true;
    raw_connect(raw, running.address);
    raw_greet(raw, true, 0, 0);
    call_text(raw, method, 1, "first");
    raw_answer(raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, 0);
    raw_answer_free(&answer);
    open_gate = false;
}

/* No two texts are alike, nor as long as the one before. */
static void
text_of(uint32_t id, char text[128])
{
    int len = snprintf(text, 128, "text %u ", id);

    memset(text + len, 'a' + (int)(id / 2 % 26), id % 50);
    text[(uint32_t)len + id % 50] = '\0';
}

static void
send_batch(struct raw *raw, const char *method)
{
    char text[128];

    raw_cork(raw, true);
    for (uint32_t i = 0; i < CALLS; i++) {
        text_of(FIRST_ID + 2 * i, text);
        call_text(raw, method, FIRST_ID + 2 * i, text);
    }
    raw_cork(raw, false);
}

/* What the server reads over what it has read. */
static void
overwrite(void)
{
    static uint8_t filler[100000];
    struct raw other;
    struct raw_frame frame;

    memset(filler, 0xff, sizeof(filler));
    raw_connect(&other, running.address);
    raw_greet(&other, true, 0, 0);
    raw_cork(&other, true);
    for (int i = 0; i < 6; i++)
        raw_frame(&other, 0xee, 0xff, 0, filler, 1 << 14); /* an unknown type is passed over */
    raw_frame(&other, RAW_PING, 0, 0, filler, 8);
    raw_cork(&other, false);
    while (raw_await(&other, RAW_PING, 0, &frame) && (frame.flags & RAW_ACK) == 0)
        continue;
    raw_close(&other);
}

/* The payload that a text makes, in front of which are five bytes of gRPC and two of protobuf. */
static void
check_payload(const uint8_t *data, size_t len, uint32_t id)
{
    char text[128];

    text_of(id, text);
    assert_int_equal(len, 7 + strlen(text));
    assert_memory_equal(data + 7, text, strlen(text));
}

/* Answers come in the order in which the calls go on, so all of them are read at once. */
static void
check_batch(struct raw *raw)
{
    static struct raw_frame frame;
    unsigned ended = 0, seen = 0;

    while (ended < CALLS) {
        assert_true(raw_next(raw, &frame));
        if (frame.type == RAW_DATA) {
            check_payload(frame.payload, frame.len, frame.id);
            seen++;
        }
        assert_int_not_equal(frame.type, RAW_RST_STREAM);
        ended += frame.type == RAW_HEADERS && (frame.flags & RAW_END_STREAM) != 0;
    }
    assert_int_equal(seen, CALLS);
}

static void
await_started(unsigned count)
{
    struct weir_server_stats stats;

    do {
        usleep(200);
        weir_server_stats(running.server, &stats);
    } while (stats.calls_live < count);
}

static void
unary_requests_outlive_the_read(void **state)
{
    struct raw raw;

    (void)state;
    meet(&raw, "Unary");
    send_batch(&raw, "Unary");
    await_started(CALLS);
    overwrite();
    open_gate = true;
    check_batch(&raw);
    raw_close(&raw);
}

/* Expand answers with the request's data as often as its number says. */
static void
request_of_a_stream_outlives_the_read(void **state)
{
    static const uint8_t request[] = {0x12, 3, 'x', 'y', 'z', 0x18, 1};
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    meet(&raw, "Expand");
    raw_cork(&raw, true);
    raw_request(&raw, 3, "Expand", NULL);
    raw_message(&raw, RAW_END_STREAM, 3, request, sizeof(request));
    raw_cork(&raw, false);
    await_started(1);
    overwrite();
    open_gate = true;
    raw_answer(&raw, 3, SIZE_MAX, &answer);
    assert_int_equal(answer.status, 0);
    assert_int_equal(buf_len(&answer.data), 5 + 5);
    assert_memory_equal(buf_head(&answer.data) + 5, request, 5);
    raw_answer_free(&answer);
    raw_close(&raw);
}

/* What is wrong with a request is found as well, before the wait and behind it. */
static void
two_messages_are_refused(void **state)
{
    static const uint8_t two[] = {0, 0, 0, 0, 3, 10, 1, 'a', 0, 0, 0, 0, 3, 10, 1, 'b'};
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    meet(&raw, "Unary");
    for (uint32_t i = 0; i < 2; i++) {
        open_gate = i == 0;
        raw_cork(&raw, true);
        raw_request(&raw, 3 + 2 * i, "Unary", NULL);
        raw_frame(&raw, RAW_DATA, RAW_END_STREAM, 3 + 2 * i, two, sizeof(two));
        raw_cork(&raw, false);
        if (i > 0) {
            await_started(1);
            overwrite();
        }
        open_gate = true;
        raw_answer(&raw, 3 + 2 * i, SIZE_MAX, &answer);
        assert_int_equal(answer.status, WEIR_UNIMPLEMENTED);
        raw_answer_free(&answer);
    }
    raw_close(&raw);
}

/* The client goes away while its calls wait. */
static void
calls_end_while_they_wait(void **state)
{
    struct weir_server_stats stats;
    struct raw raw;

    (void)state;
    meet(&raw, "Unary");
    send_batch(&raw, "Unary");
    await_started(CALLS);
    raw_break(&raw);
    overwrite();
    do {
        usleep(200);
        weir_server_stats(running.server, &stats);
    } while (stats.calls_live > 0);
    open_gate = true;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unary_requests_outlive_the_read, start, stop),
        cmocka_unit_test_setup_teardown(request_of_a_stream_outlives_the_read, start, stop),
        cmocka_unit_test_setup_teardown(two_messages_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(calls_end_while_they_wait, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
