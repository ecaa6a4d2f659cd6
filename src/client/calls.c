/* SPDX-License-Identifier: Apache-2.0 */
/* A client's calls: request headers out, messages, the status in. */
#include "client/client.h"

/* Optional fields besides what the user adds: grpc-timeout. */
static size_t
timeout_field(struct weir_call *call, struct h2_field *field)
{
    char text[WIRE_TIMEOUT_TEXT];
    size_t len;

    if (call->deadline == WEIR_NEVER)
        return 0;
    len = wire_timeout_pack(call->deadline - loop_now(call->loop), text);
    *field = (struct h2_field){.name = weir_str_of("grpc-timeout"),
        .value = {arena_dup(&call->arena, (weir_str){text, len}), len},
        .indexing = H2_DO_NOT_INDEX};
    return field->value.data == NULL ? 0 : 1;
}

/* With a timeout only the pseudo-header fields come before it: grpc-timeout stands right after them
 * (PROTOCOL-HTTP2, Requests), so the rest goes behind it. */
static weir_code
send_headers(struct weir_call *call, const struct client_method *method)
{
    static const struct h2_field gzip = {
        .name = {"grpc-encoding", 13}, .value = {"gzip", 4}, .indexing = H2_INDEX};
    const struct call_fields *out = &call->out_headers;
    size_t rest = CLIENT_FIELDS - CLIENT_PSEUDO_FIELDS;
    struct h2_field *extra = arena_alloc(&call->arena, (2 + rest + out->count) * sizeof(*extra));
    size_t count, fixed = CLIENT_FIELDS;

    if (extra == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for the headers");
    count = timeout_field(call, extra);
    if (count > 0) {
        fixed = CLIENT_PSEUDO_FIELDS;
        memcpy(extra + count, method->fields + fixed, rest * sizeof(*extra));
        count += rest;
    }
    if (call->gzip_told)
        extra[count++] = gzip;
    if (out->count > 0)
        memcpy(extra + count, out->list, out->count * sizeof(*extra));
    count += out->count;
    if (!h2_conn_takes_headers(call->transport->h2, method->fields, fixed, extra, count))
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "headers larger than the server takes");
    call->headers_sent = h2_stream_send_headers(
        call->transport->h2, call->stream, method->fields, fixed, extra, count, false);
    rpc_transport_touch(call->transport);
    if (call->stream->id >= CLIENT_LAST_STREAM)
        client_leave(container_of(call->transport, struct client_conn, transport));
    return call->headers_sent
               ? WEIR_OK
               : weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for the headers");
}

/* Find a stream and send the headers; with a request, that and the half-close too. Suspends. */
static weir_code
open_stream(struct weir_call *call, const ProtobufCMessage *request)
{
    struct weir_channel *channel = call->owner;
    const struct client_method *method = client_method_lookup(channel, call->method);

    if (method == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    call->deep_in = method->deep_in;
    WEIR_TRY(client_acquire(channel, call));
    WEIR_TRY(send_headers(call, method));
    return request == NULL ? WEIR_OK : call_send_message(call, request, true);
}

/* Undo what an attempt left, when the server says that it never saw it (gRFC A6, transparent
 * retries). One that has answered, did. */
static bool
may_retry(struct weir_call *call, unsigned attempts)
{
    if (!call->ended || !call->unprocessed || call->cancelled || call->headers != NULL ||
        attempts > 1 || loop_now(call->loop) >= call->deadline)
        return false;
    call->ended = false;
    call->unprocessed = false;
    call->headers_sent = call->send_closed = call->receive_closed = false;
    call->code = WEIR_OK;
    call->message = NULL;
    return true;
}

static void
wait_for_end(struct weir_call *call)
{
    while (!call->ended)
        call_park(call);
}

/* A failure on this side ends the call; the server hears a reset. */
static weir_code
settle(struct weir_call *call, weir_code code)
{
    if (code != WEIR_OK && !call->ended)
        call_end(call, code, NULL);
    wait_for_end(call);
    return call->code;
}

struct client_op {
    struct weir_call *call;
    const ProtobufCMessage *request;
    ProtobufCMessage *response;
    weir_code code;
};

/* The single response, then the status. */
static weir_code
receive_single(struct weir_call *call, ProtobufCMessage **out_response)
{
    ProtobufCMessage *response = NULL;
    weir_code code = settle(call, call_take_message(call, call->method->output, &response));

    if (code != WEIR_OK)
        return code;
    if (response == NULL)
        return call_refuse(call, WEIR_UNIMPLEMENTED, "the server sent no response");
    if (buf_len(&call->incoming) > 0)
        return call_refuse(call, WEIR_UNIMPLEMENTED, "the server sent more than one response");
    *out_response = response;
    return WEIR_OK;
}

static weir_code
take_on(struct weir_call *call, const struct weir_method *method)
{
    if (call->method != NULL)
        return weir_fail(call, WEIR_FAILED_PRECONDITION, "a call object is for one call");
    call->method = method;
    call->path = method->path;
    return WEIR_OK;
}

static bool
begin(struct weir_call *call)
{
    if (!call->ended && !call->timer_running)
        call_start_timer(call);
    return !call->ended;
}

static void
unary_on_fiber(void *arg)
{
    struct client_op *op = arg;
    unsigned attempts = 0;

    do {
        attempts++;
        op->code = begin(op->call) ? open_stream(op->call, op->request) : op->call->code;
        if (op->code == WEIR_OK)
            op->code = receive_single(op->call, &op->response);
        else
            op->code = settle(op->call, op->code);
    } while (may_retry(op->call, attempts));
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

static void
open_on_fiber(void *arg)
{
    struct client_op *op = arg;

    op->code = begin(op->call) ? open_stream(op->call, op->request) : op->call->code;
    if (op->code != WEIR_OK)
        op->code = settle(op->call, op->code);
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

    WEIR_TRY(call_check_begun(call));
    WEIR_TRY(fiber_run_on(call->loop, close_send_on_fiber, &op));
    return op.code;
}

static void
finish_on_fiber(void *arg)
{
    struct client_op *op = arg;

    op->code = close_send(op->call);
    if (op->code == WEIR_OK)
        call_drop_messages(op->call);
    op->code = settle(op->call, op->code);
}

weir_code
weir_call_finish(weir_call *call)
{
    struct client_op op = {.call = call};

    WEIR_TRY(call_check_begun(call));
    WEIR_TRY(fiber_run_on(call->loop, finish_on_fiber, &op));
    return op.code;
}

static void
finish_one_on_fiber(void *arg)
{
    struct client_op *op = arg;

    op->code = close_send(op->call);
    if (op->code == WEIR_OK)
        op->code = receive_single(op->call, &op->response);
    else
        op->code = settle(op->call, op->code);
}

weir_code
weir_call_finish_one(weir_call *call, ProtobufCMessage **out_response)
{
    struct client_op op = {.call = call};

    WEIR_TRY(call_check_begun(call));
    WEIR_TRY(fiber_run_on(call->loop, finish_one_on_fiber, &op));
    if (op.code == WEIR_OK)
        *out_response = op.response;
    return op.code;
}
