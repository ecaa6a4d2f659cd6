/* SPDX-License-Identifier: Apache-2.0 */
/* Generated functions of all four kinds against a runtime that only writes down what it is asked,
 * and answers as the test says. The trace is compared whole, so order counts. */
#include "kinds.weir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct weir_call {
    char trace[256];
    weir_code next_code; /* of the next runtime function that has one */
    unsigned to_receive; /* messages that still arrive on the stream */
    const struct weir_method *method;
    const ProtobufCMessage *sent;
};

static Golden__Kinds__Question question = GOLDEN__KINDS__QUESTION__INIT;
static Golden__Kinds__Answer answer = GOLDEN__KINDS__ANSWER__INIT;

static void
trace(weir_call *call, const char *format, ...)
{
    size_t len = strlen(call->trace);
    va_list args;

    va_start(args, format);
    vsnprintf(call->trace + len, sizeof call->trace - len, format, args);
    va_end(args);
}

/* The code that the test set, once. */
static weir_code
take_code(weir_call *call)
{
    weir_code code = call->next_code;

    call->next_code = WEIR_OK;
    return code;
}

/* ---- the runtime ---- */

weir_code
weir_fail(weir_call *call, weir_code code, const char *format, ...)
{
    trace(call, "fail: %s", format);
    return code;
}

weir_code
weir_call_receive_one(weir_call *call, ProtobufCMessage **out_message)
{
    trace(call, "receive_one ");
    *out_message = &question.base;
    return take_code(call);
}

bool
weir_call_receive(weir_call *call, const ProtobufCMessage **out_message)
{
    trace(call, "receive ");
    if (call->to_receive == 0)
        return false;
    call->to_receive--;
    *out_message = call->method == NULL ? &question.base : &answer.base;
    return true;
}

weir_code
weir_call_send(weir_call *call, const ProtobufCMessage *message)
{
    trace(call, "send ");
    call->sent = message;
    return take_code(call);
}

weir_code
weir_call_unary(weir_call *call, const struct weir_method *method, const ProtobufCMessage *request,
    ProtobufCMessage **out_response)
{
    trace(call, "unary %s ", method->path);
    call->sent = request;
    *out_response = &answer.base;
    return take_code(call);
}

weir_code
weir_call_open(weir_call *call, const struct weir_method *method, const ProtobufCMessage *request)
{
    trace(call, "open %s ", method->path);
    call->method = method;
    call->sent = request;
    return take_code(call);
}

weir_code
weir_call_close_send(weir_call *call)
{
    trace(call, "close_send ");
    return take_code(call);
}

weir_code
weir_call_finish(weir_call *call)
{
    trace(call, "finish ");
    return take_code(call);
}

weir_code
weir_call_finish_one(weir_call *call, ProtobufCMessage **out_response)
{
    trace(call, "finish_one ");
    *out_response = &answer.base;
    return take_code(call);
}

static const void *added[3];

weir_code
weir_server_add(
    weir_server *server, const struct weir_service *service, const void *handlers, void *self)
{
    assert_null(server);
    added[0] = service;
    added[1] = handlers;
    added[2] = self;
    return WEIR_ALREADY_EXISTS;
}

/* ---- handlers ---- */

static char text[] = "42";

static weir_code
ask(void *self, weir_call *call, const Golden__Kinds__Question *request,
    Golden__Kinds__Answer *out_response)
{
    assert_ptr_equal(self, added);
    assert_ptr_equal(request, &question);
    assert_ptr_equal(out_response->base.descriptor, &golden__kinds__answer__descriptor);
    assert_string_equal(out_response->text, "");
    trace(call, "handler ");
    out_response->text = text;
    return take_code(call);
}

static weir_code
listen_to(
    void *self, const Golden__Kinds__Question *request, struct golden_kinds_Talk_Listen_server peer)
{
    assert_ptr_equal(self, added);
    assert_ptr_equal(request, &question);
    WEIR_TRY(golden_kinds_Talk_Listen_send(peer, &answer));
    return golden_kinds_Talk_Listen_send(peer, &answer);
}

static weir_code
tell(void *self, struct golden_kinds_Talk_Tell_server peer, Golden__Kinds__Answer *out_response)
{
    const Golden__Kinds__Question *message;

    assert_ptr_equal(self, added);
    while (golden_kinds_Talk_Tell_recv(peer, &message))
        assert_ptr_equal(message, &question);
    out_response->text = text;
    return take_code(peer.call);
}

static weir_code
converse(void *self, struct golden_kinds_Talk_Converse_server peer)
{
    const Golden__Kinds__Question *message;

    assert_ptr_equal(self, added);
    while (golden_kinds_Talk_Converse_recv(peer, &message))
        WEIR_TRY(golden_kinds_Talk_Converse_send(peer, &answer));
    return WEIR_ABORTED;
}

