/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of a call: sends the request headers; for unary calls also exchanges the messages and
 * waits for the status. */
#include "client/credentials.h"
#include "client/session.h"

#include <stdio.h>

/* ---- header fields ---- */

/* Fields besides the method's and the user's: grpc-timeout, grpc-encoding,
 * grpc-previous-rpc-attempts, authorization. */
#define OWN_FIELDS 4

static bool
add_timeout(struct weir_call *call, struct h2_field *field)
{
    char text[WIRE_TIMEOUT_TEXT];
    size_t len = wire_timeout_pack(call->deadline - loop_now(call->loop), text);

    *field = (struct h2_field){.name = weir_str_of("grpc-timeout"),
        .value = {arena_dup(&call->arena, (weir_str){text, len}), len},
        .indexing = H2_DO_NOT_INDEX};
    return field->value.data != NULL;
}

/* gRFC A6: absent from the first attempt. */
static bool
add_previous_attempts(struct weir_call *call, struct h2_field *field)
{
    char text[16];
    size_t len = (size_t)snprintf(text, sizeof(text), "%u", call->previous_attempts);

    *field = (struct h2_field){.name = weir_str_of("grpc-previous-rpc-attempts"),
        .value = {arena_dup(&call->arena, (weir_str){text, len}), len},
        .indexing = H2_DO_NOT_INDEX};
    return field->value.data != NULL;
}

static weir_code
fail_headers(struct weir_call *call)
{
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for the headers");
}

/* The pseudo-header fields of a GET, whose path is unique to the call. */
static void
add_get(const struct weir_call *call, const struct client_method *method, struct h2_field *fields)
{
    memcpy(fields, method->fields, CLIENT_PSEUDO_FIELDS * sizeof(*fields));
    fields[CLIENT_METHOD_FIELD].value = weir_str_of("GET");
    fields[CLIENT_PATH_FIELD].value = call->get_path;
    fields[CLIENT_PATH_FIELD].indexing = H2_DO_NOT_INDEX;
}

/* The header list exceeds the server's limit. A GET falls back to POST, which sends the message
 * after the headers. */
static weir_code
send_less(struct weir_call *call, const struct client_method *method)
{
    if (call->get_path.data == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "headers larger than the server takes");
    call->get_path.data = NULL;
    return attempt_send_headers(call, method);
}

/* grpc-timeout comes directly after the pseudo-header fields (PROTOCOL-HTTP2, Requests), so with a
 * timeout the other fields of the method follow it. */
weir_code
attempt_send_headers(struct weir_call *call, const struct client_method *method)
{
    static const struct h2_field gzip = {
        .name = {"grpc-encoding", 13}, .value = {"gzip", 4}, .indexing = H2_INDEX};
    const struct call_fields *out = &call->out_headers;
    const size_t rest = CLIENT_FIELDS - CLIENT_PSEUDO_FIELDS;
    bool by_get = call->get_path.data != NULL;
    struct h2_field *extra =
        arena_alloc(&call->arena, (OWN_FIELDS + CLIENT_FIELDS + out->count) * sizeof(*extra));
    size_t count = 0, fixed = CLIENT_FIELDS;

    if (extra == NULL)
        return fail_headers(call);
    if (by_get) {
        add_get(call, method, extra);
        count = CLIENT_PSEUDO_FIELDS;
        fixed = 0;
    } else if (call->deadline != WEIR_NEVER) {
        fixed = CLIENT_PSEUDO_FIELDS;
    }
    if (call->deadline != WEIR_NEVER && !add_timeout(call, &extra[count++]))
        return fail_headers(call);
    if (fixed != CLIENT_FIELDS) {
        memcpy(extra + count, method->fields + CLIENT_PSEUDO_FIELDS, rest * sizeof(*extra));
        count += rest;
    }
    if (call->previous_attempts > 0 && !add_previous_attempts(call, &extra[count++]))
        return fail_headers(call);
    if (call->gzip_told)
        extra[count++] = gzip;
    if (call->token != NULL)
        extra[count++] = (struct h2_field){.name = weir_str_of("authorization"),
            .value = weir_str_of(call->token),
            .indexing = H2_NEVER_INDEX};
    if (out->count > 0)
        memcpy(extra + count, out->list, out->count * sizeof(*extra));
    count += out->count;
    if (!h2_conn_takes_headers(call->transport->h2, method->fields, fixed, extra, count))
        return send_less(call, method);
    call->headers_sent = h2_stream_send_headers(
        call->transport->h2, call->stream, method->fields, fixed, extra, count, by_get);
    call->send_closed = by_get && call->headers_sent;
    if (call->headers_sent)
        call_foresee(call);
    rpc_transport_touch(call->transport);
    if (call->stream->id >= CLIENT_LAST_STREAM)
        conn_leave(container_of(call->transport, struct client_conn, transport));
    return call->headers_sent ? WEIR_OK : fail_headers(call);
}

