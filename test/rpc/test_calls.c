/* SPDX-License-Identifier: Apache-2.0 */
/* Client and server together, over loopback: every kind of call, deadlines, cancellation, metadata,
 * drain. */
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/http.h>

#include <cmocka.h>

struct fixture {
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
};

static void
connect_to(struct fixture *fixture, const char *target)
{
    assert_int_equal(weir_loop_new(&fixture->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(fixture->loop, target, NULL, &fixture->channel), WEIR_OK);
}

static void
disconnect(struct fixture *fixture)
{
    weir_channel_free(fixture->channel);
    weir_loop_free(fixture->loop);
}

static int
setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    running_start(&fixture->running, "127.0.0.1:0", NULL, NULL);
    connect_to(fixture, fixture->running.address);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    disconnect(fixture);
    running_stop(&fixture->running, 10 * WEIR_SECOND);
    assert_int_equal(fixture->running.seen.started, fixture->running.seen.ended);
    free(fixture);
    return 0;
}

/* One unary call; the response's text goes to a buffer when there is one. */
static weir_code
ask(weir_channel *channel, const char *text, char *out_text, size_t size)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    request.text = (char *)text;
    code = rpctest_Test_Unary(call, &request, &response);
    if (out_text != NULL)
        snprintf(out_text, size, "%s", code == WEIR_OK ? response->text : weir_call_message(call));
    weir_call_free(call);
    return code;
}

static void
unary_answers(void **state)
{
    struct fixture *fixture = *state;
    char text[64];

    for (int i = 0; i < 100; i++) {
        assert_int_equal(ask(fixture->channel, "h\xC3\xA9llo", text, sizeof(text)), WEIR_OK);
        assert_string_equal(text, "h\xC3\xA9llo");
    }
}

static void
every_code_and_text_arrives(void **state)
{
    struct fixture *fixture = *state;
    char verb[16], text[64];

    for (int code = 1; code <= 16; code++) {
        snprintf(verb, sizeof(verb), "fail:%d", code);
        assert_int_equal(ask(fixture->channel, verb, text, sizeof(text)), code);
        assert_string_equal(text, "as asked: %, \n and \xC3\xBC");
    }
}

static void
unset_and_unknown_are_unimplemented(void **state)
{
    struct fixture *fixture = *state;
    const char *paths[] = {"/rpctest.Test/None", "/none.Such/Unary", "/a", "/a/b/c"};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);

    assert_int_equal(rpctest_Test_Unset(call, &request, &response), WEIR_UNIMPLEMENTED);
    weir_call_free(call);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct weir_method method = {.path = paths[i],
            .kind = WEIR_UNARY,
            .input = &rpctest__payload__descriptor,
            .output = &rpctest__payload__descriptor};
        ProtobufCMessage *answer;

        call = weir_call_new(fixture->channel, NULL);
        assert_int_equal(
            weir_call_unary(call, &method, &request.base, &answer), WEIR_UNIMPLEMENTED);
        assert_non_null(strstr(weir_call_message(call), "unknown"));
        weir_call_free(call);
    }
}

static void
deadline_ends_both_sides(void **state)
{
    struct fixture *fixture = *state;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    int64_t timeout = 50 * WEIR_MILLISECOND;

    request.text = "sleep:60000";
    do { /* until the time was enough for the handler to begin */
        weir_call *call = weir_call_new(fixture->channel, NULL);

        weir_call_set_timeout(call, timeout);
        assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_DEADLINE_EXCEEDED);
        weir_call_free(call);
        timeout *= 2;
    } while (atomic_load(&fixture->running.seen.started) == 0);
    while (atomic_load(&fixture->running.seen.ended) == 0)
        usleep(1000);
    assert_int_not_equal(atomic_load(&fixture->running.seen.last_code), WEIR_OK);
}

static void
expired_deadline_fails_at_once(void **state)
{
    struct fixture *fixture = *state;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);

    weir_call_set_timeout(call, -1);
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_DEADLINE_EXCEEDED);
    weir_call_free(call);
}

