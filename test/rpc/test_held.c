/* SPDX-License-Identifier: Apache-2.0 */
/* What requests hold while they are not whole is bounded for all connections together: what is over
 * that is refused, what is small goes on, and what is let go of counts no more. */
#include "base/bytes.h"
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    HELD = 1 << 20,
    STREAMS = 90,
    PART = 10000,
    LONG = 14000,
    INFLATED = 50000,
    REFUSED_STREAM = 7
};

static struct running running;

/* x-recycle: a handler that takes a message, gives it back and goes on without another one. */
static weir_code
give_back(void *self, weir_call *call, weir_next *next)
{
    const ProtobufCMessage *message;

    (void)self;
    if (weir_call_header(call, "x-recycle").data == NULL)
        return weir_proceed(next, call);
    weir_call_recycle(call);
    if (!weir_call_receive(call, &message))
        return weir_call_code(call);
    weir_call_recycle(call);
    return weir_event_wait(running.never, call);
}

static int
start(void **state)
{
    static const struct weir_server_options options = {
        .max_receive_message = 65536, .max_held = HELD};

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, give_back);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    running_stop(&running, WEIR_SECOND);
    return running.result == WEIR_OK ? 0 : -1;
}

static void
connect_to(struct raw *raw)
{
    raw_connect(raw, running.address);
    raw_greet(raw, true, 0, 0);
}

static uint32_t
id_of(unsigned number)
{
    return 2 * number + 1;
}

static void
begin_message(struct raw *raw, uint32_t id)
{
    static uint8_t part[5 + PART];

    store_be32(part + 1, 60000);
    raw_request(raw, id, "Unary", NULL);
    raw_frame(raw, RAW_DATA, 0, id, part, sizeof(part));
}

/* Different ones, since a header block that comes again is kept once. */
static void
begin_long_request(struct raw *raw, uint32_t id)
{
    char value[LONG + 1];

    memset(value, 'v', LONG);
    value[LONG] = '\0';
    snprintf(value, 11, "%010u", id);
    value[10] = 'v';
    raw_call(raw, "Unary", NULL);
    raw_field(raw, "x-long", value);
    raw_headers(raw, RAW_END_HEADERS, id);
}

static int
status_of(struct raw *raw, uint32_t id, int *out_reset)
{
    struct raw_answer answer;
    int status;

    raw_answer(raw, id, SIZE_MAX, &answer);
    status = answer.status;
    *out_reset = answer.reset;
    raw_answer_free(&answer);
    return status;
}

static void
assert_served(struct raw *raw, uint32_t id)
{
    int reset;

    raw_text(raw, RAW_END_STREAM, id, "hello");
    assert_int_equal(status_of(raw, id, &reset), WEIR_OK);
    assert_int_equal(reset, -1);
}

/* Since there were so many; what waits to be read is another limit. */
static void
assert_held(uint64_t before)
{
    struct weir_server_stats stats = running_stats(&running);

    assert_true(stats.limit_hits[WEIR_LIMIT_HELD] > before);
    assert_int_equal(stats.limit_hits[WEIR_LIMIT_UNREAD], 0);
}

static void
let_go(struct raw *raw)
{
    raw_close(raw);
    while (!running_is_empty(&running))
        usleep(1000);
}

static void
messages_that_are_begun_and_not_ended(void **state)
{
    uint64_t before = running_stats(&running).limit_hits[WEIR_LIMIT_HELD];
    struct raw raw, other;
    int reset;

    (void)state;
    connect_to(&raw);
    for (unsigned i = 0; i < STREAMS; i++)
        begin_message(&raw, id_of(i));
    assert_int_equal(status_of(&raw, id_of(STREAMS - 1), &reset), WEIR_RESOURCE_EXHAUSTED);
    assert_held(before);
    connect_to(&other);
    raw_request(&other, 1, "Unary", NULL);
    assert_served(&other, 1); /* it is small */
    raw_close(&other);
    let_go(&raw);
    connect_to(&raw);
    for (unsigned i = 0; i < STREAMS / 2; i++)
        begin_message(&raw, id_of(i));
    raw_request(&raw, id_of(STREAMS), "Unary", NULL);
    assert_served(&raw, id_of(STREAMS));
    assert_int_equal(running_stats(&running).calls_live, STREAMS / 2);
    let_go(&raw);
}