/* ---- an attempt ---- */

weir_code
attempt_open(struct weir_call *attempt)
{
    struct weir_channel *channel = attempt->owner;
    const struct client_method *method = client_method_lookup(channel, attempt->method);

    if (method == NULL)
        return weir_fail(attempt, WEIR_RESOURCE_EXHAUSTED, "no memory");
    WEIR_TRY(credentials_apply(attempt));
    WEIR_TRY(client_acquire(channel, attempt));
    return attempt_send_headers(attempt, method);
}

weir_code
attempt_settle(struct weir_call *attempt, weir_code code)
{
    if (code != WEIR_OK && !attempt->ended)
        call_end(attempt, code, NULL);
    while (!attempt->ended)
        call_park(attempt);
    return attempt->code;
}

weir_code
attempt_receive_single(struct weir_call *attempt, ProtobufCMessage **out_response)
{
    ProtobufCMessage *response = NULL;
    weir_code code =
        attempt_settle(attempt, call_take_message(attempt, attempt->method->output, &response));

    if (code != WEIR_OK)
        return code;
    if (response == NULL)
        return call_refuse(attempt, WEIR_UNIMPLEMENTED, "the server sent no response");
    if (buf_len(&attempt->incoming) > 0)
        return call_refuse(attempt, WEIR_UNIMPLEMENTED, "the server sent more than one response");
    *out_response = response;
    return WEIR_OK;
}

/* The maximum length of a GET's path. */
#define MOST_PATH 8192

/* Put the message into the path if the method and the size allow it; the watchers see it before it
 * is sent. */
static weir_code
choose_get(struct weir_call *attempt, const ProtobufCMessage *request)
{
    const struct weir_method *method = attempt->method;
    weir_str packed = {NULL, 0}, path = weir_str_of(method->path);
    const ProtobufCMessage *kept;
    char *room;

    if (!attempt->cacheable || method->kind != WEIR_UNARY || !method->safe)
        return WEIR_OK;
    kept = wire_message_keep_zeros(&attempt->arena, request);
    if (kept == NULL)
        return fail_headers(attempt);
    packed.len = protobuf_c_message_get_packed_size(kept);
    if (packed.len > attempt->max_send || packed.len > MOST_PATH ||
        path.len + 1 + (packed.len * 4 + 2) / 3 > MOST_PATH)
        return WEIR_OK;
    if (attempt->watches != NULL)
        WEIR_TRY(call_show_sending(attempt, request));
    room = arena_alloc(&attempt->arena, packed.len + 1);
    if (room == NULL)
        return fail_headers(attempt);
    protobuf_c_message_pack(kept, (uint8_t *)room);
    packed.data = room;
    attempt->get_path = wire_get_pack(&attempt->arena, path, packed);
    return attempt->get_path.data == NULL ? fail_headers(attempt) : WEIR_OK;
}

/* A GET has sent its message with the headers. shown: the watchers have seen the message already.
 */
static weir_code
send_request(struct weir_call *attempt, const ProtobufCMessage *request, bool shown)
{
    if (!shown)
        return call_send_message(attempt, request, true);
    if (attempt->get_path.data == NULL)
        return call_send_shown(attempt, request, true);
    attempt->transport->counts.sent++;
    return WEIR_OK;
}

static weir_code
exchange(
    struct weir_call *attempt, const ProtobufCMessage *request, ProtobufCMessage **out_response)
{
    weir_code code = call_arm_deadline(attempt) ? choose_get(attempt, request) : attempt->code;
    bool shown = attempt->get_path.data != NULL;

    if (code == WEIR_OK)
        code = attempt_open(attempt);
    if (code == WEIR_OK)
        code = send_request(attempt, request, shown);
    /* A server may end the call, even with OK, before it has received the whole request. */
    if (code != WEIR_OK && attempt_settle(attempt, code) != WEIR_OK)
        return attempt->code;
    return attempt_receive_single(attempt, out_response);
}

weir_code
attempt_unary(
    struct weir_call *attempt, const ProtobufCMessage *request, ProtobufCMessage **out_response)
{
    weir_code code;

    do
        code = exchange(attempt, request, out_response);
    while (attempt->ended && attempt_renew(attempt));
    return code;
}

bool
attempt_renew(struct weir_call *attempt)
{
    if (!attempt->unprocessed || attempt->cancelled || attempt->sent_again ||
        attempt->headers != NULL || loop_now(attempt->loop) >= attempt->deadline)
        return false;
    call_detach(attempt);
    attempt->sent_again = true;
    attempt->ended = false;
    attempt->unprocessed = false;
    attempt->headers_sent = attempt->send_closed = attempt->receive_closed = false;
    attempt->code = WEIR_OK;
    attempt->message = NULL;
    return true;
}
