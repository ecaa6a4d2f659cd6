/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a call: conversion between protobuf-c structs and framed bytes. */
#include "rpc/call.h"

#include "base/copy.h"
#include "base/hint.h"

/* A message of at most this size is packed on the stack. */
#define SMALL_MESSAGE 1024

/* ---- receiving ---- */

weir_code
call_refuse(struct weir_call *call, weir_code code, const char *format, ...)
{
    weir_code before = weir_call_code(call);
    va_list args;

    buf_take(&call->incoming, buf_len(&call->incoming));
    call->lent = NULL;
    if (before != WEIR_OK)
        return before;
    va_start(args, format);
    call->message = arena_vprintf(&call->arena, format, args);
    va_end(args);
    if (call->ended)
        call->code = code;
    return code;
}

/* A peer's only message lives as long as the call, even if the user has called weir_call_recycle.
 */
static inline struct arena *
message_memory(struct weir_call *call)
{
    return call->has_scratch && !call_peer_sends_one(call) ? &call->scratch : &call->arena;
}

/* A valid message except for a text. OK: only this message is refused; it counts as taken, and the
 * message is NULL. */
static COLD weir_code
refuse_text(struct weir_call *call, const char *field)
{
    static const char why[] = " has U+0000, which C cannot hold";

    if (call->refusal == NULL)
        return call_refuse(
            call, call->is_server ? WEIR_INVALID_ARGUMENT : WEIR_INTERNAL, "%s%s", field, why);
    *call->refusal = weir_call_printf(call, "%s%s", field, why);
    return *call->refusal == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

static COLD weir_code
refuse_message(
    struct weir_call *call, const ProtobufCMessageDescriptor *type, struct wire_unpacking unpacking)
{
    switch (unpacking.result) {
    case WIRE_TOO_DEEP:
        return call_refuse(call, WEIR_INTERNAL, "messages nested too deep");
    case WIRE_HAS_NUL:
        return refuse_text(call, unpacking.field == NULL ? "a text" : unpacking.field);
    case WIRE_NO_MEMORY:
        return call_refuse(call, WEIR_RESOURCE_EXHAUSTED, "no memory for the message");
    default:
        return call_refuse(call, WEIR_INTERNAL, "the message is not a %s", type->name);
    }
}

static inline weir_code
unpack(struct weir_call *call, const ProtobufCMessageDescriptor *type, const uint8_t *data,
    size_t len, ProtobufCMessage **out_message)
{
    struct wire_unpacking unpacking =
        wire_message_unpack(type, data, len, message_memory(call), out_message);

    return unpacking.result == WIRE_UNPACKED ? WEIR_OK : refuse_message(call, type, unpacking);
}

/* In a message of at least this size, parts stay in `incoming` if that receives nothing more. */
#define LARGE_PART CALL_LENT_MOST

static bool
may_stay(const struct weir_call *call, size_t len)
{
    return len >= LARGE_PART && call->is_server && call->receive_closed &&
           call_peer_sends_one(call) && call->incoming.tail < call->incoming.cap;
}

static APART weir_code
unpack_large(struct weir_call *call, const ProtobufCMessageDescriptor *type, size_t len,
    ProtobufCMessage **out_message)
{
    uint8_t *data = buf_head(&call->incoming) + WIRE_PREFIX_SIZE;
    struct wire_unpacking unpacking =
        wire_message_unpack_within(type, data, len, LARGE_PART, message_memory(call), out_message);

    return unpacking.result == WIRE_UNPACKED ? WEIR_OK : refuse_message(call, type, unpacking);
}

static COLD void
count_too_large(const struct weir_call *call)
{
    if (call->shared->too_large != NULL)
        atomic_fetch_add_explicit(call->shared->too_large, 1, memory_order_relaxed);
}

static bool
is_too_large(const struct weir_call *call, size_t len)
{
    bool too_large = len > call->max_receive;

    if (too_large)
        count_too_large(call);
    return too_large;
}

static COLD weir_code
unpack_gzip(struct weir_call *call, const ProtobufCMessageDescriptor *type, const uint8_t *data,
    size_t len, ProtobufCMessage **out_message)
{
    struct call_shared *shared = call->shared;
    struct buf *plain = &shared->plain;
    weir_code code;

    if (!call->gzip_in)
        return call_refuse(call, WEIR_INTERNAL, "a compressed message without grpc-encoding");
    code = wire_gzip_inflate(&shared->gzip, data, len, call->max_receive, plain);
    if (code == WEIR_OK && !call_hold_inflated(call, buf_len(plain)))
        code = call_refuse(call, WEIR_RESOURCE_EXHAUSTED, "%s", call_too_much_unread);
    else if (code == WEIR_OK)
        code = unpack(call, type, buf_head(plain), buf_len(plain), out_message);
    else if (code == WEIR_OUT_OF_RANGE && is_too_large(call, SIZE_MAX))
        code = call_refuse(
            call, WEIR_RESOURCE_EXHAUSTED, "message larger than %zu bytes", call->max_receive);
    else if (code == WEIR_RESOURCE_EXHAUSTED)
        code = call_refuse(call, WEIR_RESOURCE_EXHAUSTED, "no memory for the message");
    else
        code = call_refuse(call, code, "the message does not inflate");
    buf_reset(plain, CALL_KEEP_BUFFER);
    return code;
}

static const char more_than_one[] = "more than one message in a call that takes one";

weir_code
call_check_single(const struct weir_call *call, size_t *out_missing, const char **out_why)
{
    struct wire_prefix prefix;
    size_t have = buf_len(&call->incoming);

    *out_missing = WIRE_PREFIX_SIZE - have;
    if (have < WIRE_PREFIX_SIZE)
        return WEIR_OK;
    *out_why = "bad flag in front of a message";
    WEIR_TRY(wire_prefix_unpack(buf_head(&call->incoming), &prefix));
    if (is_too_large(call, prefix.len)) {
        *out_why = "message larger than the limit";
        return WEIR_RESOURCE_EXHAUSTED;
    }
    if (have - WIRE_PREFIX_SIZE > prefix.len) {
        *out_why = more_than_one;
        return WEIR_UNIMPLEMENTED;
    }
    *out_missing = WIRE_PREFIX_SIZE + prefix.len - have;
    return WEIR_OK;
}

/* Bytes of a stream were consumed: reopens the window, or after the peer's END_STREAM only returns
 * them to the budget. Single messages have a window for all of it already. */
static void
credit(struct weir_call *call, size_t len)
{
    if (call->transport == NULL ||
        (call_peer_sends_one(call) && !(call->receive_closed && call->let_in)))
        return;
    h2_stream_consumed(call->transport->h2, call->stream, len);
    rpc_transport_touch(call->transport);
}

/* Unpack the complete message at the front of incoming and credit its bytes. May suspend before it
 * inflates one. */
static weir_code
take(struct weir_call *call, const ProtobufCMessageDescriptor *type, struct wire_prefix prefix,
    ProtobufCMessage **out_message)
{
    const uint8_t *data;
    weir_code code;

    if (prefix.compressed)
        WEIR_TRY(call_await_inflating(call));
    data = buf_head(&call->incoming) + WIRE_PREFIX_SIZE;
    code = prefix.compressed            ? unpack_gzip(call, type, data, prefix.len, out_message)
           : may_stay(call, prefix.len) ? unpack_large(call, type, prefix.len, out_message)
                                        : unpack(call, type, data, prefix.len, out_message);

    if (code != WEIR_OK)
        return code;
    if (call->stream != NULL) /* not released yet */
        call->transport->counts.received++;
    call->compressed = prefix.compressed;
    call->comes_since = 0;
    buf_take(&call->incoming, WIRE_PREFIX_SIZE + prefix.len);
    credit(call, WIRE_PREFIX_SIZE + prefix.len);
    return call->watches == NULL || *out_message == NULL ? WEIR_OK
                                                         : call_show_received(call, *out_message);
}

/* How much of a message is at the front of incoming. */
enum front {
    FRONT_PART, /* incomplete */
    FRONT_WHOLE,
    FRONT_FLAG,   /* its prefix has a bad flag */
    FRONT_TOO_BIG /* over the limit */
};

static enum front
look_at_front(const struct weir_call *call, struct wire_prefix *out_prefix)
{
    size_t have = buf_len(&call->incoming);

    *out_prefix = (struct wire_prefix){.len = 0};
    if (have < WIRE_PREFIX_SIZE)
        return FRONT_PART;
    if (wire_prefix_unpack(buf_head(&call->incoming), out_prefix) != WEIR_OK)
        return FRONT_FLAG;
    if (out_prefix->len > call->max_receive)
        return FRONT_TOO_BIG;
    return have - WIRE_PREFIX_SIZE >= out_prefix->len ? FRONT_WHOLE : FRONT_PART;
}

/* A peer that sends one message owes it and END_STREAM; on a stream it owes the rest of a started
 * message. If the window is closed, the delay is ours: the handler is busy. */
bool
call_awaits_rest(const struct weir_call *call)
{
    struct wire_prefix prefix;

    if (call->ended || call->receive_closed || call->stream == NULL ||
        h2_stream_window(call->stream) == 0)
        return false;
    return call_peer_sends_one(call) ||
           (buf_len(&call->incoming) > 0 && look_at_front(call, &prefix) == FRONT_PART);
}

/* Open the window for the rest of the message at the front. False: the budget does not allow it. */
static bool
expect_rest(struct weir_call *call, struct wire_prefix prefix)
{
    size_t have = buf_len(&call->incoming);

    if (have > 0 && call->stream != NULL)
        call_note_part(call);
    return have < WIRE_PREFIX_SIZE || call_expect(call, WIRE_PREFIX_SIZE + prefix.len - have, 0);
}

bool
call_receivable(struct weir_call *call)
{
    struct wire_prefix prefix;

    if (call->deputy != NULL && call->deputy->receivable != NULL)
        return call->deputy->receivable(call);
    return call->ended || call->receive_closed || look_at_front(call, &prefix) != FRONT_PART ||
           !expect_rest(call, prefix);
}

/* The front of incoming is not a valid message. */
static COLD weir_code
refuse_front(struct weir_call *call, enum front front, struct wire_prefix prefix)
{
    if (front == FRONT_FLAG)
        return call_refuse(call, WEIR_INTERNAL, "bad flag in front of a message");
    count_too_large(call);
    return call_refuse(call, WEIR_RESOURCE_EXHAUSTED, "message of %u bytes, larger than %zu",
        prefix.len, call->max_receive);
}

/* OK: a complete message is at the front, or there will be none. */
static APART weir_code
await_front(struct weir_call *call, struct wire_prefix *out_prefix, bool *out_finished)
{
    enum front front;

    for (;;) {
        *out_finished = call->ended && !call->receive_closed;
        if (*out_finished)
            return call->code;
        front = look_at_front(call, out_prefix);
        if (front == FRONT_WHOLE)
            return WEIR_OK;
        if (front != FRONT_PART)
            return refuse_front(call, front, *out_prefix);
        if (!expect_rest(call, *out_prefix))
            return call_refuse(call, WEIR_RESOURCE_EXHAUSTED, "%s", call_too_much_unread);
        if (call->receive_closed) {
            *out_finished = buf_len(&call->incoming) == 0;
            return *out_finished
                       ? WEIR_OK
                       : call_refuse(call, WEIR_INTERNAL, "the stream ended inside a message");
        }
        call_park(call);
    }
}

weir_code
call_take_message(
    struct weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_message)
{
    bool may_take = !call->ended || call->receive_closed, finished;
    struct wire_prefix prefix;
    const char *why;

    if (call->lent != NULL && (why = call_keep_lent(call)) != NULL)
        return call_refuse(call, WEIR_RESOURCE_EXHAUSTED, "%s", why);
    if (!may_take || look_at_front(call, &prefix) != FRONT_WHOLE) {
        WEIR_TRY(await_front(call, &prefix, &finished));
        if (finished) {
            *out_message = NULL;
            return WEIR_OK;
        }
    }
    return take(call, type, prefix, out_message);
}

weir_code
call_refuse_second(struct weir_call *call)
{
    return call_refuse(call, WEIR_UNIMPLEMENTED, "%s", more_than_one);
}

/* ---- a request's single message ---- */

const char *
call_keep_lent(struct weir_call *call)
{
    const uint8_t *data = call->lent;

    call->lent = NULL;
    return call_take_in(call, data, call->lent_len);
}

/* Is the lent content exactly one message, not compressed? */
static bool
lent_is_one(const struct weir_call *call)
{
    struct wire_prefix prefix;

    return call->lent_len >= WIRE_PREFIX_SIZE &&
           wire_prefix_unpack(call->lent, &prefix) == WEIR_OK && !prefix.compressed &&
           prefix.len == call->lent_len - WIRE_PREFIX_SIZE && prefix.len <= call->max_receive;
}

static APART weir_code
take_only_later(
    struct weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_message)
{
    ProtobufCMessage *message = NULL;

    WEIR_TRY(call_take_message(call, type, &message));
    if (message == NULL)
        return weir_fail(call, WEIR_UNIMPLEMENTED, "no message in a call that takes one");
    if (buf_len(&call->incoming) > 0)
        return call_refuse_second(call);
    *out_message = message;
    return WEIR_OK;
}

/* Usually the message is lent, and unpacked in one step. */
weir_code
call_take_only(
    struct weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_message)
{
    const uint8_t *data = call->lent;
    ProtobufCMessage *message;

    if (data == NULL || !lent_is_one(call))
        return take_only_later(call, type, out_message);
    call->lent = NULL;
    WEIR_TRY(
        unpack(call, type, data + WIRE_PREFIX_SIZE, call->lent_len - WIRE_PREFIX_SIZE, &message));
    if (call->stream != NULL) /* not released yet */
        call->transport->counts.received++;
    if (call->watches != NULL)
        WEIR_TRY(call_show_received(call, message));
    *out_message = message;
    return WEIR_OK;
}

void
call_drop_messages(struct weir_call *call)
{
    while (!call->ended) {
        credit(call, buf_len(&call->incoming));
        buf_take(&call->incoming, buf_len(&call->incoming));
        call_park(call);
    }
}

/* ---- sending ---- */

static bool
pack_in_place(struct weir_call *call, const ProtobufCMessage *message, size_t len, bool last)
{
    uint8_t *place = h2_stream_send_data_in_place(
        call->transport->h2, call->stream, WIRE_PREFIX_SIZE + len, last);

    if (place == NULL)
        return false;
    wire_prefix_pack(place, false, (uint32_t)len);
    protobuf_c_message_pack(message, place + WIRE_PREFIX_SIZE);
    return true;
}

weir_code
call_closed_for_sending(struct weir_call *call)
{
    if (call->ended)
        return call->code != WEIR_OK ? call->code : WEIR_FAILED_PRECONDITION;
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory to send with");
}

/* Packs a message directly into DATA frames, and parks while there is no room for the next frame.
 * While a frame is being filled, nothing else uses the connection. */
struct writer {
    ProtobufCBuffer base;
    struct weir_call *call;
    uint8_t *at; /* the write position in the frame */
    size_t frame_left, left;
    size_t run; /* bytes of `left` before the next part that is lent */
    bool last;
    weir_code code; /* not OK: the rest is discarded */
};

/* For window_timeout. */
static void
note_wait(struct weir_call *call)
{
    if (call->waits_since != 0)
        return;
    call->waits_since = loop_now(call->loop);
    call->transport->has_waited = true;
    call->waits_left = CALL_PROGRESS;
}

static void
note_room(struct weir_call *call, size_t room)
{
    if (room >= call->waits_left)
        call->waits_since = 0;
    else
        call->waits_left -= (uint32_t)room;
}

/* Wait for room; returns the bytes of it. 0: the call has ended. Suspends. */
static size_t
wait_for_room(struct weir_call *call)
{
    size_t room;

    while (!call->ended && call->stream != NULL) {
        room = h2_stream_room(call->transport->h2, call->stream);
        if (room > 0) {
            note_room(call, room);
            return room;
        }
        note_wait(call);
        h2_stream_want_room(call->transport->h2, call->stream);
        call_park(call);
    }
    return 0;
}

static bool
begin_frame(struct writer *writer)
{
    struct weir_call *call = writer->call;
    size_t len = wait_for_room(call);

    writer->at = NULL;
    if (len > 0) {
        if (len > h2_conn_max_frame(call->transport->h2))
            len = h2_conn_max_frame(call->transport->h2);
        if (len > writer->run)
            len = writer->run;
        writer->at = h2_stream_send_data_in_place(
            call->transport->h2, call->stream, len, writer->last && len == writer->left);
        rpc_transport_touch(call->transport);
    }
    if (writer->at == NULL)
        writer->code = call_closed_for_sending(call);
    else
        writer->frame_left = len;
    return writer->at != NULL;
}

static void
append(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
    struct writer *writer = container_of(base, struct writer, base);
    size_t piece;

    while (len > 0 && writer->left > 0) {
        if (writer->code != WEIR_OK || (writer->frame_left == 0 && !begin_frame(writer)))
            return;
        piece = len < writer->frame_left ? len : writer->frame_left;
        memcpy(writer->at, data, piece);
        writer->at += piece;
        writer->frame_left -= piece;
        writer->left -= piece;
        writer->run -= piece;
        data += piece;
        len -= piece;
    }
    if (writer->left == 0)
        writer->call->waits_since = 0;
}

/* The minimum size for which saving the copy is worth a write of its own. */
#define LEND_LEAST ((size_t)32 * 1024)

/* Send as much as there is room for; the data must not change meanwhile. `end`: END_STREAM follows
 * the last byte. Returns the number of bytes; 0: failure. */
static size_t
send_some(struct weir_call *call, const uint8_t *data, size_t len, bool end)
{
    struct rpc_transport *transport = call->transport;
    size_t piece = transport->full ? 0 : h2_stream_lendable(transport->h2, call->stream);

    if (piece > len)
        piece = len;
    if (piece >= LEND_LEAST) {
        if (!h2_stream_lend_data(transport->h2, call->stream, data, piece, end && piece == len))
            return 0;
        return piece - rpc_transport_write_lent(transport);
    }
    piece = h2_stream_room(transport->h2, call->stream);
    if (piece > len)
        piece = len;
    if (!h2_stream_send_data(transport->h2, call->stream, data, piece, end && piece == len))
        return 0;
    rpc_transport_touch(transport);
    return piece;
}

/* Append data that does not change until the message is sent. */
static void
append_lent(struct writer *writer, const uint8_t *data, size_t len)
{
    struct weir_call *call = writer->call;
    size_t sent;

    while (len > 0 && writer->code == WEIR_OK) {
        sent = wait_for_room(call) == 0
                   ? 0
                   : send_some(call, data, len, writer->last && len == writer->left);
        if (sent == 0) {
            writer->code = call_closed_for_sending(call);
            return;
        }
        writer->left -= sent;
        data += sent;
        len -= sent;
    }
    if (writer->left == 0)
        call->waits_since = 0;
}

static weir_code
finish_writer(const struct writer *writer, size_t len)
{
    if (writer->code != WEIR_OK && writer->left < len)
        writer->call->torn = true;
    return writer->code;
}

static weir_code
send_piecemeal(struct weir_call *call, const ProtobufCMessage *message, size_t len, bool last)
{
    struct writer writer = {.base = {append},
        .call = call,
        .left = WIRE_PREFIX_SIZE + len,
        .run = WIRE_PREFIX_SIZE + len,
        .last = last};
    uint8_t prefix[WIRE_PREFIX_SIZE];

    wire_prefix_pack(prefix, false, (uint32_t)len);
    append(&writer.base, sizeof(prefix), prefix);
    protobuf_c_message_pack_to_buffer(message, &writer.base);
    if (writer.code != WEIR_OK || writer.left == 0)
        return finish_writer(&writer, WIRE_PREFIX_SIZE + len);
    memset(writer.at, 0, writer.frame_left);
    return weir_fail(call, WEIR_INTERNAL, "the message was changed while it was being sent");
}

/* Send a framed message as room becomes available. Suspends. */
static APART weir_code
send_framed(struct weir_call *call, const uint8_t *framed, size_t len, bool last)
{
    struct writer writer = {.base = {append}, .call = call, .left = len, .run = len, .last = last};

    append(&writer.base, len, framed);
    return finish_writer(&writer, len);
}

/* The total length of the consecutive packed parts that start at `part`. */
static size_t
run_of(const struct wire_parts *parts, size_t part)
{
    size_t len = 0;

    for (; part < WIRE_PARTS && parts->list[part].len < LEND_LEAST; part++)
        len += parts->list[part].len;
    return len;
}

/* The first part includes the prefix. Suspends. */
static weir_code
send_parts(struct weir_call *call, const struct wire_parts *parts, bool last)
{
    struct writer writer = {.base = {append}, .call = call, .left = parts->len, .last = last};

    for (size_t i = parts->first; i < WIRE_PARTS; i++) {
        if (parts->list[i].len >= LEND_LEAST) {
            append_lent(&writer, parts->list[i].data, parts->list[i].len);
            continue;
        }
        if (writer.run == 0)
            writer.run = run_of(parts, i);
        append(&writer.base, parts->list[i].len, parts->list[i].data);
    }
    return finish_writer(&writer, parts->len);
}

/* Takes the buffer out of `shared` while it waits for room. */
static weir_code
send_deflated(struct weir_call *call, const ProtobufCMessage *message, size_t len, bool last)
{
    struct call_shared *shared = call->shared;
    weir_code code = call_deflate(call, message, len);
    struct buf framed = shared->framed;

    if (code != WEIR_OK)
        return code;
    shared->framed = (struct buf)BUF_EMPTY;
    code = send_framed(call, buf_head(&framed), buf_len(&framed), last);
    call_return_buffer(&shared->framed, &framed);
    return code;
}

/* A server's first message is preceded by the response headers. */
static weir_code
send_headers_first(struct weir_call *call)
{
    return call->is_server ? call_send_response_headers(call) : WEIR_OK;
}

/* There is space for the prefix before the packed message. */
static APART weir_code
send_small_later(struct weir_call *call, uint8_t *packed, size_t len, bool last)
{
    uint8_t *framed = packed - WIRE_PREFIX_SIZE;

    wire_prefix_pack(framed, false, (uint32_t)len);
    len += WIRE_PREFIX_SIZE;
    WEIR_TRY(send_headers_first(call));
    if (h2_stream_send_data(call->transport->h2, call->stream, framed, len, last))
        return WEIR_OK;
    return send_framed(call, framed, len, last);
}

static inline weir_code
send_small(struct weir_call *call, uint8_t *packed, size_t len, bool last)
{
    uint8_t *place = NULL;

    if (call->is_server && !call->headers_sent)
        place = call_send_opening(call, WIRE_PREFIX_SIZE + len);
    if (place == NULL)
        return send_small_later(call, packed, len, last);
    wire_prefix_pack(place, false, (uint32_t)len);
    copy_bytes(place + WIRE_PREFIX_SIZE, packed, len);
    return WEIR_OK;
}

static bool
is_deflated(const struct weir_call *call)
{
    return call->gzip_out && !call->gzip_refused;
}

static COLD weir_code
refuse_to_send(struct weir_call *call, size_t len)
{
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "message of %zu bytes, larger than %zu", len,
        call->max_send);
}

