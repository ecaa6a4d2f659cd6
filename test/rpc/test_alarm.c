/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms: looks at a server's call that may end it, whatever it is waiting for. */
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct running running;
static weir_loop *loop;
static weir_channel *channel;

static atomic_uint looks;

/* self: how many looks it takes. */
static weir_code
end_at_last(void *self, weir_call *call, int64_t *out_again)
{
    const unsigned *wanted = self;

    if (atomic_fetch_add(&looks, 1) + 1 == *wanted)
        return weir_fail(call, WEIR_UNAUTHENTICATED, "looked %u times", *wanted);
    *out_again = weir_now() + WEIR_MILLISECOND;
    return WEIR_OK;
}

static weir_code
look_once(void *self, weir_call *call, int64_t *out_again)
{
    (void)self;
    (void)call;
    (void)out_again;
    atomic_fetch_add(&looks, 1);
    return WEIR_OK;
}

/* x-looks: how many; 0: one look that changes nothing; none: an alarm that the call does not live
 * to hear. */
static weir_code
set_alarm(void *self, weir_call *call, weir_next *next)
{
    weir_str wanted = weir_call_header(call, "x-looks");
    unsigned *count = weir_call_keep(call, sizeof(*count));

    (void)self;
    assert_non_null(count);
    if (wanted.data != NULL)
        *count = (unsigned)(wanted.data[0] - '0');
    if (wanted.data == NULL)
        WEIR_TRY(weir_call_alarm(call, weir_now() + 3600 * WEIR_SECOND, end_at_last, count));
    else if (*count == 0)
        WEIR_TRY(weir_call_alarm(call, weir_now(), look_once, NULL));
    else
        WEIR_TRY(weir_call_alarm(call, weir_now() + WEIR_MILLISECOND, end_at_last, count));
    return weir_proceed(next, call);
}

static int
open_all(void **state)
{
    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, set_alarm);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    return 0;
}

static int
close_all(void **state)
{
    (void)state;
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, 10 * WEIR_SECOND);
    return 0;
}

static weir_call *
begin(const char *wanted)
{
    weir_call *call = weir_call_new(channel, NULL);

    atomic_store(&looks, 0);
    if (wanted != NULL)
        assert_int_equal(weir_call_add_header(call, "x-looks", weir_str_of(wanted)), WEIR_OK);
    return call;
}

static weir_code
unary(weir_call *call, const char *text)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;

    request.text = (char *)text;
    return rpctest_Test_Unary(call, &request, &response);
}

/* ---- tests ---- */

static void
a_unary_call_is_ended(void **state)
{
    weir_call *call = begin("3");

    (void)state;
    assert_int_equal(unary(call, "wait"), WEIR_UNAUTHENTICATED);
    assert_string_equal(weir_call_message(call), "looked 3 times");
    assert_int_equal(looks, 3);
    assert_int_equal(running.seen.last_code, WEIR_UNAUTHENTICATED);
    weir_call_free(call);
}

static void
a_handler_that_receives_is_ended(void **state)
{
    struct rpctest_Test_Collect_client collect = {NULL};
    struct rpctest_Test_Talk_client talk = {NULL};
    const Rpctest__Payload *reply;
    weir_call *call = begin("1");

    (void)state;
    assert_int_equal(rpctest_Test_Collect(call, &collect), WEIR_OK);
    while (weir_call_code(call) == WEIR_OK)
        (void)!weir_call_sleep(call, WEIR_MILLISECOND);
    assert_int_equal(rpctest_Test_Collect_client_finish(collect, &reply), WEIR_UNAUTHENTICATED);
    weir_call_free(call);

    call = begin("1");
    assert_int_equal(rpctest_Test_Talk(call, &talk), WEIR_OK);
    assert_false(rpctest_Test_Talk_client_recv(talk, &reply));
    assert_int_equal(weir_call_code(call), WEIR_UNAUTHENTICATED);
    assert_string_equal(weir_call_message(call), "looked 1 times");
    weir_call_free(call);
}

/* The handler is parked in a send: nobody takes what it sent before. */
static void
a_handler_that_sends_is_ended(void **state)
{
    struct rpctest_Test_Expand_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    unsigned ended = running.seen.ended;
    weir_call *call = begin("5");

    (void)state;
    request.number = 1000000;
    request.data.data = (uint8_t *)calloc(1, 4096);
    request.data.len = 4096;
    assert_int_equal(rpctest_Test_Expand(call, &request, &stream), WEIR_OK);
    while (running.seen.ended == ended)
        (void)!weir_call_sleep(call, WEIR_MILLISECOND);
    assert_int_equal(running.seen.last_code, WEIR_UNAUTHENTICATED);
    assert_int_equal(rpctest_Test_Expand_client_finish(stream), WEIR_UNAUTHENTICATED);
    free(request.data.data);
    weir_call_free(call);
}

static void
a_look_may_leave_the_call_alone(void **state)
{
    weir_call *call = begin("0");

    (void)state;
    assert_int_equal(unary(call, "sleep:20"), WEIR_OK);
    assert_int_equal(looks, 1);
    weir_call_free(call);
}

static void
a_call_that_is_over_is_not_looked_at(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        weir_call *call = begin(NULL);

        assert_int_equal(unary(call, ""), WEIR_OK);
        assert_int_equal(looks, 0);
        weir_call_free(call);
    }
}

static void
a_clients_call_takes_no_alarm(void **state)
{
    weir_call *call = begin(NULL);

    (void)state;
    assert_int_equal(weir_call_alarm(call, weir_now(), look_once, NULL), WEIR_FAILED_PRECONDITION);
    weir_call_free(call);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_unary_call_is_ended, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_handler_that_receives_is_ended, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_handler_that_sends_is_ended, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_look_may_leave_the_call_alone, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_call_that_is_over_is_not_looked_at, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_clients_call_takes_no_alarm, open_all, close_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