static const struct golden_kinds_Talk_handlers handlers = {
    .Ask = ask,
    .Listen = listen_to,
    .Tell = tell,
    .Converse = converse,
};

enum { ASK, LISTEN, TELL, CONVERSE };

static weir_code
run(weir_call *call, int method)
{
    return golden_kinds_Talk_service.methods[method].run(&handlers, added, call);
}

/* ---- tests ---- */

static void
test_tables(void **state)
{
    static const weir_method_kind kinds[] = {
        WEIR_UNARY, WEIR_SERVER_STREAM, WEIR_CLIENT_STREAM, WEIR_BIDI_STREAM};
    const struct weir_service *service = &golden_kinds_Talk_service;

    (void)state;
    assert_string_equal(service->name, "golden.kinds.Talk");
    assert_ptr_equal(service->file, &kinds_proto_file);
    assert_string_equal(service->file->name, "kinds.proto");
    assert_null(service->file->imports[0]);
    assert_int_equal(service->method_count, 4);
    assert_string_equal(service->methods[CONVERSE].path, "/golden.kinds.Talk/Converse");
    for (size_t i = 0; i < service->method_count; i++) {
        assert_int_equal(service->methods[i].kind, kinds[i]);
        assert_ptr_equal(service->methods[i].input, &golden__kinds__question__descriptor);
        assert_ptr_equal(service->methods[i].output, &golden__kinds__answer__descriptor);
    }
}

static void
test_add(void **state)
{
    (void)state;
    assert_int_equal(golden_kinds_Talk_add(NULL, &handlers, added), WEIR_ALREADY_EXISTS);
    assert_ptr_equal(added[0], &golden_kinds_Talk_service);
    assert_ptr_equal(added[1], &handlers);
    assert_ptr_equal(added[2], added);
}

static void
test_unset(void **state)
{
    static const struct golden_kinds_Talk_handlers none;
    static const char *const texts[] = {
        "fail: golden.kinds.Talk.Ask is not implemented",
        "fail: golden.kinds.Talk.Listen is not implemented",
        "fail: golden.kinds.Talk.Tell is not implemented",
        "fail: golden.kinds.Talk.Converse is not implemented",
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        weir_call call = {0};
        const struct weir_method *method = &golden_kinds_Talk_service.methods[i];

        assert_int_equal(method->run(&none, NULL, &call), WEIR_UNIMPLEMENTED);
        assert_string_equal(call.trace, texts[i]);
    }
}

static void
test_unary(void **state)
{
    weir_call call = {0};

    (void)state;
    assert_int_equal(run(&call, ASK), WEIR_OK);
    assert_string_equal(call.trace, "receive_one handler send ");
}

static void
test_unary_without_request(void **state)
{
    weir_call call = {.next_code = WEIR_INTERNAL};

    (void)state;
    assert_int_equal(run(&call, ASK), WEIR_INTERNAL);
    assert_string_equal(call.trace, "receive_one ");
}

static weir_code
refuse(void *self, weir_call *call, const Golden__Kinds__Question *request,
    Golden__Kinds__Answer *out_response)
{
    (void)self;
    (void)request;
    (void)out_response;
    trace(call, "handler ");
    return WEIR_NOT_FOUND;
}

static void
test_unary_that_fails(void **state)
{
    static const struct golden_kinds_Talk_handlers refusing = {.Ask = refuse};
    weir_call call = {0};

    (void)state;
    assert_int_equal(
        golden_kinds_Talk_service.methods[ASK].run(&refusing, NULL, &call), WEIR_NOT_FOUND);
    assert_string_equal(call.trace, "receive_one handler ");
}

static void
test_server_stream(void **state)
{
    weir_call call = {0};

    (void)state;
    assert_int_equal(run(&call, LISTEN), WEIR_OK);
    assert_string_equal(call.trace, "receive_one send send ");
    assert_ptr_equal(call.sent, &answer);
}

static void
test_client_stream(void **state)
{
    weir_call call = {.to_receive = 2};

    (void)state;
    assert_int_equal(run(&call, TELL), WEIR_OK);
    assert_string_equal(call.trace, "receive receive receive send ");
}

static void
test_client_stream_that_fails(void **state)
{
    weir_call call = {.to_receive = 1, .next_code = WEIR_DATA_LOSS};

    (void)state;
    assert_int_equal(run(&call, TELL), WEIR_DATA_LOSS);
    assert_string_equal(call.trace, "receive receive ");
}

static void
test_bidi_stream(void **state)
{
    weir_call call = {.to_receive = 2};

    (void)state;
    assert_int_equal(run(&call, CONVERSE), WEIR_ABORTED);
    assert_string_equal(call.trace, "receive send receive send receive ");
}

