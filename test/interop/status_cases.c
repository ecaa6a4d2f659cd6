/* SPDX-License-Identifier: Apache-2.0 */
/* The cases about what surrounds messages: metadata, statuses, cancellation, deadlines. */
#include "client.h"
#include "payload.h"

/* One request, with one wish, for a stream; `request` is ready when this has set it up. */
struct stream_request {
    Grpc__Testing__StreamingOutputCallRequest request;
    Grpc__Testing__ResponseParameters wish;
    Grpc__Testing__ResponseParameters *wishes[1];
    Grpc__Testing__Payload payload;
};

static void
stream_request_init(struct stream_request *it, int32_t request_size, int32_t response_size)
{
    grpc__testing__streaming_output_call_request__init(&it->request);
    grpc__testing__response_parameters__init(&it->wish);
    payload_init(&it->payload, request_size);
    it->wish.size = response_size;
    it->wishes[0] = &it->wish;
    it->request.response_parameters = it->wishes;
    it->request.n_response_parameters = 1;
    it->request.payload = &it->payload;
}

/* Open a full-duplex call, send one request, take one response of so many bytes. */
static bool
open_and_exchange(struct interop *interop, weir_call *call, int32_t request_size,
    int32_t response_size, struct grpc_testing_TestService_FullDuplexCall_client *out_stream)
{
    const Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    struct stream_request it;
    weir_code code = grpc_testing_TestService_FullDuplexCall(call, out_stream);

    stream_request_init(&it, request_size, response_size);
    if (code == WEIR_OK)
        code = grpc_testing_TestService_FullDuplexCall_client_send(*out_stream, &it.request);
    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    if (!grpc_testing_TestService_FullDuplexCall_client_recv(*out_stream, &response))
        return interop_fail(interop, "no response: %s \"%s\"", weir_code_name(weir_call_code(call)),
            weir_call_message(call));
    return payload_is(response->payload, (size_t)response_size) ||
           interop_fail(interop, "the response is not %d zeros", (int)response_size);
}

/* ---- custom_metadata ---- */

static const char initial_key[] = "x-grpc-test-echo-initial";
static const char trailing_key[] = "x-grpc-test-echo-trailing-bin";
static const weir_str initial_value = {"test_initial_metadata_value", 27};
static const weir_str trailing_value = {"\xab\xab\xab", 3};

static bool
add_metadata(struct interop *interop, weir_call *call)
{
    weir_code code = weir_call_add_header(call, initial_key, initial_value);

    if (code == WEIR_OK)
        code = weir_call_add_header(call, trailing_key, trailing_value);
    return interop_expect(interop, call, code, WEIR_OK);
}

static bool
expect_value(struct interop *interop, const char *key, weir_str value, weir_str expected)
{
    if (value.data == NULL)
        return interop_fail(interop, "%s did not come back", key);
    return weir_str_equal(value, expected) || interop_fail(interop, "%s came back changed", key);
}

static bool
expect_initial(struct interop *interop, weir_call *call)
{
    return expect_value(interop, initial_key, weir_call_header(call, initial_key), initial_value);
}

static bool
expect_trailing(struct interop *interop, weir_call *call)
{
    return expect_value(
        interop, trailing_key, weir_call_trailer(call, trailing_key), trailing_value);
}

static bool
unary_metadata(struct interop *interop, weir_call *call)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    const Grpc__Testing__SimpleResponse *response = NULL;
    Grpc__Testing__Payload payload;
    weir_code code;

    if (!add_metadata(interop, call))
        return false;
    payload_init(&payload, 271828);
    request.payload = &payload;
    request.response_size = 314159;
    code = grpc_testing_TestService_UnaryCall(call, &request, &response);
    return interop_expect(interop, call, code, WEIR_OK) && expect_initial(interop, call) &&
           expect_trailing(interop, call);
}

/* The header is there as soon as the first response is. */
static bool
stream_metadata(struct interop *interop, weir_call *call)
{
    struct grpc_testing_TestService_FullDuplexCall_client stream = {NULL};

    return add_metadata(interop, call) &&
           open_and_exchange(interop, call, 271828, 314159, &stream) &&
           expect_initial(interop, call) &&
           interop_expect(interop, call,
               grpc_testing_TestService_FullDuplexCall_client_finish(stream), WEIR_OK) &&
           expect_trailing(interop, call);
}

/* ---- statuses ---- */

static char plain_text[] = "test status message";
static char special_text[] =
    "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n";

static bool
expect_status(struct interop *interop, const weir_call *call, weir_code code, const char *text)
{
    if (!interop_expect(interop, call, code, WEIR_UNKNOWN))
        return false;
    return strcmp(weir_call_message(call), text) == 0 ||
           interop_fail(interop, "the message came as \"%s\"", weir_call_message(call));
}

