/* SPDX-License-Identifier: Apache-2.0 */
/* A server's response except its messages: headers, trailers, Trailers-Only. */
#include "rpc/call.h"

#define FIELD(name_text, value_text)                                                               \
    {                                                                                              \
        .name = {name_text, sizeof(name_text) - 1}, .value = {value_text, sizeof(value_text) - 1}, \
        .indexing = H2_INDEX                                                                       \
    }

static const struct h2_field response_fields[] = {
    FIELD(":status", "200"), FIELD("content-type", "application/grpc"),
    FIELD("grpc-accept-encoding", "gzip"), FIELD("grpc-encoding", "gzip"), /* if compressed */
};
#define PLAIN_FIELDS 3
#define GZIP_FIELDS 4

static const struct h2_field ok_fields[] = {FIELD("grpc-status", "0")};

static const char code_digits[17][3] = {
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- headers ---- */

weir_code
call_send_response_headers(struct weir_call *call)
{
    const struct call_fields *extra = &call->out_headers;
    size_t fixed = call->gzip_told ? GZIP_FIELDS : PLAIN_FIELDS;

    if (call->headers_sent)
        return WEIR_OK;
    if (call->ended || call->stream == NULL)
        return call->code;
    if (extra->count > 0 && !h2_conn_takes_headers(call->transport->h2, response_fields, fixed,
                                extra->list, extra->count))
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "headers larger than the client takes");
    if (!h2_stream_send_headers(call->transport->h2, call->stream, response_fields, fixed,
            extra->list, extra->count, false))
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for the headers");
    call->headers_sent = true;
    rpc_transport_touch(call->transport);
    return WEIR_OK;
}

uint8_t *
call_send_opening(struct weir_call *call, size_t len)
{
    uint8_t *place;

    if (call->out_headers.count > 0)
        return NULL;
    place = h2_stream_send_opening(call->transport->h2, call->stream, response_fields,
        call->gzip_told ? GZIP_FIELDS : PLAIN_FIELDS, len);
    if (place != NULL)
        call->headers_sent = true;
    return place;
}

weir_code
weir_call_send_headers(weir_call *call)
{
    return call->is_server ? call_send_response_headers(call) : WEIR_FAILED_PRECONDITION;
}

/* ---- status ---- */

/* A status as it is sent. */
struct status {
    weir_code code;
    const char *message;          /* NULL: none */
    const struct h2_field *fixed; /* sent first: the response headers of Trailers-Only */
    size_t fixed_count;
    struct h2_field *list; /* in the arena */
    size_t count;
};

static void
add_field(struct status *status, const char *name, weir_str value, enum h2_indexing indexing)
{
    status->list[status->count++] =
        (struct h2_field){.name = weir_str_of(name), .value = value, .indexing = indexing};
}

static void
add_fields(struct status *status, const struct call_fields *fields)
{
    if (fields->count > 0)
        memcpy(status->list + status->count, fields->list, fields->count * sizeof(*fields->list));
    status->count += fields->count;
}

/* grpc-status and its companions; those for which there is no memory are omitted. */
static void
add_status(struct weir_call *call, struct status *status, bool with_details)
{
    weir_str text = {NULL, 0}, details = {NULL, 0};

    if (status->message != NULL && status->message[0] != '\0')
        text = wire_percent_encode(&call->arena, weir_str_of(status->message));
    if (with_details && call->details != NULL && status->code != WEIR_OK)
        details = call_pack_details(call, status->code, status->message);
    add_field(status, "grpc-status", weir_str_of(code_digits[status->code]), H2_INDEX);
    if (text.data != NULL)
        add_field(status, "grpc-message", text, H2_DO_NOT_INDEX);
    if (details.data != NULL)
        add_field(status, "grpc-status-details-bin", details, H2_DO_NOT_INDEX);
}

static bool
is_taken(const struct weir_call *call, const struct status *status)
{
    return h2_conn_takes_headers(
        call->transport->h2, status->fixed, status->fixed_count, status->list, status->count);
}

/* The trailers exceed the client's limit: send a short status that says so, without metadata and
 * details. */
static void
shorten(struct weir_call *call, struct status *status)
{
    status->count = 0;
    if (status->code == WEIR_OK)
        status->code = WEIR_RESOURCE_EXHAUSTED;
    status->message = "the status is larger than the client takes";
    add_status(call, status, false);
}

/* False: no memory. */
static bool
compose(struct weir_call *call, struct status *status)
{
    size_t most = 3 + call->out_headers.count + call->out_trailers.count;

    status->list = arena_alloc(&call->arena, most * sizeof(*status->list));
    if (status->list == NULL)
        return false;
    if (!call->headers_sent) {
        status->fixed = response_fields;
        status->fixed_count = PLAIN_FIELDS;
    }
    add_status(call, status, true);
    if (!call->headers_sent)
        add_fields(status, &call->out_headers);
    add_fields(status, &call->out_trailers);
    if (!is_taken(call, status))
        shorten(call, status);
    return true;
}

/* Without memory for a status, a reset tells the client that the call has ended. No effect if the
 * client has reset the stream. */
static void
give_up(struct weir_call *call)
{
    call->send_closed = false;
    h2_stream_reset(call->transport->h2, call->stream, H2_INTERNAL_ERROR);
}

static void
send_long_status(struct weir_call *call, weir_code code, const char *message)
{
    struct status status = {.code = code, .message = message};

    if (!compose(call, &status) ||
        !h2_stream_send_headers(call->transport->h2, call->stream, status.fixed, status.fixed_count,
            status.list, status.count, true))
        give_up(call);
}

/* PROTOCOL-HTTP2, Errors: what servers do "when they need to cancel a call but the payload byte
 * sequence is incomplete", such as at a deadline in the middle of a message. The client maps it to
 * the same code; other codes need a status. */
static void
reset_torn(struct weir_call *call)
{
    h2_stream_reset(call->transport->h2, call->stream, H2_CANCEL);
    rpc_transport_touch(call->transport);
}

void
call_send_status(struct weir_call *call, weir_code code, const char *message)
{
    if (call->stream == NULL || call->send_closed)
        return;
    call->send_closed = true;
    if (call->torn && (code == WEIR_CANCELLED || code == WEIR_DEADLINE_EXCEEDED)) {
        reset_torn(call);
        return;
    }
    if ((unsigned)code >= COUNT(code_digits))
        code = WEIR_UNKNOWN;
    if (code == WEIR_OK && call->headers_sent && call->out_trailers.count == 0) {
        if (h2_stream_finish(call->transport->h2, call->stream, ok_fields, COUNT(ok_fields))) {
            call_leave(call);
            return;
        }
        if (!h2_stream_send_headers(
                call->transport->h2, call->stream, ok_fields, COUNT(ok_fields), NULL, 0, true))
            give_up(call);
    } else {
        send_long_status(call, code, message);
    }
    rpc_transport_touch(call->transport);
}
