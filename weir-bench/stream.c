/* SPDX-License-Identifier: Apache-2.0 */
/* A stream sends its messages as fast as the server's windows allow; a bidirectional one sends the
 * next message after the response to the last. Header blocks that are the same as before are not
 * parsed again. */
#include "weir-bench/stream.h"

#include "weir-bench/connection.h"

static struct worker *
worker_of(const struct stream *stream)
{
    return stream->conn->worker;
}

static const struct request *
request_of(const struct stream *stream)
{
    return worker_of(stream)->plan->request;
}

static weir_method_kind
kind_of(const struct stream *stream)
{
    return worker_of(stream)->plan->options->kind;
}

/* text: valid until this returns. */
static void
finish(struct stream *stream, weir_code code, const char *text)
{
    struct worker *worker = worker_of(stream);
    struct connection *conn = stream->conn;
    int64_t due = stream->due;
    bool is_timed = code == WEIR_OK && kind_of(stream) != WEIR_BIDI_STREAM;

    h2_stream_release(conn->h2, stream->h2);
    connection_put(conn, stream);
    worker_on_ended(worker, due, is_timed ? worker->now - due : -1, code, text);
    connection_fill(conn);
}

/* ---- sending ---- */

/* Bytes that may be sent so far; bidirectional streams wait for responses. */
static uint64_t
allowed(const struct stream *stream)
{
    const struct request *request = request_of(stream);

    if (kind_of(stream) != WEIR_BIDI_STREAM)
        return request->total;
    return ((uint64_t)stream->received + 1) * request->message_len;
}

/* False: no memory. */
static bool
push(struct stream *stream)
{
    const struct request *request = request_of(stream);
    struct h2_conn *h2 = stream->conn->h2;
    bool waits = kind_of(stream) == WEIR_BIDI_STREAM; /* it is half-closed after the last
                                                         response */
    uint64_t until = allowed(stream);

    while (stream->sent < until) {
        size_t at = (size_t)(stream->sent % request->len), len = request->len - at;
        size_t room = h2_stream_room(h2, stream->h2);

        if (room == 0) {
            h2_stream_want_room(h2, stream->h2);
            return true;
        }
        len = len > until - stream->sent ? (size_t)(until - stream->sent) : len;
        len = len > room ? room : len;
        stream->sent += len;
        if (!h2_stream_send_data(
                h2, stream->h2, request->bytes + at, len, !waits && stream->sent == request->total))
            return false;
    }
    return true;
}

static void
count_sent(struct stream *stream)
{
    worker_of(stream)->tally.messages_sent += stream->sent / request_of(stream)->message_len;
}

static void
push_or_fail(struct stream *stream)
{
    if (!push(stream)) {
        h2_stream_reset(stream->conn->h2, stream->h2, H2_CANCEL);
        finish(stream, WEIR_RESOURCE_EXHAUSTED, "no memory");
    }
}

static bool
send_headers(struct stream *stream)
{
    const struct request *request = request_of(stream);
    struct worker *worker = worker_of(stream);
    struct request_change change;
    size_t count = 0;

    if (worker->plan->options->changing) {
        request_change(&change, (uint64_t)worker->number << 40 | stream->number);
        count = REQUEST_CHANGING;
    }
    return h2_stream_send_headers(stream->conn->h2, stream->h2, request->fields,
        request->field_count, change.fields, count, false);
}

bool
stream_begin(struct stream *stream, int64_t due)
{
    struct worker *worker = worker_of(stream);
    struct h2_stream *h2 = h2_stream_open(stream->conn->h2);

    if (h2 == NULL)
        return false;
    *stream = (struct stream){.conn = stream->conn,
        .h2 = h2,
        .number = worker->begun++,
        .due = due,
        .sent_at = worker->now};
    h2->user = stream;
    worker->in_flight++;
    if (send_headers(stream))
        push_or_fail(stream);
    else
        finish(stream, WEIR_RESOURCE_EXHAUSTED, "no memory");
    return true;
}

/* ---- receiving ---- */

