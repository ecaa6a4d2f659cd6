/* SPDX-License-Identifier: Apache-2.0 */
/* The cases about compression: which messages are compressed, each way. */
#include "client.h"
#include "payload.h"

static const Grpc__Testing__BoolValue yes = {
    PROTOBUF_C_MESSAGE_INIT(&grpc__testing__bool_value__descriptor), .value = 1};
static const Grpc__Testing__BoolValue no = {
    PROTOBUF_C_MESSAGE_INIT(&grpc__testing__bool_value__descriptor), .value = 0};

static Grpc__Testing__BoolValue *
said(bool value)
{
    return (Grpc__Testing__BoolValue *)(uintptr_t)(value ? &yes : &no);
}

static bool
compress(struct interop *interop, weir_call *call, bool compressed)
{
    weir_code code = weir_call_set_compression(call, compressed ? WEIR_GZIP : WEIR_IDENTITY);

    return code == WEIR_OK || interop_fail(interop, "compression cannot be chosen");
}

static bool
expect_compressed(struct interop *interop, const weir_call *call, bool expected)
{
    return weir_call_was_compressed(call) == expected ||
           interop_fail(interop, "a response is %s", expected ? "not compressed" : "compressed");
}

/* ---- unary ---- */

static void
init_request(Grpc__Testing__SimpleRequest *request, Grpc__Testing__Payload *payload)
{
    grpc__testing__simple_request__init(request);
    payload_init(payload, 271828);
    request->payload = payload;
    request->response_size = 314159;
}

static bool
ask(struct interop *interop, weir_call *call, const Grpc__Testing__SimpleRequest *request)
{
    const Grpc__Testing__SimpleResponse *response = NULL;
    weir_code code = grpc_testing_TestService_UnaryCall(call, request, &response);

    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    return payload_is(response->payload, 314159) ||
           interop_fail(interop, "the response is not 314159 zeros");
}

/* A server that knows of compression refuses what is not what it says it is. */
static bool
probe_unary(struct interop *interop, weir_call *call)
{
    const Grpc__Testing__SimpleResponse *response = NULL;
    Grpc__Testing__SimpleRequest request;
    Grpc__Testing__Payload payload;
    weir_code code;

    init_request(&request, &payload);
    request.expect_compressed = said(true);
    code = grpc_testing_TestService_UnaryCall(call, &request, &response);
    return interop_expect(interop, call, code, WEIR_INVALID_ARGUMENT);
}

static bool
ask_in_state(struct interop *interop, weir_call *call, bool compressed)
{
    Grpc__Testing__SimpleRequest request;
    Grpc__Testing__Payload payload;

    init_request(&request, &payload);
    request.expect_compressed = said(compressed);
    return compress(interop, call, compressed) && ask(interop, call, &request);
}

static bool
ask_compressed(struct interop *interop, weir_call *call)
{
    return ask_in_state(interop, call, true);
}

static bool
ask_plain(struct interop *interop, weir_call *call)
{
    return ask_in_state(interop, call, false);
}

static bool
be_answered(struct interop *interop, weir_call *call, bool compressed)
{
    Grpc__Testing__SimpleRequest request;
    Grpc__Testing__Payload payload;

    init_request(&request, &payload);
    request.response_compressed = said(compressed);
    return ask(interop, call, &request) && expect_compressed(interop, call, compressed);
}

static bool
be_answered_compressed(struct interop *interop, weir_call *call)
{
    return be_answered(interop, call, true);
}

static bool
be_answered_plain(struct interop *interop, weir_call *call)
{
    return be_answered(interop, call, false);
}

/* ---- streams ---- */

static weir_code
send_input(
    struct grpc_testing_TestService_StreamingInputCall_client stream, int32_t size, bool expected)
{
    Grpc__Testing__StreamingInputCallRequest request =
        GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    Grpc__Testing__Payload payload;

    payload_init(&payload, size);
    request.payload = &payload;
    request.expect_compressed = said(expected);
    return grpc_testing_TestService_StreamingInputCall_client_send(stream, &request);
}

static bool
probe_streaming(struct interop *interop, weir_call *call)
{
    struct grpc_testing_TestService_StreamingInputCall_client stream = {NULL};
    const Grpc__Testing__StreamingInputCallResponse *response = NULL;
    weir_code code = grpc_testing_TestService_StreamingInputCall(call, &stream);

    if (code == WEIR_OK)
        code = send_input(stream, 27182, true);
    if (code == WEIR_OK)
        code = grpc_testing_TestService_StreamingInputCall_client_finish(stream, &response);
    return interop_expect(interop, call, code, WEIR_INVALID_ARGUMENT);
}

static weir_code
send_both(struct grpc_testing_TestService_StreamingInputCall_client stream)
{
    WEIR_TRY(send_input(stream, 27182, true));
    WEIR_TRY(weir_call_set_compression(stream.call, WEIR_IDENTITY));
    return send_input(stream, 45904, false);
}

static bool
stream_up(struct interop *interop, weir_call *call)
{
    struct grpc_testing_TestService_StreamingInputCall_client stream = {NULL};
    const Grpc__Testing__StreamingInputCallResponse *response = NULL;
    weir_code code;

    if (!compress(interop, call, true))
        return false;
    code = grpc_testing_TestService_StreamingInputCall(call, &stream);
    if (code == WEIR_OK)
        code = send_both(stream);
    if (code == WEIR_OK)
        code = grpc_testing_TestService_StreamingInputCall_client_finish(stream, &response);
    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    return response->aggregated_payload_size == 73086 ||
           interop_fail(interop, "the server counted %d bytes, not 73086",
               (int)response->aggregated_payload_size);
}

static bool
expect_output(struct interop *interop,
    struct grpc_testing_TestService_StreamingOutputCall_client stream, size_t size, bool compressed)
{
    const Grpc__Testing__StreamingOutputCallResponse *response = NULL;

    if (!grpc_testing_TestService_StreamingOutputCall_client_recv(stream, &response))
        return interop_fail(interop, "a response did not come: %s \"%s\"",
            weir_code_name(weir_call_code(stream.call)), weir_call_message(stream.call));
    if (!payload_is(response->payload, size))
        return interop_fail(interop, "a response is not %zu zeros", size);
    return expect_compressed(interop, stream.call, compressed);
}

static bool
stream_down(struct interop *interop, weir_call *call)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters first = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters second = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *list[] = {&first, &second};
    struct grpc_testing_TestService_StreamingOutputCall_client stream = {NULL};
    weir_code code;

    first.size = 31415;
    first.compressed = said(true);
    second.size = 92653;
    second.compressed = said(false);
    request.response_parameters = list;
    request.n_response_parameters = 2;
    code = grpc_testing_TestService_StreamingOutputCall(call, &request, &stream);
    if (!interop_expect(interop, call, code, WEIR_OK) ||
        !expect_output(interop, stream, 31415, true) ||
        !expect_output(interop, stream, 92653, false))
        return false;
    code = grpc_testing_TestService_StreamingOutputCall_client_finish(stream);
    return interop_expect(interop, call, code, WEIR_OK);
}

const struct interop_case interop_compression_cases[] = {
    {"client_compressed_unary", .calls = {probe_unary, ask_compressed, ask_plain}},
    {"server_compressed_unary", .calls = {be_answered_compressed, be_answered_plain}},
    {"client_compressed_streaming", .calls = {probe_streaming, stream_up}},
    {"server_compressed_streaming", .calls = {stream_down}},
    {.name = NULL},
};
