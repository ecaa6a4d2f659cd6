/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of our own: long streams, both ways at once, whose bytes must add up and which must take no
 * more memory the longer they go on. */
#include "client.h"
#include "payload.h"
#include <malloc.h>

#define GROWTH_MAX (32 * 1024 * 1024)

/* Bytes; this client is one thread, and so has one arena. */
static size_t
heap_in_use(void)
{
    const struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

struct both_ways {
    struct grpc_testing_TestService_FullDuplexCall_client stream;
    int32_t size; /* of each request's and each response's body */
    unsigned count, sent;
};

static weir_code
send_one(const struct both_ways *both)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters wish = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *list[] = {&wish};
    Grpc__Testing__Payload payload;

    wish.size = both->size;
    payload_init(&payload, both->size);
    request.response_parameters = list;
    request.n_response_parameters = 1;
    request.payload = &payload;
    return grpc_testing_TestService_FullDuplexCall_client_send(both->stream, &request);
}

/* On a fiber beside the one who receives. */
static void
send_all(void *arg)
{
    struct both_ways *both = arg;

    while (both->sent < both->count && send_one(both) == WEIR_OK)
        both->sent++;
}

/* Only the call's own memory is left when the first quarter is over. */
static bool
receive_all(struct interop *interop, const struct both_ways *both)
{
    const Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    size_t before = 0;

    for (unsigned i = 0; i < both->count; i++) {
        if (!grpc_testing_TestService_FullDuplexCall_client_recv(both->stream, &response))
            return interop_fail(interop, "response %u did not come: %s \"%s\"", i,
                weir_code_name(weir_call_code(both->stream.call)),
                weir_call_message(both->stream.call));
        if (!payload_is(response->payload, (size_t)both->size))
            return interop_fail(interop, "response %u is not %d zeros", i, (int)both->size);
        if (i == both->count / 4)
            before = heap_in_use();
    }
    return heap_in_use() < before + GROWTH_MAX ||
           interop_fail(interop, "the stream's memory grows: %zu bytes after a quarter, %zu now",
               before, heap_in_use());
}

static bool
go_both_ways(struct interop *interop, weir_call *call, unsigned count, int32_t size)
{
    struct both_ways both = {.size = size, .count = count};
    weir_code code = grpc_testing_TestService_FullDuplexCall(call, &both.stream);

    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    if (weir_loop_spawn(interop->loop, send_all, &both) != WEIR_OK)
        return interop_fail(interop, "no memory");
    if (!receive_all(interop, &both))
        weir_call_cancel(call);
    code = grpc_testing_TestService_FullDuplexCall_client_finish(both.stream);
    if (interop->why[0] != '\0' || !interop_expect(interop, call, code, WEIR_OK))
        return false;
    return both.sent == count || interop_fail(interop, "%u of %u were sent", both.sent, count);
}

static bool
small_messages(struct interop *interop, weir_call *call)
{
    return go_both_ways(interop, call, (unsigned)interop->options->long_messages, 32);
}

/* As large as a message may be by default. */
static bool
large_messages(struct interop *interop, weir_call *call)
{
    return go_both_ways(interop, call, 24, 4 * 1024 * 1024 - 64);
}

const struct interop_case interop_long_cases[] = {
    {"small_messages_both_ways", .calls = {small_messages}},
    {"large_messages_both_ways", .calls = {large_messages}},
    {.name = NULL},
};