static void
long_headers_of_requests_that_never_come(void **state)
{
    uint64_t before = running_stats(&running).limit_hits[WEIR_LIMIT_HELD];
    struct raw raw;
    int reset;

    (void)state;
    connect_to(&raw);
    for (unsigned i = 0; i < STREAMS; i++)
        begin_long_request(&raw, id_of(i));
    status_of(&raw, id_of(STREAMS - 1), &reset);
    assert_int_equal(reset, REFUSED_STREAM);
    assert_held(before);
    raw_request(&raw, id_of(STREAMS), "Unary", NULL);
    assert_served(&raw, id_of(STREAMS)); /* its list is short */
    let_go(&raw);
    connect_to(&raw);
    begin_long_request(&raw, 1);
    assert_served(&raw, 1);
    let_go(&raw);
}

/* A Payload whose text is "wait", with much data that deflates to little. */
static struct buf
deflate_wait(void)
{
    static uint8_t plain[6 + 4 + INFLATED] = {0x0a, 4, 'w', 'a', 'i', 't', 0x12, 0xd0, 0x86, 0x03};
    struct buf framed = BUF_EMPTY;

    assert_true(buf_append(&framed, "\1\0\0\0\0", 5));
    raw_deflate(plain, sizeof(plain), &framed);
    store_be32(buf_head(&framed) + 1, (uint32_t)(buf_len(&framed) - 5));
    return framed;
}

static void
ask_deflated(struct raw *raw, uint32_t id, const char *method, bool recycle, unsigned flags)
{
    struct buf framed = deflate_wait();

    assert_true(buf_len(&framed) < 1000);
    raw_call(raw, method, NULL);
    if (recycle)
        raw_field(raw, "x-recycle", "yes");
    raw_field(raw, "grpc-encoding", "gzip");
    raw_headers(raw, RAW_END_HEADERS, id);
    raw_frame(raw, RAW_DATA, flags, id, buf_head(&framed), buf_len(&framed));
    buf_fini(&framed);
}

/* What came as little and is much counts as what it is, until it is let go of. */
static void
messages_that_inflate(void **state)
{
    struct raw raw;
    int reset;

    (void)state;
    connect_to(&raw);
    for (unsigned i = 0; i < STREAMS; i++)
        ask_deflated(&raw, id_of(i), "Unary", false, RAW_END_STREAM);
    assert_int_equal(status_of(&raw, id_of(STREAMS - 1), &reset), WEIR_RESOURCE_EXHAUSTED);
    let_go(&raw);
    connect_to(&raw);
    for (unsigned i = 0; i < STREAMS; i++) /* each is let go of when the next is waited for */
        ask_deflated(&raw, id_of(i), "Collect", false, 0);
    raw_request(&raw, id_of(STREAMS), "Unary", NULL);
    assert_served(&raw, id_of(STREAMS));
    assert_int_equal(running_stats(&running).calls_live, STREAMS);
    let_go(&raw);
}

static void
messages_that_are_given_back(void **state)
{
    struct raw raw;

    (void)state;
    connect_to(&raw);
    for (unsigned i = 0; i < STREAMS; i++)
        ask_deflated(&raw, id_of(i), "Collect", true, 0);
    raw_request(&raw, id_of(STREAMS), "Unary", NULL);
    assert_served(&raw, id_of(STREAMS));
    assert_int_equal(running_stats(&running).calls_live, STREAMS);
    let_go(&raw);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_that_are_begun_and_not_ended),
        cmocka_unit_test(long_headers_of_requests_that_never_come),
        cmocka_unit_test(messages_that_inflate),
        cmocka_unit_test(messages_that_are_given_back),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
