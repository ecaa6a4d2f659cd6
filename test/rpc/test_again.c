/* SPDX-License-Identifier: Apache-2.0 */
/* What interceptors further in have added to a request is not there twice in the next attempt. */
#include "kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PATIENCE (100 * WEIR_SECOND)

struct seen {
    int attempts;
    unsigned sent;
};

static weir_code
three_times(void *self, weir_call *call, weir_next *next)
{
    weir_code code = WEIR_OK;

    (void)self;
    for (int i = 0; i < 3; i++)
        code = weir_proceed(next, call);
    return code;
}

static weir_code
count(void *self, weir_call *call, const ProtobufCMessage *message)
{
    struct seen *seen = self;

    (void)call;
    (void)message;
    seen->sent++;
    return WEIR_OK;
}

static const struct weir_watcher watcher = {.sending = count};

/* The first two attempts fail before they are made. */
static weir_code
add_and_fail(void *self, weir_call *call, weir_next *next)
{
    struct seen *seen = self;

    WEIR_TRY(weir_call_add_header(call, "x-added", weir_str_of("once")));
    WEIR_TRY(weir_call_watch(call, &watcher, seen));
    if (++seen->attempts < 3)
        return WEIR_UNAVAILABLE;
    return weir_proceed(next, call);
}

static void
additions_are_undone(void **state)
{
    struct seen seen = {.attempts = 0};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    struct running running;
    weir_channel *channel;
    weir_loop *loop;
    weir_call *call;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    assert_int_equal(weir_channel_wrap(channel, three_times, NULL), WEIR_OK);
    assert_int_equal(weir_channel_wrap(channel, add_and_fail, &seen), WEIR_OK);
    call = weir_call_new(channel, NULL);
    assert_int_equal(weir_call_add_header(call, "x-own", weir_str_of("1")), WEIR_OK);
    request.text = "count"; /* user-agent, x-own and x-added */
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
    assert_int_equal(response->number, 3);
    weir_call_free(call);
    seen = (struct seen){.attempts = 0};
    assert_int_equal(kinds_call(channel, WEIR_BIDI_STREAM, PATIENCE).code, WEIR_OK);
    assert_int_equal(seen.sent, KINDS_MESSAGES);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, PATIENCE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(additions_are_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