struct canceller {
    weir_call *call;
    struct running *running;
};

static void *
cancel_when_begun(void *arg)
{
    struct canceller *canceller = arg;

    EVENTUALLY(atomic_load(&canceller->running->seen.parked) > 0)
    weir_call_cancel(canceller->call);
    return NULL;
}

static void
cancel_from_another_thread(void **state)
{
    struct fixture *fixture = *state;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);
    struct canceller canceller = {call, &fixture->running};
    pthread_t thread;

    request.text = "sleep:60000";
    pthread_create(&thread, NULL, cancel_when_begun, &canceller);
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_CANCELLED);
    pthread_join(thread, NULL);
    weir_call_free(call);
    while (atomic_load(&fixture->running.seen.ended) == 0)
        usleep(1000);
    assert_int_equal(atomic_load(&fixture->running.seen.last_code), WEIR_CANCELLED);
}

static void
metadata_travels(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes[] = {0, 1, 2, (char)0xFF, 0};
    weir_str binary = {bytes, sizeof(bytes)};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);
    size_t cursor = 0, repeated = 0;
    weir_str key, value;

    request.text = "metadata";
    assert_int_equal(weir_call_add_header(call, "x-text", weir_str_of("one")), WEIR_OK);
    assert_int_equal(weir_call_add_header(call, "x-text", weir_str_of("two")), WEIR_OK);
    assert_int_equal(weir_call_add_header(call, "x-bin", binary), WEIR_OK);
    assert_int_equal(weir_call_add_header(call, "x-empty", weir_str_of("")), WEIR_OK);
    assert_int_equal(
        weir_call_add_header(call, "grpc-timeout", weir_str_of("1S")), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_call_add_header(call, "X-Up", weir_str_of("")), WEIR_INVALID_ARGUMENT);
    assert_int_equal(
        weir_call_add_header(call, "x-text", weir_str_of("a\nb")), WEIR_INVALID_ARGUMENT);
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
    assert_true(weir_str_equal(weir_call_header(call, "echo-x-text"), weir_str_of("one")));
    assert_true(weir_str_equal(weir_call_header(call, "echo-x-bin"), binary));
    assert_true(weir_str_equal(weir_call_trailer(call, "trail-x-bin"), binary));
    assert_non_null(weir_call_header(call, "echo-x-empty").data);
    assert_null(weir_call_header(call, "absent").data);
    while (weir_call_next_trailer(call, &cursor, &key, &value))
        repeated += weir_str_equal(key, weir_str_of("trail-x-text"));
    assert_int_equal(repeated, 2);
    weir_call_free(call);
}

static void
large_messages(void **state)
{
    struct fixture *fixture = *state;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    size_t size = 3 * 1024 * 1024;
    weir_call *call = weir_call_new(fixture->channel, NULL);

    request.data.data = calloc(1, 5 * 1024 * 1024);
    request.data.len = size;
    memset(request.data.data, 7, size);
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
    assert_int_equal(response->data.len, size);
    assert_memory_equal(response->data.data, request.data.data, size);
    weir_call_free(call);

    call = weir_call_new(fixture->channel, NULL);
    request.data.len = 5 * 1024 * 1024;
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_RESOURCE_EXHAUSTED);
    weir_call_free(call);
    free(request.data.data);
    assert_int_equal(ask(fixture->channel, "size:5000000", NULL, 0), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(ask(fixture->channel, "still there", NULL, 0), WEIR_OK);
}

static weir_code
ask_nested(weir_channel *channel, size_t depth)
{
    Rpctest__Nested *levels = calloc(depth, sizeof(*levels));
    const Rpctest__Nested *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    for (size_t i = 0; i < depth; i++) {
        rpctest__nested__init(&levels[i]);
        levels[i].inner = i + 1 < depth ? &levels[i + 1] : NULL;
    }
    code = rpctest_Test_Nest(call, &levels[0], &response);
    weir_call_free(call);
    free(levels);
    return code;
}

