/* SPDX-License-Identifier: Apache-2.0 */
/* The cases about messages: of no size, large ones, none at all, streams of them each way. */
#include "client.h"
#include "payload.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const int32_t request_sizes[] = {27182, 8, 1828, 45904};
static const int32_t response_sizes[] = {31415, 9, 2653, 58979};

#define SUM_OF_REQUESTS 74922

static bool
empty_unary(struct interop *interop, weir_call *call)
{
    const Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT;
    const Grpc__Testing__Empty *response = NULL;
    weir_code code = grpc_testing_TestService_EmptyCall(call, &request, &response);

    return interop_expect(interop, call, code, WEIR_OK);
}

static bool
large_unary(struct interop *interop, weir_call *call)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    const Grpc__Testing__SimpleResponse *response = NULL;
    Grpc__Testing__Payload payload;
    weir_code code;

    payload_init(&payload, 271828);
    request.payload = &payload;
    request.response_size = 314159;
    code = grpc_testing_TestService_UnaryCall(call, &request, &response);
    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    return payload_is(response->payload, 314159) ||
           interop_fail(interop, "the response is not 314159 zeros");
}

/* ---- a cache on the way ---- */

static bool
ask_for_time(
    struct interop *interop, weir_call *call, const Grpc__Testing__SimpleResponse **out_response)
{
    const Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    weir_code code = weir_call_add_header(call, "x-user-ip", weir_str_of("1.2.3.4"));

    weir_call_set_cacheable(call, true);
    if (code == WEIR_OK)
        code = grpc_testing_TestService_CacheableUnaryCall(call, &request, out_response);
    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    return (*out_response != NULL && (*out_response)->payload != NULL) ||
           interop_fail(interop, "no payload");
}

static bool
ask_again(struct interop *interop, const Grpc__Testing__SimpleResponse *first, weir_call *call)
{
    const Grpc__Testing__SimpleResponse *second = NULL;
    const ProtobufCBinaryData *a = &first->payload->body, *b;

    if (!ask_for_time(interop, call, &second))
        return false;
    b = &second->payload->body;
    return (a->len == b->len && memcmp(a->data, b->data, a->len) == 0) ||
           interop_fail(interop, "the second answer differs: no cache gave it");
}

static bool
cacheable_unary(struct interop *interop, weir_call *call)
{
    const Grpc__Testing__SimpleResponse *first = NULL;
    weir_call *again = NULL;
    bool good;

    if (!ask_for_time(interop, call, &first))
        return false;
    if (interop_call_new(interop, interop->channel, &again) != WEIR_OK)
        return interop_fail(interop, "no second call");
    good = ask_again(interop, first, again);
    weir_call_free(again);
    return good;
}

/* ---- client streaming ---- */

static weir_code
send_sizes(struct grpc_testing_TestService_StreamingInputCall_client stream)
{
    Grpc__Testing__StreamingInputCallRequest request =
        GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    Grpc__Testing__Payload payload;

    request.payload = &payload;
    for (size_t i = 0; i < LENGTH(request_sizes); i++) {
        payload_init(&payload, request_sizes[i]);
        WEIR_TRY(grpc_testing_TestService_StreamingInputCall_client_send(stream, &request));
    }
    return WEIR_OK;
}

static bool
client_streaming(struct interop *interop, weir_call *call)
{
    struct grpc_testing_TestService_StreamingInputCall_client stream = {NULL};
    const Grpc__Testing__StreamingInputCallResponse *response = NULL;
    weir_code code = grpc_testing_TestService_StreamingInputCall(call, &stream);

    if (code == WEIR_OK)
        code = send_sizes(stream);
    if (code == WEIR_OK)
        code = grpc_testing_TestService_StreamingInputCall_client_finish(stream, &response);
    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    return response->aggregated_payload_size == SUM_OF_REQUESTS ||
           interop_fail(interop, "the server counted %d bytes, not %d",
               (int)response->aggregated_payload_size, SUM_OF_REQUESTS);
}

/* ---- server streaming and full duplex ---- */

