/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of frames, and handling of the simple ones.
 *
 * DATA and frames of unknown type are processed in pieces as they arrive; all others once complete.
 */
#include "http2/h2_internal.h"

#define EMPTY_FRAMES_MAX 100

/* ---- DATA ---- */

enum h2_step
h2_take_data_piece(struct h2_conn *conn, struct h2_input *in, struct h2_event *event)
{
    struct h2_slot *slot = conn->data_slot;
    size_t len = conn->data_left;

    if (in->left < len)
        len = in->left;
    if (len == 0 && conn->data_left > 0)
        return H2_STEP_INCOMPLETE;
    event->type = H2_DATA;
    event->stream = &slot->open;
    event->data = in->at;
    event->len = len;
    h2_input_skip(in, len);
    conn->data_left -= (uint32_t)len;
    if (conn->data_left > 0)
        return H2_STEP_EVENT;
    conn->data_slot = NULL;
    event->end_stream = conn->data_end;
    if (conn->data_end)
        slot->flags |= H2_GOT_END;
    return H2_STEP_EVENT;
}

static enum h2_step
take_useless_data(struct h2_conn *conn, struct h2_event *event)
{
    if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many frames on closed streams");
    return H2_STEP_ON;
}

/* DATA on a closed stream (RFC 9113, sections 5.1 and 6.1). The payload is skipped, up to the
 * window that was open when the stream was reset, however small the frames: a client that has sent
 * many messages ahead is not punished when its call is refused. */
static enum h2_step
take_late_data(struct h2_conn *conn, const struct h2_frame *frame, const struct h2_slot *slot,
    struct h2_event *event)
{
    switch (h2_how_gone(conn, frame->id, slot)) {
    case H2_GONE_ENDED:
        return h2_fail(conn, event, H2_STREAM_CLOSED, "DATA on a closed stream");
    case H2_GONE_RESET_HERE:
        if (frame->len == 0)
            return take_useless_data(conn, event);
        if (!h2_flow_receive_late(conn, frame->len))
            return h2_fail(conn, event, H2_FLOW_CONTROL_ERROR,
                "more DATA on streams that were reset than their windows allow");
        return H2_STEP_ON;
    case H2_GONE_FORGOTTEN:
        return take_useless_data(conn, event);
    default:
        return h2_stream_error(conn, frame->id, NULL, H2_STREAM_CLOSED, event);
    }
}

/* Validate a DATA frame on an open stream. */
static enum h2_code
check_data(const struct h2_conn *conn, const struct h2_slot *slot, const struct h2_frame *frame,
    uint32_t payload)
{
    bool ends = (frame->flags & H2_FLAG_END_STREAM) != 0;

    if ((slot->flags & H2_GOT_END) != 0)
        return H2_STREAM_CLOSED; /* 5.1, half-closed (remote) */
    if ((slot->flags & H2_GOT_HEADERS) == 0)
        return H2_PROTOCOL_ERROR; /* 8.1: headers must come first */
    if (frame->len > conn->max_frame)
        return H2_FRAME_SIZE_ERROR; /* 4.2 */
    if ((int64_t)frame->len > slot->receive_window)
        return H2_FLOW_CONTROL_ERROR; /* 6.9.1 */
    if (slot->content_left >= 0 &&
        (payload > slot->content_left || (ends && payload < slot->content_left)))
        return H2_PROTOCOL_ERROR; /* 8.1.1: content-length */
    return H2_NO_ERROR;
}

static void
count_data(struct h2_slot *slot, const struct h2_frame *frame, uint32_t payload)
{
    slot->receive_window -= (int32_t)frame->len;
    if (slot->content_left >= 0)
        slot->content_left -= payload;
}

static void
note_content(struct h2_conn *conn)
{
    conn->empty_frames = conn->settings_frames = 0;
    h2_progress(conn);
}

static enum h2_step
count_empty(struct h2_conn *conn, struct h2_event *event)
{
    if (++conn->empty_frames > EMPTY_FRAMES_MAX)
        return h2_fail_limit(conn, event, H2_LIMIT_EMPTY_FRAMES, "too many empty DATA frames");
    return H2_STEP_ON;
}