static void
nesting_has_a_bound(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask_nested(fixture->channel, 1), WEIR_OK);
    assert_int_equal(ask_nested(fixture->channel, 101), WEIR_OK);
    assert_int_equal(ask_nested(fixture->channel, 102), WEIR_INTERNAL);
    assert_int_equal(ask_nested(fixture->channel, 1000), WEIR_INTERNAL);
    assert_int_equal(ask_nested(fixture->channel, 101), WEIR_OK);
}

static void
client_stream(void **state)
{
    struct fixture *fixture = *state;
    struct rpctest_Test_Collect_client stream = {NULL};
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);

    assert_int_equal(rpctest_Test_Collect(call, &stream), WEIR_OK);
    for (int i = 0; i < 1000; i++) {
        Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

        message.number = i;
        assert_int_equal(rpctest_Test_Collect_client_send(stream, &message), WEIR_OK);
    }
    assert_int_equal(rpctest_Test_Collect_client_finish(stream, &response), WEIR_OK);
    assert_int_equal(response->number, 499500);
    assert_string_equal(response->text, "1000");
    weir_call_free(call);
}

static void
server_stream(void **state)
{
    struct fixture *fixture = *state;
    struct rpctest_Test_Expand_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *message = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);
    int count = 0;

    request.number = 10000;
    request.data.data = (uint8_t *)"0123456789";
    request.data.len = 10;
    assert_int_equal(rpctest_Test_Expand(call, &request, &stream), WEIR_OK);
    while (rpctest_Test_Expand_client_recv(stream, &message)) {
        assert_int_equal(message->number, count);
        count++;
    }
    assert_int_equal(count, 10000);
    assert_int_equal(rpctest_Test_Expand_client_finish(stream), WEIR_OK);
    weir_call_free(call);
}

static void
bidi_stream(void **state)
{
    struct fixture *fixture = *state;
    struct rpctest_Test_Talk_client stream = {NULL};
    const Rpctest__Payload *reply = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);
    char text[32];

    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    for (int i = 0; i < 200; i++) {
        Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

        snprintf(text, sizeof(text), "m%d", i);
        message.text = text;
        assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
        assert_true(rpctest_Test_Talk_client_recv(stream, &reply));
        assert_string_equal(reply->text + 4, text);
    }
    assert_int_equal(rpctest_Test_Talk_client_close_send(stream), WEIR_OK);
    assert_false(rpctest_Test_Talk_client_recv(stream, &reply));
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    weir_call_free(call);
}

static void
freeing_a_live_stream_cancels_it(void **state)
{
    struct fixture *fixture = *state;
    struct rpctest_Test_Expand_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *message = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);

    request.number = INT32_MAX;
    assert_int_equal(rpctest_Test_Expand(call, &request, &stream), WEIR_OK);
    assert_true(rpctest_Test_Expand_client_recv(stream, &message));
    weir_call_free(call);
    assert_int_equal(ask(fixture->channel, "next", NULL, 0), WEIR_OK);
    while (atomic_load(&fixture->running.seen.ended) != atomic_load(&fixture->running.seen.started))
        usleep(1000);
}

/* ---- several threads on one channel ---- */

/* NULL: every answer was right. */
static void *
ask_often(void *arg)
{
    char text[32], answer[32];

    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "%d", i);
        if (ask(arg, text, answer, sizeof(answer)) != WEIR_OK || strcmp(text, answer) != 0)
            return arg;
    }
    return NULL;
}

static void
threads_share_a_channel(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[8];
    void *wrong;

    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, fixture->channel), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

/* ---- a call made inside a handler ---- */