static bool
expect_response(struct interop *interop, weir_call *call, size_t nth)
{
    const ProtobufCMessage *message;
    const Grpc__Testing__StreamingOutputCallResponse *response = NULL;

    if (!weir_call_receive(call, &message))
        return interop_fail(interop, "response %zu did not come: %s \"%s\"", nth,
            weir_code_name(weir_call_code(call)), weir_call_message(call));
    response = (const Grpc__Testing__StreamingOutputCallResponse *)message;
    return payload_is(response->payload, (size_t)response_sizes[nth]) ||
           interop_fail(interop, "response %zu is not %d zeros", nth, (int)response_sizes[nth]);
}

static bool
expect_end(struct interop *interop, weir_call *call)
{
    const ProtobufCMessage *message;

    if (weir_call_receive(call, &message))
        return interop_fail(interop, "a response too many");
    return interop_expect(interop, call, weir_call_code(call), WEIR_OK);
}

static bool
server_streaming(struct interop *interop, weir_call *call)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters wishes[LENGTH(response_sizes)];
    Grpc__Testing__ResponseParameters *list[LENGTH(response_sizes)];
    struct grpc_testing_TestService_StreamingOutputCall_client stream = {NULL};
    weir_code code;

    for (size_t i = 0; i < LENGTH(response_sizes); i++) {
        grpc__testing__response_parameters__init(&wishes[i]);
        wishes[i].size = response_sizes[i];
        list[i] = &wishes[i];
    }
    request.response_parameters = list;
    request.n_response_parameters = LENGTH(response_sizes);
    code = grpc_testing_TestService_StreamingOutputCall(call, &request, &stream);
    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    for (size_t i = 0; i < LENGTH(response_sizes); i++) {
        if (!expect_response(interop, call, i))
            return false;
    }
    return expect_end(interop, call);
}

static bool
exchange(struct interop *interop, struct grpc_testing_TestService_FullDuplexCall_client stream,
    size_t nth)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters wish = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *list[] = {&wish};
    Grpc__Testing__Payload payload;
    weir_code code;

    wish.size = response_sizes[nth];
    payload_init(&payload, request_sizes[nth]);
    request.response_parameters = list;
    request.n_response_parameters = 1;
    request.payload = &payload;
    code = grpc_testing_TestService_FullDuplexCall_client_send(stream, &request);
    return interop_expect(interop, stream.call, code, WEIR_OK) &&
           expect_response(interop, stream.call, nth);
}

/* Half-close an open stream, which must then end well and without a further response. */
static bool
close_and_expect_end(
    struct interop *interop, struct grpc_testing_TestService_FullDuplexCall_client stream)
{
    weir_code code = grpc_testing_TestService_FullDuplexCall_client_close_send(stream);

    return interop_expect(interop, stream.call, code, WEIR_OK) && expect_end(interop, stream.call);
}

static bool
ping_pong(struct interop *interop, weir_call *call)
{
    struct grpc_testing_TestService_FullDuplexCall_client stream = {NULL};
    weir_code code = grpc_testing_TestService_FullDuplexCall(call, &stream);

    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    for (size_t i = 0; i < LENGTH(request_sizes); i++) {
        if (!exchange(interop, stream, i))
            return false;
    }
    return close_and_expect_end(interop, stream);
}

static bool
empty_stream(struct interop *interop, weir_call *call)
{
    struct grpc_testing_TestService_FullDuplexCall_client stream = {NULL};
    weir_code code = grpc_testing_TestService_FullDuplexCall(call, &stream);

    return interop_expect(interop, call, code, WEIR_OK) && close_and_expect_end(interop, stream);
}

const struct interop_case interop_message_cases[] = {
    {"empty_unary", .calls = {empty_unary}},
    {"large_unary", .calls = {large_unary}},
    {"cacheable_unary", .calls = {cacheable_unary}},
    {"client_streaming", .calls = {client_streaming}},
    {"server_streaming", .calls = {server_streaming}},
    {"ping_pong", .calls = {ping_pong}},
    {"empty_stream", .calls = {empty_stream}},
    {.name = NULL},
};
