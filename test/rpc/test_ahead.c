/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler is told of the calls that came together with its own. */
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CALLS 60
#define AT_ONCE 8
#define FIRST_ID 3 /* of a batch, behind the call whose headers the others repeat */

static struct running running;
static atomic_bool parks;

/* Told, in the order that it was, by one loop's thread; the numbers in the texts. */
static atomic_size_t told_count;
static unsigned told[CALLS];

static unsigned
number_of(weir_str message)
{
    unsigned number = 0;

    for (size_t i = 0; i < message.len; i++)
        if (message.data[i] >= '0' && message.data[i] <= '9')
            number = number * 10 + (unsigned)(message.data[i] - '0');
    return number;
}

static weir_code
look_ahead(void *self, weir_call *call, weir_next *next)
{
    weir_str messages[AT_ONCE];
    size_t count;

    (void)self;
    if (parks)
        WEIR_TRY(weir_call_sleep(call, WEIR_MILLISECOND));
    count = weir_call_ahead(call, messages, AT_ONCE);
    for (size_t i = 0; i < count && told_count < CALLS; i++)
        told[told_count++] = number_of(messages[i]);
    return weir_proceed(next, call);
}

static int
start(void **state)
{
    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, look_ahead);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    running_stop(&running, 10 * WEIR_SECOND);
    return running.result == WEIR_OK ? 0 : -1;
}

static void
call(struct raw *raw, uint32_t id, const char *text)
{
    raw_request(raw, id, "Unary", NULL);
    raw_text(raw, RAW_END_STREAM, id, text);
}

static void
call_number(struct raw *raw, uint32_t id)
{
    char text[32];

    snprintf(text, sizeof(text), "number %u", (unsigned)id);
    call(raw, id, text);
}

/* In whatever order. */
static void
await_ends(struct raw *raw, unsigned count)
{
    static struct raw_frame frame;

    while (count > 0) {
        assert_true(raw_next(raw, &frame));
        assert_int_not_equal(frame.type, RAW_RST_STREAM);
        count -= frame.type == RAW_HEADERS && (frame.flags & RAW_END_STREAM) != 0;
    }
}

/* A first call, then many at once. */
static void
call_many(void)
{
    struct raw raw;

    told_count = 0;
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    call_number(&raw, 1);
    await_ends(&raw, 1);
    raw_cork(&raw, true);
    for (uint32_t i = 0; i < CALLS; i++)
        call_number(&raw, FIRST_ID + 2 * i);
    raw_cork(&raw, false);
    await_ends(&raw, CALLS);
    raw_close(&raw);
}

/* How many come in one read is the kernel's to say, but never is one told twice or out of turn. */
static void
assert_told_once(unsigned after)
{
    assert_true(told_count > 0);
    for (size_t i = 0; i < told_count; i++) {
        assert_true(told[i] > after && told[i] < FIRST_ID + 2 * CALLS);
        assert_true(i == 0 || told[i] > told[i - 1]);
    }
}

static void
test_each_is_told_once(void **state)
{
    (void)state;
    parks = false;
    call_many();
    assert_told_once(FIRST_ID);
}

/* Behind a call that is given up, whose place is not free before the end of the turn, and one that
 * sleeps in the other place, the rest of what was read has to wait, and is read once more. */
static void
test_once_though_reading_is_held_up(void **state)
{
    const struct weir_server_options two = {.max_concurrent_streams = 2};
    struct running narrow;
    struct raw raw;

    (void)state;
    parks = false;
    told_count = 0;
    running_start(&narrow, "127.0.0.1:0", &two, look_ahead);
    raw_connect(&raw, narrow.address);
    raw_greet(&raw, true, 0, 0);
    call_number(&raw, 1);
    await_ends(&raw, 1);
    raw_cork(&raw, true);
    call(&raw, FIRST_ID, "wait");
    raw_number(&raw, RAW_RST_STREAM, FIRST_ID, H2_CANCEL);
    call(&raw, FIRST_ID + 2, "sleep:100");
    for (uint32_t i = 2; i < 2 + AT_ONCE; i++)
        call_number(&raw, FIRST_ID + 2 * i);
    raw_cork(&raw, false);
    await_ends(&raw, 1 + AT_ONCE);
    assert_told_once(FIRST_ID + 2);
    raw_close(&raw);
    EVENTUALLY(running_is_empty(&narrow));
    running_stop(&narrow, 10 * WEIR_SECOND);
}

/* By then the memory that they lay in is used for something else. */
static void
test_nothing_after_it_has_parked(void **state)
{
    (void)state;
    parks = true;
    call_many();
    assert_int_equal(told_count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_told_once),
        cmocka_unit_test(test_once_though_reading_is_held_up),
        cmocka_unit_test(test_nothing_after_it_has_parked),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