static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static void
handler_calls_onward(void **state)
{
    struct fixture *back = *state;
    struct fixture front;
    weir_loop *loop;
    char text[64];
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call;
    pthread_t turner;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(pthread_create(&turner, NULL, turn, loop), 0);
    assert_int_equal(
        weir_channel_new(loop, back->running.address, NULL, &front.running.onward), WEIR_OK);
    running_start(&front.running, "127.0.0.1:0", NULL, NULL);
    connect_to(&front, front.running.address);
    assert_int_equal(ask(front.channel, "proxy:inner", text, sizeof(text)), WEIR_OK);
    assert_string_equal(text, "inner");
    assert_int_equal(ask(front.channel, "proxy:fail:9", text, sizeof(text)), 9);
    assert_non_null(strstr(text, "onward: as asked"));

    /* What is left of the deadline goes along; the inner handler is freed as well. */
    call = weir_call_new(front.channel, NULL);
    weir_call_set_timeout(call, 100 * WEIR_MILLISECOND);
    request.text = "proxy:sleep:60000";
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_DEADLINE_EXCEEDED);
    weir_call_free(call);
    while (atomic_load(&back->running.seen.ended) != atomic_load(&back->running.seen.started))
        usleep(1000);

    disconnect(&front);
    running_stop(&front.running, WEIR_SECOND);
    weir_channel_free(front.running.onward);
    weir_loop_stop(loop);
    pthread_join(turner, NULL);
    weir_loop_free(loop);
}

/* ---- without the fixture ---- */

static void
nobody_listens_on(const char *address)
{
    struct fixture fixture;
    struct running running;
    char target[64], expected[96], text[256];

    running_start(&running, address, NULL, NULL);
    snprintf(target, sizeof(target), "%s", running.address);
    running_stop(&running, 0);
    connect_to(&fixture, target);
    assert_int_equal(ask(fixture.channel, "x", text, sizeof(text)), WEIR_UNAVAILABLE);
    snprintf(expected, sizeof(expected), "cannot reach %s: ", target);
    assert_non_null(strstr(text, expected));
    disconnect(&fixture);
}

static void
nobody_listens(void **state)
{
    (void)state;
    nobody_listens_on("127.0.0.1:0");
    nobody_listens_on("[::1]:0");
}

static void
several_loops_and_unix_sockets(void **state)
{
    struct weir_server_options options = {.loops = 2};
    struct fixture fixtures[6];
    struct running running;
    char target[128];

    (void)state;
    snprintf(target, sizeof(target), "unix:/tmp/weir-test-%d.sock", (int)getpid());
    running_start(&running, target, &options, NULL);
    for (int i = 0; i < 6; i++) {
        connect_to(&fixtures[i], target);
        assert_int_equal(ask(fixtures[i].channel, "x", NULL, 0), WEIR_OK);
    }
    for (int i = 0; i < 6; i++)
        disconnect(&fixtures[i]);
    running_stop(&running, WEIR_SECOND);

    running_start(&running, "127.0.0.1:0", &options, NULL);
    for (int i = 0; i < 6; i++) {
        connect_to(&fixtures[i], running.address);
        assert_int_equal(ask(fixtures[i].channel, "x", NULL, 0), WEIR_OK);
    }
    for (int i = 0; i < 6; i++)
        disconnect(&fixtures[i]);
    running_stop(&running, WEIR_SECOND);
}

struct asking {
    weir_channel *channel;
    const char *text;
    weir_code code;
};

static void *
ask_in_background(void *arg)
{
    struct asking *asking = arg;

    asking->code = ask(asking->channel, asking->text, NULL, 0);
    return NULL;
}

static void
drain_while_in_flight(const char *text, int64_t grace, weir_code expect_call, weir_code expect_run)
{
    struct fixture fixture;
    struct asking asking = {.text = text};
    pthread_t thread;

    running_start(&fixture.running, "127.0.0.1:0", NULL, NULL);
    connect_to(&fixture, fixture.running.address);
    asking.channel = fixture.channel;
    pthread_create(&thread, NULL, ask_in_background, &asking);
    while (atomic_load(&fixture.running.seen.started) == 0)
        usleep(1000);
    running_stop(&fixture.running, grace);
    pthread_join(thread, NULL);
    assert_int_equal(asking.code, expect_call);
    assert_int_equal(fixture.running.result, expect_run);
    assert_int_equal(ask(fixture.channel, "late", NULL, 0), WEIR_UNAVAILABLE);
    disconnect(&fixture);
}

