/* SPDX-License-Identifier: Apache-2.0 */
/* A server's answer around its messages: response headers, trailers, Trailers-Only. */
#include "rpc/call.h"

#define FIELD(name_text, value_text)                                                               \
    {                                                                                              \
        .name = {name_text, sizeof(name_text) - 1}, .value = {value_text, sizeof(value_text) - 1}, \
        .indexing = H2_INDEX                                                                       \
    }

static const struct h2_field response_fields[] = {
    FIELD(":status", "200"),
    FIELD("content-type", "application/grpc"),
    FIELD("grpc-accept-encoding", "gzip"),
};
static const struct h2_field ok_fields[] = {FIELD("grpc-status", "0")};

static const char code_digits[17][3] = {
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool
call_send_response_headers(struct weir_call *call)
{
    if (call->headers_sent)
        return true;
    if (call->stream == NULL ||
        !h2_stream_send_headers(call->transport->h2, call->stream, response_fields,
            COUNT(response_fields), call->out_headers.list, call->out_headers.count, false))
        return false;
    call->headers_sent = true;
    rpc_transport_touch(call->transport);
    return true;
}

/* Status, text and the user's trailers as one list, in the arena. NULL: no memory. */
static struct h2_field *
status_fields(struct weir_call *call, weir_code code, const char *message, size_t *out_count)
{
    size_t extra = call->out_trailers.count + (call->headers_sent ? 0 : call->out_headers.count);
    struct h2_field *list = arena_alloc(&call->arena, (extra + 2) * sizeof(*list));
    weir_str text = {NULL, 0};
    size_t count = 0;

    if (message != NULL && message[0] != '\0')
        text = wire_percent_encode(&call->arena, weir_str_of(message));
    if (list == NULL)
        return NULL;
    list[count++] = (struct h2_field){.name = weir_str_of("grpc-status"),
        .value = weir_str_of(code_digits[code]),
        .indexing = H2_INDEX};
    if (text.data != NULL)
        list[count++] = (struct h2_field){
            .name = weir_str_of("grpc-message"), .value = text, .indexing = H2_DO_NOT_INDEX};
    for (size_t i = 0; !call->headers_sent && i < call->out_headers.count; i++)
        list[count++] = call->out_headers.list[i];
    for (size_t i = 0; i < call->out_trailers.count; i++)
        list[count++] = call->out_trailers.list[i];
    *out_count = count;
    return list;
}

/* Without the memory for a status the client must still learn that the call is over. */
static void
give_up(struct weir_call *call)
{
    h2_stream_reset(call->transport->h2, call->stream, H2_INTERNAL_ERROR);
}

static void
send_long_status(struct weir_call *call, weir_code code, const char *message)
{
    const struct h2_field *fixed = call->headers_sent ? NULL : response_fields;
    size_t fixed_count = call->headers_sent ? 0 : COUNT(response_fields);
    size_t count = 0;
    struct h2_field *list = status_fields(call, code, message, &count);

    if (list == NULL || !h2_stream_send_headers(call->transport->h2, call->stream, fixed,
                            fixed_count, list, count, true))
        give_up(call);
}

void
call_send_status(struct weir_call *call, weir_code code, const char *message)
{
    if (call->stream == NULL || call->send_closed)
        return;
    call->send_closed = true;
    if ((unsigned)code >= COUNT(code_digits))
        code = WEIR_UNKNOWN;
    if (code == WEIR_OK && call->headers_sent && call->out_trailers.count == 0) {
        if (!h2_stream_send_headers(
                call->transport->h2, call->stream, ok_fields, COUNT(ok_fields), NULL, 0, true))
            give_up(call);
    } else {
        send_long_status(call, code, message);
    }
    rpc_transport_touch(call->transport);
}