static enum h2_step
accept_data(struct h2_conn *conn, struct h2_input *in, const struct h2_frame *frame,
    struct h2_slot *slot, uint32_t payload, struct h2_event *event)
{
    count_data(slot, frame, payload);
    conn->skip -= payload;
    /* Padding counts for flow control but is never consumed by the user: credit it here (RFC 9113,
     * section 6.9.1). */
    if (frame->len > payload)
        h2_flow_consumed(conn, slot, frame->len - payload);
    conn->data_end = (frame->flags & H2_FLAG_END_STREAM) != 0;
    if (payload == 0 && !conn->data_end)
        return count_empty(conn, event);
    note_content(conn);
    conn->data_slot = slot;
    conn->data_left = payload;
    return h2_take_data_piece(conn, in, event);
}

/* Consumes the frame header and pad length from the input. Flow control counts the whole frame,
 * even if it is discarded (RFC 9113, section 6.9). */
static enum h2_step
begin_data(struct h2_conn *conn, struct h2_input *in, const struct h2_frame *frame, uint32_t before,
    uint32_t pad, struct h2_event *event)
{
    struct h2_slot *slot = h2_slot_find(conn, frame->id);
    uint32_t payload = frame->len - before - pad;
    enum h2_code code;

    if (slot == NULL && h2_is_idle(conn, frame->id))
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "DATA on an idle stream");
    if (!h2_flow_receive(conn, frame->len))
        return h2_fail(conn, event, H2_FLOW_CONTROL_ERROR, "more DATA than the window allows");
    h2_input_skip(in, H2_FRAME_HEADER + before);
    conn->skip = payload + pad;
    if (slot == NULL || h2_slot_closed(slot))
        return take_late_data(conn, frame, slot, event);
    code = check_data(conn, slot, frame, payload);
    if (code != H2_NO_ERROR)
        return h2_stream_error(conn, frame->id, slot, code, event);
    return accept_data(conn, in, frame, slot, payload, event);
}

enum h2_step
h2_take_data(
    struct h2_conn *conn, struct h2_input *in, const struct h2_frame *frame, struct h2_event *event)
{
    uint32_t before = 0, pad = 0;

    if (frame->id == 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "DATA on stream 0");
    if ((frame->flags & H2_FLAG_PADDED) != 0) {
        if (frame->len == 0)
            return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "no room for the pad length");
        if (in->left <= H2_FRAME_HEADER)
            return H2_STEP_INCOMPLETE;
        before = 1;
        pad = in->at[H2_FRAME_HEADER];
        /* RFC 9113, section 6.1. */
        if (pad >= frame->len)
            return h2_fail(conn, event, H2_PROTOCOL_ERROR, "more pads than DATA");
    }
    return begin_data(conn, in, frame, before, pad, event);
}

static enum h2_step
skip_payload(struct h2_conn *conn, struct h2_input *in)
{
    size_t len = conn->skip < in->left ? conn->skip : in->left;

    if (len == 0)
        return H2_STEP_INCOMPLETE;
    h2_input_skip(in, len);
    conn->skip -= (uint32_t)len;
    return H2_STEP_ON;
}

/* ---- RST_STREAM, PRIORITY ---- */

/* RFC 9113, section 6.4: a connection error. But gRPC's C core, and so C++, Python and Ruby,
 * occasionally resets a stream whose HEADERS it never sent (grpc/grpc#19655), which must not fail a
 * client's other calls: once a client has opened a stream, such a reset is only charged to the
 * limit of resets. */
static enum h2_step
take_idle_reset(struct h2_conn *conn, uint32_t id, struct h2_event *event)
{
    if (!conn->is_server || conn->last_id == 0 || (id & 1) == 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "RST_STREAM on an idle stream");
    if (!h2_reset_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_RESETS, "too many streams were reset");
    return H2_STEP_ON;
}

static enum h2_step
take_rst_stream(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    struct h2_slot *slot = h2_slot_find(conn, frame->id);

    if (frame->len != 4)
        return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "RST_STREAM of a wrong size");
    if (slot == NULL && h2_is_idle(conn, frame->id))
        return take_idle_reset(conn, frame->id, event);
    if (slot == NULL || h2_slot_closed(slot)) {
        if (!h2_idle_frame_allowed(conn))
            return h2_fail_limit(conn, event, H2_LIMIT_RESETS, "too many RST_STREAM frames");
        return H2_STEP_ON;
    }
    /* A request was reset before it was answered. */
    if (conn->is_server && (slot->flags & H2_SENT_END) == 0 &&
        !h2_stream_reset_allowed(conn, frame->id))
        return h2_fail_limit(conn, event, H2_LIMIT_RESETS, "too many streams were reset");
    h2_slot_detach(conn, slot);
    slot->flags |= H2_RESET_THERE;
    event->type = H2_RESET;
    event->stream = &slot->open;
    event->code = (enum h2_code)load_be32(frame->payload);
    event->remote = true;
    event->unprocessed = !conn->is_server && event->code == H2_REFUSED_STREAM;
    return H2_STEP_EVENT;
}