static void
test_unary_client(void **state)
{
    weir_call call = {0};
    const Golden__Kinds__Answer *response = NULL;

    (void)state;
    assert_int_equal(golden_kinds_Talk_Ask(&call, &question, &response), WEIR_OK);
    assert_string_equal(call.trace, "unary /golden.kinds.Talk/Ask ");
    assert_ptr_equal(call.sent, &question);
    assert_ptr_equal(response, &answer);
}

static void
test_unary_client_that_fails(void **state)
{
    weir_call call = {.next_code = WEIR_UNAVAILABLE};
    const Golden__Kinds__Answer *response = NULL;

    (void)state;
    assert_int_equal(golden_kinds_Talk_Ask(&call, &question, &response), WEIR_UNAVAILABLE);
    assert_null(response);
}

static void
test_server_stream_client(void **state)
{
    weir_call call = {.to_receive = 1};
    struct golden_kinds_Talk_Listen_client stream;
    const Golden__Kinds__Answer *message = NULL;

    (void)state;
    assert_int_equal(golden_kinds_Talk_Listen(&call, &question, &stream), WEIR_OK);
    assert_ptr_equal(call.sent, &question);
    assert_true(golden_kinds_Talk_Listen_client_recv(stream, &message));
    assert_ptr_equal(message, &answer);
    assert_false(golden_kinds_Talk_Listen_client_recv(stream, &message));
    assert_int_equal(golden_kinds_Talk_Listen_client_finish(stream), WEIR_OK);
    assert_string_equal(call.trace, "open /golden.kinds.Talk/Listen receive receive finish ");
}

static void
test_client_stream_client(void **state)
{
    weir_call call = {0};
    struct golden_kinds_Talk_Tell_client stream;
    const Golden__Kinds__Answer *response = NULL;

    (void)state;
    assert_int_equal(golden_kinds_Talk_Tell(&call, &stream), WEIR_OK);
    assert_null(call.sent);
    assert_int_equal(golden_kinds_Talk_Tell_client_send(stream, &question), WEIR_OK);
    assert_ptr_equal(call.sent, &question);
    assert_int_equal(golden_kinds_Talk_Tell_client_finish(stream, &response), WEIR_OK);
    assert_ptr_equal(response, &answer);
    assert_string_equal(call.trace, "open /golden.kinds.Talk/Tell send finish_one ");
}

static void
test_bidi_client(void **state)
{
    weir_call call = {.to_receive = 1};
    struct golden_kinds_Talk_Converse_client stream;
    const Golden__Kinds__Answer *message = NULL;

    (void)state;
    assert_int_equal(golden_kinds_Talk_Converse(&call, &stream), WEIR_OK);
    assert_int_equal(golden_kinds_Talk_Converse_client_send(stream, &question), WEIR_OK);
    assert_int_equal(golden_kinds_Talk_Converse_client_close_send(stream), WEIR_OK);
    assert_true(golden_kinds_Talk_Converse_client_recv(stream, &message));
    assert_ptr_equal(message, &answer);
    assert_int_equal(golden_kinds_Talk_Converse_client_finish(stream), WEIR_OK);
    assert_string_equal(
        call.trace, "open /golden.kinds.Talk/Converse send close_send receive finish ");
}

static void
test_stream_that_does_not_open(void **state)
{
    weir_call call = {.next_code = WEIR_UNAVAILABLE};
    struct golden_kinds_Talk_Converse_client stream = {NULL};

    (void)state;
    assert_int_equal(golden_kinds_Talk_Converse(&call, &stream), WEIR_UNAVAILABLE);
    assert_null(stream.call);
}

/* `optional` of proto3: set or not, apart from zero. */
static void
test_optional(void **state)
{
    Golden__Kinds__Question set = GOLDEN__KINDS__QUESTION__INIT, *again;
    uint8_t bytes[16];
    size_t len;

    (void)state;
    assert_int_equal(golden__kinds__question__pack(&set, bytes), 0);
    set._urgency_case = GOLDEN__KINDS__QUESTION___URGENCY_URGENCY;
    len = golden__kinds__question__pack(&set, bytes);
    assert_int_equal(len, 2);
    again = golden__kinds__question__unpack(NULL, len, bytes);
    assert_non_null(again);
    assert_int_equal(again->_urgency_case, GOLDEN__KINDS__QUESTION___URGENCY_URGENCY);
    golden__kinds__question__free_unpacked(again, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_unset),
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_unary_without_request),
        cmocka_unit_test(test_unary_that_fails),
        cmocka_unit_test(test_server_stream),
        cmocka_unit_test(test_client_stream),
        cmocka_unit_test(test_client_stream_that_fails),
        cmocka_unit_test(test_bidi_stream),
        cmocka_unit_test(test_unary_client),
        cmocka_unit_test(test_unary_client_that_fails),
        cmocka_unit_test(test_server_stream_client),
        cmocka_unit_test(test_client_stream_client),
        cmocka_unit_test(test_bidi_client),
        cmocka_unit_test(test_stream_that_does_not_open),
        cmocka_unit_test(test_optional),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
