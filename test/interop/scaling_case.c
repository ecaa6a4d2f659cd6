/* SPDX-License-Identifier: Apache-2.0 */
/* The case about a server that allows two calls at a time on a connection (gRFC A105): the third
 * gets another connection, rather than wait. The server tells who calls. */
#include "client.h"
#include "payload.h"

#define CALLS 3
#define ADDRESS 128

struct open_call {
    weir_call *call;
    struct grpc_testing_TestService_FullDuplexCall_client stream;
    char address[ADDRESS]; /* that the server sees */
};

static weir_code
ask_for_address(struct grpc_testing_TestService_FullDuplexCall_client stream)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters wish = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *wishes[] = {&wish};
    Grpc__Testing__BoolValue yes = GRPC__TESTING__BOOL_VALUE__INIT;

    yes.value = true;
    wish.fill_peer_socket_address = &yes;
    request.response_parameters = wishes;
    request.n_response_parameters = 1;
    return grpc_testing_TestService_FullDuplexCall_client_send(stream, &request);
}

/* It stays open. */
static bool
open_one(struct interop *interop, struct open_call *it)
{
    const Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    weir_code code = interop_call_new(interop, interop->channel, &it->call);

    if (code != WEIR_OK)
        return interop_fail(interop, "no call");
    code = grpc_testing_TestService_FullDuplexCall(it->call, &it->stream);
    if (code == WEIR_OK)
        code = ask_for_address(it->stream);
    if (!interop_expect(interop, it->call, code, WEIR_OK))
        return false;
    if (!grpc_testing_TestService_FullDuplexCall_client_recv(it->stream, &response))
        return interop_fail(interop, "no response: %s", weir_call_message(it->call));
    snprintf(it->address, sizeof(it->address), "%s", response->peer_socket_address);
    return it->address[0] != '\0' || interop_fail(interop, "the server tells no address");
}

static bool
close_one(struct interop *interop, const struct open_call *it)
{
    weir_code code = grpc_testing_TestService_FullDuplexCall_client_finish(it->stream);

    return interop_expect(interop, it->call, code, WEIR_OK);
}

static bool
run_all(struct interop *interop, struct open_call calls[CALLS])
{
    for (size_t i = 0; i < CALLS; i++) {
        if (!open_one(interop, &calls[i]))
            return false;
    }
    if (strcmp(calls[0].address, calls[1].address) != 0)
        return interop_fail(interop, "two calls went over two connections, %s and %s",
            calls[0].address, calls[1].address);
    if (strcmp(calls[0].address, calls[2].address) == 0)
        return interop_fail(interop, "three calls went over one connection");
    for (size_t i = 0; i < CALLS; i++) {
        if (!close_one(interop, &calls[i]))
            return false;
    }
    return true;
}

static bool
max_concurrent_streams_connection_scaling(struct interop *interop)
{
    struct open_call calls[CALLS] = {{.call = NULL}};
    bool passed = run_all(interop, calls);

    for (size_t i = 0; i < CALLS; i++)
        weir_call_free(calls[i].call);
    return passed;
}

const struct interop_case interop_scaling_cases[] = {
    {"max_concurrent_streams_connection_scaling",
        .whole = max_concurrent_streams_connection_scaling},
    {.name = NULL},
};