static void
on_message(struct stream *stream)
{
    struct worker *worker = worker_of(stream);

    stream->received++;
    worker->tally.messages_received++;
    if (kind_of(stream) != WEIR_BIDI_STREAM)
        return;
    worker_on_round_trip(worker, worker->now - stream->sent_at);
    stream->sent_at = worker->now;
    if (stream->received < worker->plan->options->messages)
        push_or_fail(stream);
    else if (stream->received == worker->plan->options->messages)
        (void)h2_stream_send_data(stream->conn->h2, stream->h2, NULL, 0, true);
}

/* Is the stream still in use by the call with this number? */
static bool
goes_on(const struct stream *stream, uint64_t number)
{
    return stream->h2 != NULL && stream->number == number;
}

/* Consume a part of the current message. False: not an uncompressed gRPC message. */
static bool
take(struct stream *stream, const uint8_t **data, size_t *len)
{
    struct wire_prefix prefix;
    size_t part;

    if (stream->prefix_len < WIRE_PREFIX_SIZE) {
        part = WIRE_PREFIX_SIZE - stream->prefix_len;
        part = part < *len ? part : *len;
        memcpy(stream->prefix + stream->prefix_len, *data, part);
        stream->prefix_len += (uint32_t)part;
        *data += part;
        *len -= part;
        if (stream->prefix_len < WIRE_PREFIX_SIZE)
            return true;
        if (wire_prefix_unpack(stream->prefix, &prefix) != WEIR_OK || prefix.compressed)
            return false;
        stream->left = prefix.len;
    }
    part = stream->left < *len ? stream->left : *len;
    *data += part;
    *len -= part;
    stream->left -= (uint32_t)part;
    return true;
}

static void
on_data(struct stream *stream, const struct h2_event *event)
{
    const uint8_t *data = event->data;
    size_t len = event->len;
    uint64_t number = stream->number;

    h2_stream_consumed(stream->conn->h2, stream->h2, len);
    while (len > 0) {
        if (!take(stream, &data, &len)) {
            h2_stream_reset(stream->conn->h2, stream->h2, H2_CANCEL);
            finish(stream, WEIR_INTERNAL, "the answer is not a message of gRPC, or compressed");
            return;
        }
        if (stream->left == 0 && stream->prefix_len == WIRE_PREFIX_SIZE) {
            stream->prefix_len = 0;
            on_message(stream);
            if (!goes_on(stream, number))
                return;
        }
    }
}

/* Trailers end the call. */
static void
on_end(struct stream *stream, struct h2_block *block)
{
    bool one = kind_of(stream) == WEIR_UNARY || kind_of(stream) == WEIR_CLIENT_STREAM;
    const char *text = "";
    weir_code code = connection_read_end(stream->conn, block, &text);

    count_sent(stream);
    if (code == WEIR_OK && one && stream->received != 1)
        finish(stream, WEIR_INTERNAL, "not one message in the answer");
    else
        finish(stream, code, text);
}

static void
on_headers(struct stream *stream, const struct h2_event *event)
{
    const char *text = "";
    weir_code code;

    if (event->end_stream) {
        on_end(stream, event->block);
        return;
    }
    code = connection_read_begin(stream->conn, event->block, &text);
    if (code == WEIR_OK)
        return;
    h2_stream_reset(stream->conn->h2, stream->h2, H2_CANCEL);
    finish(stream, code, text);
}

void
stream_on_event(struct stream *stream, const struct h2_event *event)
{
    uint64_t number = stream->number;
    const char *text = "";
    weir_code code;

    switch (event->type) {
    case H2_HEADERS:
        on_headers(stream, event);
        break;
    case H2_DATA:
        on_data(stream, event);
        if (event->end_stream && goes_on(stream, number))
            finish(stream, WEIR_INTERNAL, "the server ended without trailers");
        break;
    case H2_TRAILERS:
        on_end(stream, event->block);
        break;
    case H2_RESET:
        code = event->unprocessed ? WEIR_UNAVAILABLE : wire_status_of_reset(event->code, &text);
        finish(stream, code, event->unprocessed ? "the server takes no more calls here" : text);
        break;
    case H2_WRITABLE:
        push_or_fail(stream);
        break;
    default:
        break;
    }
}

void
stream_on_lost(struct stream *stream, const char *why)
{
    struct worker *worker = worker_of(stream);
    int64_t due = stream->due;

    connection_put(stream->conn, stream);
    worker_on_ended(worker, due, -1, WEIR_UNAVAILABLE, why);
}