/* Pack a message with a few long strings into parts. False: it has none, or too much besides them.
 */
static bool
pack_parts(const ProtobufCMessage *message, uint8_t *room, struct wire_parts *parts)
{
    struct wire_part *first;

    if (!wire_message_pack_parts(
            message, room + WIRE_PREFIX_SIZE, SMALL_MESSAGE - WIRE_PREFIX_SIZE, parts) ||
        parts->first == WIRE_PARTS || parts->len > UINT32_MAX - WIRE_PREFIX_SIZE)
        return false;
    /* It starts with a tag, which is in `room`. */
    first = &parts->list[parts->first];
    first->data -= WIRE_PREFIX_SIZE;
    first->len += WIRE_PREFIX_SIZE;
    wire_prefix_pack(room + (first->data - room), false, (uint32_t)parts->len);
    parts->len += WIRE_PREFIX_SIZE;
    return true;
}

/* Packed by protobuf-c. */
static weir_code
send_packed(struct weir_call *call, const ProtobufCMessage *message, bool last)
{
    size_t len = protobuf_c_message_get_packed_size(message), framed = WIRE_PREFIX_SIZE + len;

    if (len > call->max_send)
        return refuse_to_send(call, len);
    WEIR_TRY(send_headers_first(call));
    if (is_deflated(call) && len > 0)
        return send_deflated(call, message, len, last);
    if (framed > h2_stream_room(call->transport->h2, call->stream) ||
        framed > h2_conn_max_frame(call->transport->h2))
        return send_piecemeal(call, message, len, last);
    return pack_in_place(call, message, len, last) ? WEIR_OK : call_closed_for_sending(call);
}