static bool
ask_for_status(struct interop *interop, weir_call *call, char *text)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__EchoStatus status = GRPC__TESTING__ECHO_STATUS__INIT;
    const Grpc__Testing__SimpleResponse *response = NULL;
    weir_code code;

    status.code = WEIR_UNKNOWN;
    status.message = text;
    request.response_status = &status;
    code = grpc_testing_TestService_UnaryCall(call, &request, &response);
    return expect_status(interop, call, code, text);
}

static bool
unary_status(struct interop *interop, weir_call *call)
{
    return ask_for_status(interop, call, plain_text);
}

static bool
special_status_message(struct interop *interop, weir_call *call)
{
    return ask_for_status(interop, call, special_text);
}

static bool
stream_status(struct interop *interop, weir_call *call)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__EchoStatus status = GRPC__TESTING__ECHO_STATUS__INIT;
    struct grpc_testing_TestService_FullDuplexCall_client stream = {NULL};
    weir_code code = grpc_testing_TestService_FullDuplexCall(call, &stream);

    status.code = WEIR_UNKNOWN;
    status.message = plain_text;
    request.response_status = &status;
    if (code == WEIR_OK)
        code = grpc_testing_TestService_FullDuplexCall_client_send(stream, &request);
    if (code == WEIR_OK)
        code = grpc_testing_TestService_FullDuplexCall_client_finish(stream);
    return expect_status(interop, call, code, plain_text);
}

static bool
unimplemented_method(struct interop *interop, weir_call *call)
{
    const Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT;
    const Grpc__Testing__Empty *response = NULL;
    weir_code code = grpc_testing_TestService_UnimplementedCall(call, &request, &response);

    return interop_expect(interop, call, code, WEIR_UNIMPLEMENTED);
}

static bool
unimplemented_service(struct interop *interop, weir_call *call)
{
    const Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT;
    const Grpc__Testing__Empty *response = NULL;
    weir_code code = grpc_testing_UnimplementedService_UnimplementedCall(call, &request, &response);

    return interop_expect(interop, call, code, WEIR_UNIMPLEMENTED);
}

/* ---- ends before the end ---- */

static bool
cancel_after_begin(struct interop *interop, weir_call *call)
{
    struct grpc_testing_TestService_StreamingInputCall_client stream = {NULL};
    const Grpc__Testing__StreamingInputCallResponse *response = NULL;
    weir_code code = grpc_testing_TestService_StreamingInputCall(call, &stream);

    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    weir_call_cancel(call);
    code = grpc_testing_TestService_StreamingInputCall_client_finish(stream, &response);
    return interop_expect(interop, call, code, WEIR_CANCELLED);
}

static bool
cancel_after_first_response(struct interop *interop, weir_call *call)
{
    struct grpc_testing_TestService_FullDuplexCall_client stream = {NULL};

    if (!open_and_exchange(interop, call, 27182, 31415, &stream))
        return false;
    weir_call_cancel(call);
    return interop_expect(interop, call,
        grpc_testing_TestService_FullDuplexCall_client_finish(stream), WEIR_CANCELLED);
}

/* The deadline may pass anywhere, in opening the stream even. The stream is not half-closed: the
 * server would answer that. */
static bool
timeout_on_sleeping_server(struct interop *interop, weir_call *call)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    const Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    struct grpc_testing_TestService_FullDuplexCall_client stream = {NULL};
    Grpc__Testing__Payload payload;
    weir_code code;

    payload_init(&payload, 27182);
    request.payload = &payload;
    weir_call_set_timeout(call, WEIR_MILLISECOND);
    code = grpc_testing_TestService_FullDuplexCall(call, &stream);
    if (code == WEIR_OK)
        code = grpc_testing_TestService_FullDuplexCall_client_send(stream, &request);
    if (code == WEIR_OK && grpc_testing_TestService_FullDuplexCall_client_recv(stream, &response))
        return interop_fail(interop, "a response to a request that asks for none");
    return interop_expect(interop, call, weir_call_code(call), WEIR_DEADLINE_EXCEEDED);
}

const struct interop_case interop_status_cases[] = {
    {"custom_metadata", .calls = {unary_metadata, stream_metadata}},
    {"status_code_and_message", .calls = {unary_status, stream_status}},
    {"special_status_message", .calls = {special_status_message}},
    {"unimplemented_method", .calls = {unimplemented_method}},
    {"unimplemented_service", .calls = {unimplemented_service}},
    {"cancel_after_begin", .calls = {cancel_after_begin}},
    {"cancel_after_first_response", .calls = {cancel_after_first_response}},
    {"timeout_on_sleeping_server", .calls = {timeout_on_sleeping_server}},
    {.name = NULL},
};