static void
drain_lets_calls_finish(void **state)
{
    (void)state;
    drain_while_in_flight("sleep:300", 60 * WEIR_SECOND, WEIR_OK, WEIR_OK);
}

static void
grace_cuts_calls(void **state)
{
    (void)state;
    drain_while_in_flight("sleep:60000", 100 * WEIR_MILLISECOND, WEIR_UNAVAILABLE, WEIR_CANCELLED);
}

static weir_code
guard(void *self, weir_call *call, weir_next *next)
{
    weir_code code;

    (void)self;
    if (weir_call_header(call, "password").data == NULL)
        return weir_fail(call, WEIR_UNAUTHENTICATED, "who are you?");
    code = weir_proceed(next, call);
    if (code == WEIR_NOT_FOUND)
        return weir_fail(call, WEIR_OUT_OF_RANGE, "changed");
    return code;
}

static weir_code
ask_guarded(weir_channel *channel, const char *text)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    request.text = (char *)text;
    assert_int_equal(weir_call_add_header(call, "password", weir_str_of("yes")), WEIR_OK);
    code = rpctest_Test_Unary(call, &request, &response);
    weir_call_free(call);
    return code;
}

static void
interceptor_stands_in_between(void **state)
{
    struct fixture fixture;
    char text[64];

    (void)state;
    running_start(&fixture.running, "127.0.0.1:0", NULL, guard);
    connect_to(&fixture, fixture.running.address);
    assert_int_equal(ask(fixture.channel, "x", text, sizeof(text)), WEIR_UNAUTHENTICATED);
    assert_string_equal(text, "who are you?");
    assert_int_equal(fixture.running.seen.started, 0);
    assert_int_equal(ask_guarded(fixture.channel, "x"), WEIR_OK);
    assert_int_equal(ask_guarded(fixture.channel, "fail:5"), WEIR_OUT_OF_RANGE);
    assert_int_equal(ask_guarded(fixture.channel, "sleep:10"), WEIR_OK);
    disconnect(&fixture);
    running_stop(&fixture.running, WEIR_SECOND);
}

static void
verbs_want_a_call_that_has_begun(void **state)
{
    struct fixture *fixture = *state;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    const ProtobufCMessage *message = NULL;
    weir_call *call = weir_call_new(fixture->channel, NULL);

    assert_int_equal(weir_call_send(call, &request.base), WEIR_FAILED_PRECONDITION);
    assert_int_equal(weir_call_close_send(call), WEIR_FAILED_PRECONDITION);
    assert_int_equal(weir_call_finish(call), WEIR_FAILED_PRECONDITION);
    assert_false(weir_call_receive(call, &message));
    assert_int_equal(weir_call_code(call), WEIR_FAILED_PRECONDITION);
    weir_call_free(call);

    call = weir_call_new(fixture->channel, NULL);
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_FAILED_PRECONDITION);
    weir_call_free(call);
    assert_int_equal(weir_channel_wrap(fixture->channel, guard, NULL), WEIR_FAILED_PRECONDITION);
}

/* They would end the stream without a status, or take the server for a channel. */
static weir_code
answer_with_client_verbs(void *self, weir_call *call, weir_next *next)
{
    const struct weir_method *method = &rpctest_Test_service.methods[0];
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    ProtobufCMessage *response;

    (void)self;
    assert_int_equal(weir_call_close_send(call), WEIR_FAILED_PRECONDITION);
    assert_int_equal(weir_call_finish(call), WEIR_FAILED_PRECONDITION);
    assert_int_equal(weir_call_finish_one(call, &response), WEIR_FAILED_PRECONDITION);
    assert_int_equal(
        weir_call_unary(call, method, &request.base, &response), WEIR_FAILED_PRECONDITION);
    assert_int_equal(weir_call_open(call, method, NULL), WEIR_FAILED_PRECONDITION);
    return weir_proceed(next, call);
}