static APART weir_code
send_large(struct weir_call *call, const ProtobufCMessage *message, uint8_t *room, bool last)
{
    struct wire_parts parts;
    struct arena zeros;
    const ProtobufCMessage *kept;
    weir_code code;

    if (!is_deflated(call) && pack_parts(message, room, &parts)) {
        if (parts.len - WIRE_PREFIX_SIZE > call->max_send)
            return refuse_to_send(call, parts.len - WIRE_PREFIX_SIZE);
        WEIR_TRY(send_headers_first(call));
        return send_parts(call, &parts, last);
    }
    arena_init(&zeros, NULL, 0);
    kept = wire_message_keep_zeros(&zeros, message);
    code = kept == NULL ? call_closed_for_sending(call) : send_packed(call, kept, last);
    arena_fini(&zeros);
    return code;
}

static INLINE weir_code
pack_and_send(struct weir_call *call, const ProtobufCMessage *message, bool last)
{
    uint8_t room[SMALL_MESSAGE], *packed;
    size_t len;

    if (is_deflated(call) || !wire_message_pack(message, room + WIRE_PREFIX_SIZE,
                                 sizeof(room) - WIRE_PREFIX_SIZE, &packed))
        return send_large(call, message, room, last);
    len = (size_t)(room + sizeof(room) - packed);
    if (len > call->max_send)
        return refuse_to_send(call, len);
    return send_small(call, packed, len, last);
}

static APART weir_code
show_and_send(struct weir_call *call, const ProtobufCMessage *message, bool last)
{
    WEIR_TRY(call_show_sending(call, message));
    return call_send_shown(call, message, last);
}

weir_code
call_send_message(struct weir_call *call, const ProtobufCMessage *message, bool last)
{
    return call->watches == NULL ? call_send_shown(call, message, last)
                                 : show_and_send(call, message, last);
}

weir_code
call_send_shown(struct weir_call *call, const ProtobufCMessage *message, bool last)
{
    if (call->ended || call->stream == NULL)
        return call_closed_for_sending(call);
    if (call->send_closed)
        return weir_fail(call, WEIR_FAILED_PRECONDITION, "sent after the last message");
    WEIR_TRY(pack_and_send(call, message, last));
    call->send_closed = last;
    call->transport->counts.sent++;
    rpc_transport_touch(call->transport);
    return WEIR_OK;
}
