/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of client calls, from a fiber or a plain thread. */
#include "client/session.h"

struct client_op {
    struct weir_call *call;
    const ProtobufCMessage *request;
    ProtobufCMessage *response;
    weir_code code;
};

static bool
has_chain(const struct weir_call *call)
{
    const struct weir_channel *channel = call->owner;

    return channel->chain.count > 0 ||
           (call->policy != NULL && (call->policy->retry != NULL || call->policy->hedge != NULL));
}

/* Is a chain of interceptors around this stream? */
static bool
is_chained(const struct weir_call *call)
{
    return call->session != NULL && call->session->call != call;
}

/* FAILED_PRECONDITION also for a server call: a handler must make its calls with call objects of
 * their own. */
static weir_code
check_asks(struct weir_call *call)
{
    return call->is_server ? WEIR_FAILED_PRECONDITION : call_check_begun(call);
}

static weir_code
take_on(struct weir_call *call, const struct weir_method *method)
{
    if (call->is_server)
        return WEIR_FAILED_PRECONDITION;
    if (call->method != NULL)
        return weir_fail(call, WEIR_FAILED_PRECONDITION, "a call object is for one call");
    call->method = method;
    call->path = method->path;
    return WEIR_OK;
}

/* A user's call, which is neither an attempt nor the interceptors' object, has reached its loop. */
static void
enter(struct weir_call *call)
{
    struct weir_channel *channel = call->owner;

    call->counted = true;
    channel->calls_started++;
    channel->last_call = loop_now(channel->loop);
    if (channel->service.format != NULL)
        client_await_config(channel, call);
    if (channel->config != NULL)
        config_enter(channel->config, call);
}

static void
unary_on_fiber(void *arg)
{
    struct client_op *op = arg;

    enter(op->call);
    op->code = has_chain(op->call) ? chain_unary(op->call, op->request, &op->response)
                                   : attempt_unary(op->call, op->request, &op->response);
}

weir_code
weir_call_unary(weir_call *call, const struct weir_method *method, const ProtobufCMessage *request,
    ProtobufCMessage **out_response)
{
    struct client_op op = {.call = call, .request = request};

    WEIR_TRY(take_on(call, method));
    WEIR_TRY(fiber_run_on(call->loop, unary_on_fiber, &op));
    if (op.code == WEIR_OK)
        *out_response = op.response;
    return op.code;
}

static weir_code
open_plain(struct weir_call *call, const ProtobufCMessage *request)
{
    weir_code code;

    if (!session_begin(call))
        code = weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    else
        code = call_arm_deadline(call) ? attempt_open(call) : call->code;
    if (code == WEIR_OK) {
        call->session->first.open = true;
        if (request != NULL)
            code = session_send(call->session, request, true);
    }
    return code == WEIR_OK ? WEIR_OK : attempt_settle(call, code);
}

static void
open_on_fiber(void *arg)
{
    struct client_op *op = arg;

    enter(op->call);
    op->code =
        has_chain(op->call) ? chain_open(op->call, op->request) : open_plain(op->call, op->request);
}

weir_code
weir_call_open(weir_call *call, const struct weir_method *method, const ProtobufCMessage *request)
{
    struct client_op op = {.call = call, .request = request};

    WEIR_TRY(take_on(call, method));
    WEIR_TRY(fiber_run_on(call->loop, open_on_fiber, &op));
    return op.code;
}

/* Half-close with an empty DATA frame (PROTOCOL-HTTP2, Requests). */
static weir_code
close_send(struct weir_call *call)
{
    if (call->session != NULL)
        return session_close_send(call->session);
    if (call->ended)
        return call->code;
    if (call->send_closed)
        return WEIR_OK;
    if (call->stream == NULL ||
        !h2_stream_send_data(call->transport->h2, call->stream, NULL, 0, true))
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory to end the stream with");
    call->send_closed = true;
    rpc_transport_touch(call->transport);
    return WEIR_OK;
}

static void
close_send_on_fiber(void *arg)
{
    struct client_op *op = arg;

    op->code = close_send(op->call);
}

weir_code
weir_call_close_send(weir_call *call)
{
    struct client_op op = {.call = call};

    WEIR_TRY(check_asks(call));
    WEIR_TRY(fiber_run_on(call->loop, close_send_on_fiber, &op));
    return op.code;
}

static void
finish_on_fiber(void *arg)
{
    struct client_op *op = arg;

    if (is_chained(op->call)) {
        op->code = session_finish(op->call->session, &op->response);
        return;
    }
    op->code = close_send(op->call);
    if (op->code == WEIR_OK)
        call_drop_messages(op->call);
    op->code = attempt_settle(op->call, op->code);
}

weir_code
weir_call_finish(weir_call *call)
{
    struct client_op op = {.call = call};

    WEIR_TRY(check_asks(call));
    WEIR_TRY(fiber_run_on(call->loop, finish_on_fiber, &op));
    return op.code;
}

static weir_code
finish_chained(struct weir_call *call, ProtobufCMessage **out_response)
{
    WEIR_TRY(session_finish(call->session, out_response));
    if (*out_response == NULL)
        return call_refuse(call, WEIR_INTERNAL, "an interceptor has answered without a response");
    return WEIR_OK;
}

static void
finish_one_on_fiber(void *arg)
{
    struct client_op *op = arg;

    if (is_chained(op->call)) {
        op->code = finish_chained(op->call, &op->response);
        return;
    }
    op->code = close_send(op->call);
    if (op->code == WEIR_OK)
        op->code = attempt_receive_single(op->call, &op->response);
    else
        op->code = attempt_settle(op->call, op->code);
}

weir_code
weir_call_finish_one(weir_call *call, ProtobufCMessage **out_response)
{
    struct client_op op = {.call = call};

    WEIR_TRY(check_asks(call));
    WEIR_TRY(fiber_run_on(call->loop, finish_one_on_fiber, &op));
    if (op.code == WEIR_OK)
        *out_response = op.response;
    return op.code;
}
