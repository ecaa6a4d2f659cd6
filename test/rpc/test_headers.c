/* SPDX-License-Identifier: Apache-2.0 */
/* Headers on their own, and metadata that the other end finds too large. */
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIMIT 2000

static struct running running;
static weir_loop *loop;
static weir_channel *channel;

/* What the interceptor saw. */
static atomic_uint with_much;
static weir_code sent_again, added_late, sent_large, sent_by_client;
static char each_seen[64];
static int64_t arrived;

static bool
add_long(weir_call *call, const char *wish, weir_code (*add)(weir_call *, const char *, weir_str))
{
    weir_str size = weir_call_header(call, wish);
    size_t len = size.data == NULL ? 0 : strtoul(weir_call_dup(call, size), NULL, 10);
    char *text = weir_call_alloc(call, len + 1);

    if (size.data == NULL)
        return false;
    memset(text, 'v', len);
    return add(call, "x-long", (weir_str){text, len}) == WEIR_OK;
}

/* The values of one key, with a bar behind each. */
static void
note_each(weir_call *call, const char *key)
{
    size_t cursor = 0, len = 0;
    weir_str value;

    while (weir_call_next_header_of(call, key, &cursor, &value))
        len += (size_t)snprintf(
            each_seen + len, sizeof(each_seen) - len, "%.*s|", (int)value.len, value.data);
}

/* Before the handler: send headers early, add long metadata, end without an answer. */
static weir_code
early(void *self, weir_call *call, weir_next *next)
{
    weir_str wish = weir_call_header(call, "x-early");

    (void)self;
    arrived = weir_call_arrived(call);
    if (weir_call_header(call, "x-much").data != NULL)
        with_much++;
    if (weir_call_header(call, "x-each").data != NULL)
        note_each(call, "x-each");
    if (weir_call_header(call, "x-each-bin").data != NULL)
        note_each(call, "x-each-bin");
    if (add_long(call, "x-header-size", weir_call_add_header))
        sent_large = weir_call_send_headers(call);
    add_long(call, "x-trailer-size", weir_call_add_trailer);
    if (wish.data != NULL) {
        WEIR_TRY(weir_call_add_header(call, "x-said", wish));
        WEIR_TRY(weir_call_send_headers(call));
        sent_again = weir_call_send_headers(call);
        added_late = weir_call_add_header(call, "x-said", wish);
    }
    if (weir_call_header(call, "x-nothing").data != NULL)
        return WEIR_OK;
    return weir_proceed(next, call);
}

static int
start(void **state)
{
    static const struct weir_server_options server = {.max_header_list = LIMIT};
    static const struct weir_channel_options client = {.max_header_list = LIMIT};

    (void)state;
    running_start(&running, "127.0.0.1:0", &server, early);
    if (weir_loop_new(&loop) != WEIR_OK)
        return -1;
    return weir_channel_new(loop, running.address, &client, &channel) == WEIR_OK ? 0 : -1;
}

static int
stop(void **state)
{
    (void)state;
    weir_channel_free(channel);
    weir_loop_free(loop);
    return running_finish(&running);
}

static weir_call *
call_with(const char *key, const char *value)
{
    weir_call *call = weir_call_new(channel, NULL);

    assert_non_null(call);
    if (key != NULL)
        assert_int_equal(weir_call_add_header(call, key, weir_str_of(value)), WEIR_OK);
    return call;
}

static void
expect_header(weir_call *call, const char *key, const char *value)
{
    weir_str found = weir_call_header(call, key);

    assert_true(weir_str_equal(found, weir_str_of(value)));
}

/* The handler has said nothing yet when its headers are here. */
static void
headers_before_the_first_message(void **state)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;
    struct rpctest_Test_Talk_client stream = {NULL};
    weir_call *call = call_with("x-early", "bird");

    (void)state;
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    assert_int_equal(weir_call_receive_headers(call), WEIR_OK);
    expect_header(call, "x-said", "bird");
    assert_int_equal(weir_call_code(call), WEIR_OK);
    message.text = "now";
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
    assert_true(rpctest_Test_Talk_client_recv(stream, &reply));
    assert_string_equal(reply->text, "re: now");
    sent_by_client = weir_call_send_headers(call);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    assert_int_equal(weir_call_receive_headers(call), WEIR_OK);
    weir_call_free(call);
    assert_int_equal(sent_again, WEIR_OK);
    assert_int_equal(added_late, WEIR_FAILED_PRECONDITION);
    assert_int_equal(sent_by_client, WEIR_FAILED_PRECONDITION);
}

/* Also around a unary answer, whose headers then come apart from it. */
static void
headers_before_a_single_answer(void **state)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;
    weir_call *call = call_with("x-early", "once");

    (void)state;
    message.text = "hello";
    assert_int_equal(rpctest_Test_Unary(call, &message, &reply), WEIR_OK);
    expect_header(call, "x-said", "once");
    assert_int_equal(weir_call_receive_headers(call), WEIR_OK);
    weir_call_free(call);
}

