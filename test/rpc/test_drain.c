/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of calls that would go on for ever hear that their connection drains, and may end them.
 */
#include "client.h"
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct running running;

/* x-drain: wait for the drain. "late": of a second event, asked for when it has begun. "send": ask
 * to hear of it, and answer. */
static weir_code
wait_for_drain(void *self, weir_call *call, weir_next *next)
{
    weir_str how = weir_call_header(call, "x-drain");
    weir_event *event, *late;
    weir_code code;

    (void)self;
    if (how.data == NULL)
        return weir_proceed(next, call);
    event = weir_event_new();
    late = weir_event_new();
    assert_false(weir_call_draining(call));
    assert_int_equal(weir_call_on_drain(call, event), WEIR_OK);
    atomic_fetch_add(&running.seen.parked, 1);
    code = weir_str_equal(how, weir_str_of("send")) ? weir_proceed(next, call)
                                                    : weir_event_wait(event, call);
    assert_true(code != WEIR_OK || weir_call_draining(call));
    if (code == WEIR_OK && weir_str_equal(how, weir_str_of("late"))) {
        assert_int_equal(weir_call_on_drain(call, late), WEIR_OK);
        code = weir_event_wait(late, call);
    }
    weir_event_unref(event);
    weir_event_unref(late);
    return code == WEIR_OK ? weir_fail(call, WEIR_UNAVAILABLE, "elsewhere") : code;
}

struct asking {
    pthread_t thread;
    const char *how; /* NULL: without the header */
    const char *text;
    int64_t timeout;
    weir_code code;
    char message[64];
};

static void *
ask(void *arg)
{
    struct asking *asking = arg;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    struct client client;
    weir_call *call;

    open_client(&client, running.address, NULL);
    call = weir_call_new(client.channel, NULL);
    if (asking->how != NULL)
        assert_int_equal(weir_call_add_header(call, "x-drain", weir_str_of(asking->how)), WEIR_OK);
    weir_call_set_timeout(call, asking->timeout);
    request.text = (char *)asking->text;
    asking->code = rpctest_Test_Unary(call, &request, &response);
    snprintf(asking->message, sizeof(asking->message), "%s", weir_call_message(call));
    weir_call_free(call);
    close_client(&client);
    return NULL;
}

static void
start_asking(struct asking *asking, const char *how, const char *text, int64_t timeout)
{
    unsigned parked = atomic_load(&running.seen.parked);

    *asking = (struct asking){.how = how, .text = text, .timeout = timeout};
    assert_int_equal(pthread_create(&asking->thread, NULL, ask, asking), 0);
    EVENTUALLY(atomic_load(&running.seen.parked) > parked);
}

static void
assert_sent_elsewhere(struct asking *asking)
{
    pthread_join(asking->thread, NULL);
    assert_int_equal(asking->code, WEIR_UNAVAILABLE);
    assert_string_equal(asking->message, "elsewhere");
}

/* Those that wait for it are told, on all loops; another one goes on. */
static void
the_server_drains(void **state)
{
    const struct weir_server_options options = {.loops = 2};
    struct asking waiting[8], late, other;

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, wait_for_drain);
    for (int i = 0; i < 8; i++)
        start_asking(&waiting[i], "", "", WEIR_NEVER);
    start_asking(&late, "late", "", WEIR_NEVER);
    start_asking(&other, NULL, "wait", WEIR_NEVER);
    weir_server_drain(running.server, 100 * WEIR_SECOND);
    for (int i = 0; i < 8; i++)
        assert_sent_elsewhere(&waiting[i]);
    assert_sent_elsewhere(&late);
    assert_int_equal(running_stats(&running).calls_live, 1);
    weir_event_set(running.never);
    pthread_join(other.thread, NULL);
    assert_int_equal(other.code, WEIR_OK);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

static void
a_connection_is_old(void **state)
{
    const struct weir_server_options options = {.max_connection_age = WEIR_SECOND};
    struct asking waiting;

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, wait_for_drain);
    start_asking(&waiting, "", "", WEIR_NEVER);
    assert_sent_elsewhere(&waiting);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

static void
ask_shut(struct raw *raw, const char *how)
{
    struct raw_frame frame;

    raw_connect(raw, running.address);
    raw_greet(raw, true, RAW_INITIAL_WINDOW, 0);
    raw_call(raw, "Unary", NULL);
    if (how != NULL)
        raw_field(raw, "x-drain", how);
    raw_headers(raw, RAW_END_HEADERS, 1);
    raw_text(raw, RAW_END_STREAM, 1, "size:100");
    assert_true(raw_await(raw, RAW_HEADERS, 1, &frame));
}

static void
assert_ends_with(struct raw *raw, int status)
{
    struct raw_answer answer;

    raw_answer(raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, status);
    raw_answer_free(&answer);
    raw_close(raw);
}

/* Whoever would have ended with the drain, but for a client that does not read, is ended; another
 * one is waited for. */
static void
clients_do_not_read(void **state)
{
    struct raw told, other;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, wait_for_drain);
    ask_shut(&told, "send");
    ask_shut(&other, NULL);
    weir_server_drain(running.server, 100 * WEIR_SECOND);
    assert_ends_with(&told, WEIR_UNAVAILABLE);
    raw_number(&other, RAW_WINDOW_UPDATE, 1, 1 << 20);
    assert_ends_with(&other, WEIR_OK);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

/* Calls that end before leave nothing behind. */
static void
a_call_that_does_not_live_to_see_it(void **state)
{
    struct asking waiting;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, wait_for_drain);
    start_asking(&waiting, "", "", 20 * WEIR_MILLISECOND);
    pthread_join(waiting.thread, NULL);
    assert_int_equal(waiting.code, WEIR_DEADLINE_EXCEEDED);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

static void
a_client_hears_nothing(void **state)
{
    weir_event *event = weir_event_new();
    struct client client;
    weir_call *call;

    (void)state;
    open_client(&client, "127.0.0.1:1", NULL);
    call = weir_call_new(client.channel, NULL);
    assert_int_equal(weir_call_on_drain(call, event), WEIR_FAILED_PRECONDITION);
    assert_false(weir_call_draining(call));
    weir_call_free(call);
    close_client(&client);
    weir_event_unref(event);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_drains),
        cmocka_unit_test(a_connection_is_old),
        cmocka_unit_test(clients_do_not_read),
        cmocka_unit_test(a_call_that_does_not_live_to_see_it),
        cmocka_unit_test(a_client_hears_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