/* Priorities are ignored (RFC 9113, section 5.3.2), but the frames must be well-formed. */
static enum h2_step
take_priority(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    enum h2_code code = H2_NO_ERROR;

    if (frame->id == 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "PRIORITY on stream 0");
    if (frame->len != 5)
        code = H2_FRAME_SIZE_ERROR;
    else if ((load_be32(frame->payload) & H2_ID_MAX) == frame->id)
        code = H2_PROTOCOL_ERROR;
    if (code != H2_NO_ERROR)
        return h2_stream_error(conn, frame->id, h2_slot_find(conn, frame->id), code, event);
    if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many PRIORITY frames");
    return H2_STEP_ON;
}

/* ---- PING, GOAWAY ---- */

static enum h2_step
take_ping(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    if (frame->id != 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "PING on a stream");
    if (frame->len != 8)
        return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "PING of a wrong size");
    if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many PING frames");
    if ((frame->flags & H2_FLAG_ACK) != 0) {
        event->type = H2_PING_ACK;
        event->opaque = (uint64_t)load_be32(frame->payload) << 32 | load_be32(frame->payload + 4);
        return h2_flow_probed(conn, event->opaque) ? H2_STEP_ON : H2_STEP_EVENT;
    }
    if (!h2_ping_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PINGS, "too_many_pings");
    if (!h2_reply_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_CONTROL_FRAMES, "replies are not read");
    h2_send_frame(conn, H2_FRAME_PING, H2_FLAG_ACK, 0, frame->payload, 8);
    return H2_STEP_ON;
}

static bool
lose_above(struct h2_conn *conn, struct h2_slot *slot, int64_t last)
{
    if (slot->open.id != 0 && slot->open.id <= last)
        return true;
    h2_slot_detach(conn, slot);
    slot->flags |= H2_RESET_THERE;
    list_push(&conn->lost, &slot->link);
    return true;
}

static enum h2_step
take_goaway(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    uint32_t last;

    if (frame->id != 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "GOAWAY on a stream");
    if (frame->len < 8)
        return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "GOAWAY of a wrong size");
    last = load_be32(frame->payload) & H2_ID_MAX;
    /* RFC 9113, section 6.8; and a client's streams are odd. */
    if (last > conn->peer_goaway_last || (!conn->is_server && last != 0 && (last & 1) == 0))
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "GOAWAY names a wrong stream");
    if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many GOAWAY frames");
    conn->peer_goaway_last = last;
    conn->goaway_received = true;
    if (!conn->is_server)
        h2_slots_each(conn, lose_above, last);
    event->type = H2_GOAWAY;
    event->code = (enum h2_code)load_be32(frame->payload + 4);
    event->data = frame->payload + 8;
    event->len = frame->len - 8;
    return H2_STEP_EVENT;
}

/* ---- all frames ---- */

/* All types except DATA, HEADERS and CONTINUATION. */
static APART enum h2_step
take_whole(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    switch (frame->type) {
    case H2_FRAME_PRIORITY:
        return take_priority(conn, frame, event);
    case H2_FRAME_RST_STREAM:
        return take_rst_stream(conn, frame, event);
    case H2_FRAME_SETTINGS:
        return h2_take_settings(conn, frame, event);
    case H2_FRAME_PING:
        return take_ping(conn, frame, event);
    case H2_FRAME_GOAWAY:
        return take_goaway(conn, frame, event);
    case H2_FRAME_WINDOW_UPDATE:
        return h2_take_window_update(conn, frame, event);
    default:
        /* RFC 9113, section 8.4: clients cannot push, and our SETTINGS forbid it to servers. */
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "PUSH_PROMISE");
    }
}

/* RFC 9113, sections 3.4 and 6.10: SETTINGS come first, and no other frame may come between those
 * of a header block. */
static bool
is_in_order(const struct h2_conn *conn, struct h2_frame frame)
{
    if (conn->phase == H2_PHASE_SETTINGS)
        return frame.type == H2_FRAME_SETTINGS && (frame.flags & H2_FLAG_ACK) == 0;
    return conn->block_id == 0 ||
           (frame.type == H2_FRAME_CONTINUATION && frame.id == conn->block_id);
}