static void
an_answer_of_trailers_alone(void **state)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    weir_call *call = call_with("x-nothing", "1");

    (void)state;
    assert_int_equal(weir_call_receive_headers(call), WEIR_FAILED_PRECONDITION);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    assert_int_equal(weir_call_receive_headers(call), WEIR_OK);
    assert_null(weir_call_header(call, "x-said").data);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    weir_call_free(call);
}

static void
headers_that_never_come(void **state)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    weir_call *call = call_with(NULL, NULL);

    (void)state;
    weir_call_set_timeout(call, 50 * WEIR_MILLISECOND);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    assert_int_equal(weir_call_receive_headers(call), WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(weir_call_receive_headers(call), WEIR_DEADLINE_EXCEEDED);
    weir_call_free(call);
    call = call_with(NULL, NULL);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    weir_call_cancel(call);
    assert_int_equal(weir_call_receive_headers(call), WEIR_CANCELLED);
    weir_call_free(call);
    EVENTUALLY(running.seen.started == running.seen.ended);
}

/* ---- limits ---- */

static weir_code
ask(weir_call *call, const char *text)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;

    message.text = (char *)text;
    return rpctest_Test_Unary(call, &message, &reply);
}

static void
add(weir_call *call, const char *key, const char *value)
{
    assert_int_equal(weir_call_add_header(call, key, weir_str_of(value)), WEIR_OK);
}

static void
each_value_of_a_key(void **state)
{
    static const char *const keys[] = {"x-each", "x-each-bin"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        weir_call *call = call_with("x-other", "no");

        each_seen[0] = '\0';
        add(call, keys[i], "a");
        add(call, "x-each-other", "no");
        add(call, keys[i], "b, c");
        add(call, keys[i], "");
        add(call, "x-each-other-bin", "no");
        add(call, keys[i], "d");
        assert_int_equal(ask(call, "hello"), WEIR_OK);
        assert_string_equal(each_seen, "a|b, c||d|");
        weir_call_free(call);
    }
}

static void
when_a_call_arrived(void **state)
{
    int64_t before = weir_now();
    weir_call *call = call_with(NULL, NULL);

    (void)state;
    arrived = 0;
    assert_int_equal(ask(call, "hello"), WEIR_OK);
    assert_true(arrived >= before && arrived <= weir_now());
    assert_int_equal(weir_call_arrived(call), 0);
    weir_call_free(call);
}

static void
more_headers_than_the_server_takes(void **state)
{
    char text[LIMIT + 1];
    weir_call *call;

    (void)state;
    memset(text, 'x', LIMIT);
    text[LIMIT] = '\0';
    call = call_with("x-much", text);
    assert_int_equal(ask(call, "hello"), WEIR_RESOURCE_EXHAUSTED);
    assert_string_equal(weir_call_message(call), "headers larger than the server takes");
    weir_call_free(call);
    text[LIMIT / 2] = '\0';
    call = call_with("x-much", text);
    assert_int_equal(ask(call, "hello"), WEIR_OK);
    weir_call_free(call);
    assert_int_equal(with_much, 1);
}

static void
check_size(const char *wish, const char *size, const char *text, weir_code code, bool is_too_large)
{
    weir_call *call = call_with(wish, size);
    const char *why;

    assert_int_equal(ask(call, text), code);
    why = weir_call_message(call);
    assert_int_equal(strcmp(why, "the status is larger than the client takes") == 0, is_too_large);
    assert_int_equal(weir_call_trailer(call, "x-long").data == NULL &&
                         weir_call_header(call, "x-long").data == NULL,
        is_too_large);
    weir_call_free(call);
}

/* The client hears what went wrong, and keeps its connection. */
static void
more_metadata_than_the_client_takes(void **state)
{
    (void)state;
    check_size("x-trailer-size", "1000", "hello", WEIR_OK, false);
    check_size("x-trailer-size", "1990", "hello", WEIR_RESOURCE_EXHAUSTED, true);
    check_size("x-trailer-size", "1000", "fail:5", WEIR_NOT_FOUND, false);
    check_size("x-trailer-size", "1990", "fail:5", WEIR_NOT_FOUND, true);
    check_size("x-header-size", "1000", "hello", WEIR_OK, false);
    assert_int_equal(sent_large, WEIR_OK);
    check_size("x-header-size", "1990", "hello", WEIR_RESOURCE_EXHAUSTED, true);
    assert_int_equal(sent_large, WEIR_RESOURCE_EXHAUSTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_before_the_first_message),
        cmocka_unit_test(headers_before_a_single_answer),
        cmocka_unit_test(an_answer_of_trailers_alone),
        cmocka_unit_test(headers_that_never_come),
        cmocka_unit_test(each_value_of_a_key),
        cmocka_unit_test(when_a_call_arrived),
        cmocka_unit_test(more_headers_than_the_server_takes),
        cmocka_unit_test(more_metadata_than_the_client_takes),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