static void
a_server_does_not_ask_with_what_it_answers(void **state)
{
    struct running running;
    struct fixture fixture;
    struct weir_method unknown = rpctest_Test_service.methods[0];
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    ProtobufCMessage *response;
    weir_call *call;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, answer_with_client_verbs);
    connect_to(&fixture, running.address);
    assert_int_equal(ask(fixture.channel, "x", NULL, 0), WEIR_OK);
    unknown.path = "/rpctest.Test/Unknown";
    call = weir_call_new(fixture.channel, NULL);
    assert_int_equal(weir_call_unary(call, &unknown, &request.base, &response), WEIR_UNIMPLEMENTED);
    weir_call_free(call);
    disconnect(&fixture);
    running_stop(&running, WEIR_SECOND);
}

static void
leave_out(void *self, weir_http_exchange *exchange)
{
    (void)self;
    (void)exchange;
}

static void
a_server_wants_an_address_before_it_runs(void **state)
{
    struct running running;
    weir_server *server;

    (void)state;
    assert_int_equal(weir_server_new(NULL, &server), WEIR_OK);
    assert_int_equal(weir_server_run(server), WEIR_FAILED_PRECONDITION);
    weir_server_free(server);
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    while (atomic_load(&running.seen.started) == 0) {
        struct fixture fixture;

        connect_to(&fixture, running.address);
        assert_int_equal(ask(fixture.channel, "x", NULL, 0), WEIR_OK);
        disconnect(&fixture);
    }
    assert_int_equal(weir_server_listen(running.server, "127.0.0.1:0"), WEIR_FAILED_PRECONDITION);
    assert_int_equal(weir_server_trust(running.server, "192.0.2.1"), WEIR_FAILED_PRECONDITION);
    assert_int_equal(
        rpctest_Test_add(running.server, &service_handlers, NULL), WEIR_FAILED_PRECONDITION);
    assert_int_equal(
        weir_server_wrap(running.server, answer_with_client_verbs, NULL), WEIR_FAILED_PRECONDITION);
    assert_int_equal(
        weir_server_handle(running.server, "/x", leave_out, NULL), WEIR_FAILED_PRECONDITION);
    assert_int_equal(weir_server_run(running.server), WEIR_FAILED_PRECONDITION);
    assert_string_equal(weir_server_error(running.server), "run: the server is running already");
    running_stop(&running, 0);
}

int
main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(unary_answers),
        WITH_SERVER(every_code_and_text_arrives),
        WITH_SERVER(unset_and_unknown_are_unimplemented),
        WITH_SERVER(deadline_ends_both_sides),
        WITH_SERVER(expired_deadline_fails_at_once),
        WITH_SERVER(cancel_from_another_thread),
        WITH_SERVER(metadata_travels),
        WITH_SERVER(large_messages),
        WITH_SERVER(nesting_has_a_bound),
        WITH_SERVER(client_stream),
        WITH_SERVER(server_stream),
        WITH_SERVER(bidi_stream),
        WITH_SERVER(freeing_a_live_stream_cancels_it),
        WITH_SERVER(threads_share_a_channel),
        WITH_SERVER(handler_calls_onward),
        WITH_SERVER(verbs_want_a_call_that_has_begun),
        cmocka_unit_test(a_server_does_not_ask_with_what_it_answers),
        cmocka_unit_test(a_server_wants_an_address_before_it_runs),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(several_loops_and_unix_sockets),
        cmocka_unit_test(drain_lets_calls_finish),
        cmocka_unit_test(grace_cuts_calls),
        cmocka_unit_test(interceptor_stands_in_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