/* RFC 9113, section 5.5: ignored. */
static enum h2_step
take_unknown(
    struct h2_conn *conn, struct h2_input *in, const struct h2_frame *frame, struct h2_event *event)
{
    if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many frames of unknown types");
    h2_input_skip(in, H2_FRAME_HEADER);
    conn->skip = frame->len;
    return H2_STEP_ON;
}

static enum h2_step
begin_other(
    struct h2_conn *conn, struct h2_input *in, const struct h2_frame *frame, struct h2_event *event)
{
    if (frame->type == H2_FRAME_DATA)
        return h2_take_data(conn, in, frame, event);
    if (frame->len > conn->max_frame)
        return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "frame is too large");
    if (frame->type > H2_FRAME_CONTINUATION)
        return take_unknown(conn, in, frame, event);
    if (in->left - H2_FRAME_HEADER < frame->len)
        return H2_STEP_INCOMPLETE;
    h2_input_skip(in, H2_FRAME_HEADER + frame->len);
    return take_whole(conn, frame, event);
}

/* A server of HTTP/1 answers the preface in its own way, at a port that was mistaken for gRPC's. */
static COLD enum h2_step
refuse_order(struct h2_conn *conn, const struct h2_input *in, struct h2_event *event)
{
    static const char version[] = "HTTP/1.";
    bool first = !conn->is_server && conn->phase == H2_PHASE_SETTINGS;

    if (first && memcmp(in->at, version, sizeof(version) - 1) == 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "the server speaks HTTP/1");
    return h2_fail(conn, event, H2_PROTOCOL_ERROR, "frame out of order");
}

static bool
is_whole_block(const struct h2_conn *conn, const struct h2_input *in, struct h2_frame frame)
{
    return (frame.type == H2_FRAME_HEADERS || frame.type == H2_FRAME_CONTINUATION) &&
           frame.len <= conn->max_frame && frame.len <= in->left - H2_FRAME_HEADER;
}

static enum h2_step
begin_frame(struct h2_conn *conn, struct h2_input *in, struct h2_event *event)
{
    struct h2_frame frame = h2_frame_read(in->at), same;

    if (!is_in_order(conn, frame))
        return refuse_order(conn, in, event);
    if (is_whole_block(conn, in, frame)) {
        h2_input_skip(in, H2_FRAME_HEADER + frame.len);
        return h2_take_headers(conn, frame, event);
    }
    same = frame; /* so that `frame` can stay in registers on the path of header blocks */
    return begin_other(conn, in, &same, event);
}

/* Continue the incomplete frame. */
static APART enum h2_step
go_on(struct h2_conn *conn, struct h2_input *in, struct h2_event *event)
{
    return conn->data_left > 0 ? h2_take_data_piece(conn, in, event) : skip_payload(conn, in);
}

enum h2_step
h2_take_frame(struct h2_conn *conn, struct h2_input *in, struct h2_event *event)
{
    if ((conn->data_left | conn->skip) != 0)
        return go_on(conn, in, event);
    if (in->left < H2_FRAME_HEADER)
        return H2_STEP_INCOMPLETE;
    return begin_frame(conn, in, event);
}

/* Is this frame valid, and all of the stream's content? */
static bool
is_content(const struct h2_conn *conn, const struct h2_slot *slot, const struct h2_frame *frame)
{
    return frame->type == H2_FRAME_DATA && frame->flags == H2_FLAG_END_STREAM &&
           frame->id == slot->open.id && (int64_t)frame->len <= conn->receive_window &&
           check_data(conn, slot, frame, frame->len) == H2_NO_ERROR;
}

bool
h2_stream_take_content(struct h2_conn *conn, struct h2_stream *stream, struct h2_input *in,
    const uint8_t **out_data, size_t *out_len)
{
    struct h2_slot *slot = h2_slot_of(stream);
    struct h2_frame frame;

    if (in->left < H2_FRAME_HEADER)
        return false;
    frame = h2_frame_read(in->at);
    if (frame.len > in->left - H2_FRAME_HEADER || !is_content(conn, slot, &frame) ||
        !h2_flow_receive(conn, frame.len))
        return false;
    count_data(slot, &frame, frame.len);
    slot->flags |= H2_GOT_END;
    h2_input_skip(in, H2_FRAME_HEADER + frame.len);
    *out_data = frame.payload;
    *out_len = frame.len;
    return true;
}
