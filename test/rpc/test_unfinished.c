/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that clients begin and do not end: how long a server waits for them, and what it does
 * not take for one. */
#include "base/bytes.h"
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PART 10000
#define WHOLE 60000

static struct running running;

static int
start(void **state)
{
    static const struct weir_server_options options = {.message_timeout = 3 * WEIR_SECOND};

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    return running_finish(&running);
}

static uint64_t
hits(void)
{
    return running_stats(&running).limit_hits[WEIR_LIMIT_MESSAGE_TIME];
}

static void
assert_answered(struct raw *raw, uint32_t id)
{
    struct raw_answer answer;

    raw_answer(raw, id, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_OK);
    raw_answer_free(&answer);
}

/* ---- what does not end ---- */

static void
begin(struct raw *raw, const char *method)
{
    static uint8_t part[5 + PART];

    store_be32(part + 1, WHOLE);
    raw_request(raw, 1, method, NULL);
    raw_frame(raw, RAW_DATA, 0, 1, part, sizeof(part));
}

static void
begin_unary(struct raw *raw)
{
    begin(raw, "Unary");
}

static void
begin_in_stream(struct raw *raw)
{
    begin(raw, "Collect");
}

static void
begin_prefix(struct raw *raw)
{
    raw_request(raw, 1, "Unary", NULL);
    raw_frame(raw, RAW_DATA, 0, 1, "\0", 1);
}

static void
begin_prefix_in_stream(struct raw *raw)
{
    raw_request(raw, 1, "Collect", NULL);
    raw_frame(raw, RAW_DATA, 0, 1, "\0", 1);
}

/* All of the message, but not the end of the request. */
static void
stay_open(struct raw *raw)
{
    raw_request(raw, 1, "Unary", NULL);
    raw_text(raw, 0, 1, "hello");
}

/* Headers of its own are kept for it. */
static void
say_headers_alone(struct raw *raw)
{
    raw_call(raw, "Unary", NULL);
    raw_field(raw, "x-own", "yes");
    raw_headers(raw, RAW_END_HEADERS, 1);
}

static void
what_does_not_end_is_not_waited_for(void **state)
{
    static void (*const begins[])(struct raw *) = {begin_unary, begin_in_stream, begin_prefix,
        begin_prefix_in_stream, stay_open, say_headers_alone};
    enum { COUNT = sizeof(begins) / sizeof(begins[0]) };
    uint64_t before = hits();
    struct raw raws[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        raw_connect(&raws[i], running.address);
        raw_greet(&raws[i], true, 0, 0);
        begins[i](&raws[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct raw_answer answer;

        raw_answer(&raws[i], 1, SIZE_MAX, &answer);
        assert_int_equal(answer.status, WEIR_RESOURCE_EXHAUSTED);
        raw_answer_free(&answer);
        raw_close(&raws[i]);
    }
    assert_int_equal(hits() - before, COUNT);
    EVENTUALLY(running_is_empty(&running))
}

/* Its headers came before, so that nothing else is kept for it. */
static void
what_never_begins_is_not_waited_for(void **state)
{
    uint64_t before = hits();
    struct raw_answer answer;
    struct raw raw;
    uint32_t id = 1;

    (void)state;
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    for (; id < 9; id += 2) {
        raw_request(&raw, id, "Unary", NULL);
        raw_text(&raw, RAW_END_STREAM, id, "hello");
        assert_answered(&raw, id);
    }
    for (uint32_t late = id; late < id + 100; late += 2)
        raw_request(&raw, late, "Unary", NULL);
    EVENTUALLY(hits() - before == 50)
    raw_answer(&raw, id + 48, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_RESOURCE_EXHAUSTED);
    raw_answer_free(&answer);
    raw_request(&raw, id + 100, "Unary", NULL);
    raw_text(&raw, RAW_END_STREAM, id + 100, "hello");
    assert_answered(&raw, id + 100);
    raw_close(&raw);
    EVENTUALLY(running_is_empty(&running))
}

/* ---- what may last ---- */

/* Until a message that has begun later has not been waited for. */
static void
outlast_another(struct raw *raw, uint32_t id)
{
    struct raw_answer answer;

    raw_request(raw, id, "Unary", NULL);
    raw_frame(raw, RAW_DATA, 0, id, "\0", 1);
    raw_answer(raw, id, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_RESOURCE_EXHAUSTED);
    raw_answer_free(&answer);
}

/* Before its first message, and between two, a stream may rest for as long as it likes. */
static void
streams_may_rest(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    raw_request(&raw, 1, "Collect", NULL);
    raw_text(&raw, 0, 1, "one");
    raw_request(&raw, 3, "Collect", NULL);
    outlast_another(&raw, 5);
    raw_text(&raw, RAW_END_STREAM, 1, "two");
    raw_text(&raw, RAW_END_STREAM, 3, "one");
    assert_answered(&raw, 1);
    assert_answered(&raw, 3);
    raw_close(&raw);
}

/* A handler that has its request may take its time. */
static void
handlers_may_take_long(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    raw_request(&raw, 1, "Unary", NULL);
    raw_frame(&raw, RAW_DATA, 0, 1, "\0\0\0\0\14\12", 6);
    raw_frame(&raw, RAW_DATA, RAW_END_STREAM, 1, "\12sleep:6000", 11);
    assert_answered(&raw, 1);
    raw_close(&raw);
}

/* 16 KiB within the time are enough: this takes longer than that. */
static void
who_goes_on_is_waited_for(void **state)
{
    static const uint8_t piece[16384];
    uint8_t head[5 + 4] = {0, 0, 0, 0, 0, 0x12, 0, 0, 0};
    const uint32_t len = 6 * sizeof(piece) - sizeof(head);
    struct raw raw;

    (void)state;
    store_be32(head + 1, len + 4);
    head[6] = (uint8_t)(len | 0x80);
    head[7] = (uint8_t)(len >> 7 | 0x80);
    head[8] = (uint8_t)(len >> 14);
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, RAW_INITIAL_WINDOW, 1 << 20);
    raw_number(&raw, RAW_WINDOW_UPDATE, 0, 1 << 20);
    raw_request(&raw, 1, "Unary", NULL);
    raw_frame(&raw, RAW_DATA, 0, 1, head, sizeof(head));
    for (size_t i = 0; i < 6; i++) {
        size_t left = i < 5 ? sizeof(piece) : sizeof(piece) - sizeof(head);

        usleep(700000);
        raw_frame(&raw, RAW_DATA, i < 5 ? 0 : RAW_END_STREAM, 1, piece, left);
    }
    assert_answered(&raw, 1);
    raw_close(&raw);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_end_is_not_waited_for),
        cmocka_unit_test(what_never_begins_is_not_waited_for),
        cmocka_unit_test(streams_may_rest),
        cmocka_unit_test(handlers_may_take_long),
        cmocka_unit_test(who_goes_on_is_waited_for),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
