/* SPDX-License-Identifier: Apache-2.0 */
/* The public verbs on messages, of servers and clients; from a fiber or a plain thread. */
#include "rpc/call.h"

/* Bytes of the call's arena that serve as the first block for the messages of a stream. */
#define SCRATCH_FIRST 512

void
call_renew_scratch(struct weir_call *call)
{
    void *first;

    if (call->has_scratch) {
        arena_reset(&call->scratch);
        return;
    }
    first = arena_alloc(&call->arena, SCRATCH_FIRST);
    arena_init(&call->scratch, first, first == NULL ? 0 : SCRATCH_FIRST);
    call->has_scratch = true;
}

/* Does not free a message that is its sender's only one. */
void
weir_call_recycle(weir_call *call)
{
    call_renew_scratch(call);
    if (call->inflated > 0 && !call_peer_sends_one(call))
        call_hold_no_inflated(call);
}

struct receive {
    struct weir_call *call;
    ProtobufCMessage *message;
    const char **out_refusal; /* NULL: a refused message ends the call */
    weir_code code;
};

static const ProtobufCMessageDescriptor *
incoming_type(const struct weir_call *call)
{
    return call->is_server ? call->method->input : call->method->output;
}

weir_code
call_refuse_unbegun(struct weir_call *call)
{
    return weir_fail(call, WEIR_FAILED_PRECONDITION, "the call has not begun");
}

static weir_code
take_message(struct weir_call *call, ProtobufCMessage **out_message)
{
    WEIR_TRY(call_check_begun(call));
    return call_take_message(call, incoming_type(call), out_message);
}

static void
receive_on_fiber(void *arg)
{
    struct receive *receive = arg;
    struct weir_call *call = receive->call;

    weir_call_recycle(call);
    if (call->deputy != NULL && call->deputy->receive != NULL) {
        receive->code = call->deputy->receive(call, &receive->message);
        return;
    }
    call->refusal = receive->out_refusal;
    receive->code = take_message(call, &receive->message);
    call->refusal = NULL;
    /* A failure to receive ends the call, so that it is not mistaken for the end of the stream. */
    if (receive->code != WEIR_OK && !call->ended) {
        call_end(call, receive->code, NULL);
        call_advance(call);
    }
}

/* False: receiving failed. */
static inline bool
run_receive(struct receive *receive)
{
    struct weir_call *call = receive->call;

    if (fiber_run_on(call->loop, receive_on_fiber, receive) == WEIR_OK)
        return receive->code == WEIR_OK;
    call->refused = true; /* so that it is not mistaken for the end of the stream */
    weir_call_cancel(call);
    return false;
}

bool
weir_call_receive(weir_call *call, const ProtobufCMessage **out_message)
{
    struct receive receive = {.call = call};

    if (!run_receive(&receive) || receive.message == NULL)
        return false;
    *out_message = receive.message;
    return true;
}

bool
weir_call_receive_each(
    weir_call *call, const ProtobufCMessage **out_message, const char **out_refusal)
{
    const char *refusal = NULL;
    struct receive receive = {.call = call, .out_refusal = call->is_server ? &refusal : NULL};

    if (!run_receive(&receive) || (receive.message == NULL && refusal == NULL))
        return false;
    *out_message = receive.message;
    *out_refusal = refusal;
    return true;
}

weir_code
weir_call_receive_one(weir_call *call, ProtobufCMessage **out_message)
{
    WEIR_TRY(call_check_begun(call));
    return call_take_only(call, incoming_type(call), out_message);
}

void
call_must_be_whole(struct weir_call *call, weir_code code)
{
    if (code == WEIR_OK || code == WEIR_FAILED_PRECONDITION || call->ended)
        return;
    call_end(call, code, NULL);
    call_advance(call);
}

struct send {
    struct weir_call *call;
    const ProtobufCMessage *message;
    weir_code code;
};

static APART weir_code
send_here(struct weir_call *call, const ProtobufCMessage *message)
{
    weir_code code;

    if (call->deputy != NULL && call->deputy->send != NULL)
        return call->deputy->send(call, message);
    code = call_send_message(call, message, false);
    if (!call->is_server)
        call_must_be_whole(call, code);
    return code;
}

static void
send_on_fiber(void *arg)
{
    struct send *send = arg;

    send->code = send_here(send->call, send->message);
}

static APART weir_code
send_from_elsewhere(struct weir_call *call, const ProtobufCMessage *message)
{
    struct send send = {.call = call, .message = message};

    WEIR_TRY(fiber_run_on(call->loop, send_on_fiber, &send));
    return send.code;
}

weir_code
weir_call_send(weir_call *call, const ProtobufCMessage *message)
{
    WEIR_TRY(call_check_begun(call));
    if (!fiber_is_on(call->loop))
        return send_from_elsewhere(call, message);
    return call->is_server ? call_send_message(call, message, false) : send_here(call, message);
}

static void
receive_headers_on_fiber(void *arg)
{
    struct receive *receive = arg;
    struct weir_call *call = receive->call;

    if (call->deputy != NULL && call->deputy->receive_headers != NULL) {
        receive->code = call->deputy->receive_headers(call);
        return;
    }
    while (!call->ended && call->headers == NULL)
        call_park(call);
    receive->code = call->headers != NULL ? WEIR_OK : call->code;
}

weir_code
weir_call_receive_headers(weir_call *call)
{
    struct receive receive = {.call = call};

    if (call->is_server)
        return WEIR_FAILED_PRECONDITION;
    WEIR_TRY(call_check_begun(call));
    WEIR_TRY(fiber_run_on(call->loop, receive_headers_on_fiber, &receive));
    return receive.code;
}
