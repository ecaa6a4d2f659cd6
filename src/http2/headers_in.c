/* SPDX-License-Identifier: Apache-2.0 */
/* HEADERS and CONTINUATION: assemble the block, decode it, and dispatch it.
 *
 * Every block is decoded, also those of closed or refused streams: the peer's table has changed,
 * and ours must stay in sync (RFC 9113, section 4.3). A block in one frame is decoded in place. */
#include "http2/h2_internal.h"

#define CONTINUATIONS_MAX 8
/* Limit of the encoded bytes of a block over all its frames, as a multiple of max_header_list: a
 * longer block cannot be within that limit. */
#define BLOCK_PER_LIST 4

/* A header block and its origin. */
struct head {
    uint32_t id;
    bool end_stream, depends_on_itself;
    bool whole;          /* complete: no CONTINUATION follows */
    const uint8_t *data; /* encoded */
    size_t len;
};

static struct hpack_decoder *
new_decoder(const struct h2_conn *conn)
{
    struct hpack_decoder *decoder = hpack_decoder_new(H2_TABLE_SIZE, conn->max_header_list);

    if (decoder != NULL && conn->budget != NULL)
        hpack_decoder_count(decoder, &conn->budget->held);
    return decoder;
}

/* The block is valid until the next one is decoded; NULL: failed. */
static inline enum h2_step
decode(struct h2_conn *conn, const uint8_t *data, size_t len, struct h2_block **out_block,
    struct h2_event *event)
{
    struct h2_block *block = NULL;
    enum hpack_result result = HPACK_NO_MEMORY;

    *out_block = NULL;
    if (conn->decoder == NULL)
        conn->decoder = new_decoder(conn);
    if (conn->decoder != NULL)
        result = hpack_decode(conn->decoder, data, len, &block);
    if (result == HPACK_BROKEN)
        return h2_fail(conn, event, H2_COMPRESSION_ERROR, "header block cannot be decoded");
    if (result != HPACK_OK)
        return h2_fail(conn, event, H2_INTERNAL_ERROR, "out of memory");
    h2_block_unref(conn->lent);
    conn->lent = *out_block = block;
    return H2_STEP_ON;
}

static enum h2_step
tell(struct h2_conn *conn, struct h2_slot *slot, struct h2_block *block, bool end_stream,
    unsigned flag, struct h2_event *event)
{
    slot->flags |= flag | (end_stream ? H2_GOT_END : 0);
    event->type = flag == 0 ? H2_TRAILERS : H2_HEADERS;
    event->stream = &slot->open;
    event->block = block;
    event->end_stream = end_stream;
    h2_progress(conn);
    return H2_STEP_EVENT;
}

/* Reject a header list over the limit; the work of decoding it is charged. */
static enum h2_step
refuse_list(struct h2_conn *conn, uint32_t id, struct h2_slot *slot, const struct h2_block *block,
    struct h2_event *event)
{
    h2_limit_hit(conn, H2_LIMIT_HEADER_LIST);
    h2_pay_for_list(conn, block->list_size);
    return h2_stream_error(conn, id, slot, H2_ENHANCE_YOUR_CALM, event);
}

/* ---- requests ---- */

/* A new stream that is not reported to the user. */
static void
turn_away(struct h2_conn *conn, uint32_t id)
{
    h2_remember(conn, id, H2_GONE_RESET_HERE);
    h2_flow_let_late(conn, (int32_t)conn->stream_window_used);
}

static enum h2_step
refuse(struct h2_conn *conn, uint32_t id, enum h2_code code, struct h2_event *event)
{
    turn_away(conn, id);
    return h2_stream_error(conn, id, NULL, code, event);
}

/* A request after the last GOAWAY is ignored (RFC 9113, section 6.8). */
static enum h2_step
drop(struct h2_conn *conn, struct h2_event *event)
{
    h2_flow_let_late(conn, (int32_t)conn->stream_window_used);
    if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many streams after GOAWAY");
    return H2_STEP_ON;
}

/* A list this long counts towards the memory budget like content, as it is kept while its call
 * lasts. */
#define LONG_LIST 2048

static bool
is_long_and_too_much(const struct h2_conn *conn, const struct h2_block *block)
{
    const struct h2_budget *budget = conn->budget;

    return block->list_size > LONG_LIST && budget != NULL && budget->held_limit > 0 &&
           budget->held > budget->held_limit;
}

static enum h2_step
take_request(struct h2_conn *conn, struct head head, struct h2_block *block, struct h2_event *event)
{
    struct h2_message message;
    struct h2_slot *slot;

    h2_count_opened(conn);
    conn->last_id = head.id;
    if (block->too_large) {
        turn_away(conn, head.id);
        return refuse_list(conn, head.id, NULL, block, event);
    }
    if (head.id > conn->goaway_last)
        return drop(conn, event);
    if (head.depends_on_itself || !h2_message_read_request(block, &message) ||
        (head.end_stream && message.content_length > 0))
        return refuse(conn, head.id, H2_PROTOCOL_ERROR, event);
    if (conn->held >= conn->max_streams) {
        h2_limit_hit(conn, H2_LIMIT_STREAMS);
        return refuse(conn, head.id, H2_REFUSED_STREAM, event);
    }
    if (is_long_and_too_much(conn, block)) {
        h2_limit_hit(conn, H2_LIMIT_HELD);
        return refuse(conn, head.id, H2_REFUSED_STREAM, event);
    }
    if (!h2_answers_are_read(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_CONTROL_FRAMES, "answers are not read");
    slot = h2_slot_take(conn);
    if (slot == NULL)
        return h2_fail(conn, event, H2_INTERNAL_ERROR, "out of memory");
    h2_slot_number(conn, slot, head.id);
    slot->content_left = message.content_length;
    return tell(conn, slot, block, head.end_stream, H2_GOT_HEADERS, event);
}

/* ---- responses ---- */

/* Responses without content, whatever their content-length (RFC 9110, section 6.4.1). */
static bool
has_no_content(const struct h2_slot *slot, int status)
{
    return (slot->flags & H2_SENT_HEAD) != 0 || status == 204 || status == 304;
}

static enum h2_step
take_response(struct h2_conn *conn, struct h2_slot *slot, const struct head *head,
    struct h2_block *block, struct h2_event *event)
{
    struct h2_message message;

    if (!h2_message_read_response(block, &message))
        return h2_stream_error(conn, head->id, slot, H2_PROTOCOL_ERROR, event);
    if (message.status < 200) {
        /* RFC 9113, section 8.1: an interim response cannot have END_STREAM. */
        if (head->end_stream)
            return h2_stream_error(conn, head->id, slot, H2_PROTOCOL_ERROR, event);
        if (!h2_idle_frame_allowed(conn))
            return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many interim responses");
        return H2_STEP_ON;
    }
    if (!has_no_content(slot, message.status)) {
        slot->content_left = message.content_length;
        if (head->end_stream && message.content_length > 0)
            return h2_stream_error(conn, head->id, slot, H2_PROTOCOL_ERROR, event);
    }
    return tell(conn, slot, block, head->end_stream, H2_GOT_HEADERS, event);
}

/* ---- trailers and late blocks ---- */

/* RFC 9113, section 8.1: a second block without END_STREAM, or an end short of content-length, is
 * malformed. */
static enum h2_step
take_trailers(struct h2_conn *conn, struct h2_slot *slot, const struct head *head,
    struct h2_block *block, struct h2_event *event)
{
    if (!head->end_stream || slot->content_left > 0 || !h2_message_read_trailers(block))
        return h2_stream_error(conn, head->id, slot, H2_PROTOCOL_ERROR, event);
    return tell(conn, slot, block, head->end_stream, 0, event);
}

static enum h2_step
take_late(struct h2_conn *conn, uint32_t id, enum h2_gone how, struct h2_event *event)
{
    if (how == H2_GONE_RESET_THERE)
        return h2_stream_error(conn, id, NULL, H2_STREAM_CLOSED, event);
    if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many frames on closed streams");
    return H2_STEP_ON;
}

static enum h2_step
take_on_open(struct h2_conn *conn, struct h2_slot *slot, const struct head *head,
    struct h2_block *block, struct h2_event *event)
{
    /* RFC 9113, section 5.1, half-closed (remote). */
    if ((slot->flags & H2_GOT_END) != 0)
        return h2_stream_error(conn, head->id, slot, H2_STREAM_CLOSED, event);
    if (block->too_large)
        return refuse_list(conn, head->id, slot, block, event);
    if (head->depends_on_itself)
        return h2_stream_error(conn, head->id, slot, H2_PROTOCOL_ERROR, event);
    if ((slot->flags & H2_GOT_HEADERS) != 0)
        return take_trailers(conn, slot, head, block, event);
    return take_response(conn, slot, head, block, event);
}

/* ---- blocks ---- */

/* A block of a stream that exists or has existed. */
static APART enum h2_step
take_known(
    struct h2_conn *conn, const struct head *head, struct h2_block *block, struct h2_event *event)
{
    struct h2_slot *slot = h2_slot_find(conn, head->id);
    enum h2_gone how;

    if (slot != NULL && !h2_slot_closed(slot))
        return take_on_open(conn, slot, head, block, event);
    how = h2_how_gone(conn, head->id, slot);
    /* RFC 9113, sections 5.1.1 and 5.1: a skipped id may not be used, nor a stream continue after
     * its end. */
    if (how == H2_GONE_NEVER)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "stream identifiers must rise");
    /* A client ignores it, as section 5.1 permits: gRPC's C core (1.51) sends a second status when
     * a handler returns after its deadline, which must not fail the client's other calls. */
    if (how == H2_GONE_ENDED && conn->is_server)
        return h2_fail(conn, event, H2_STREAM_CLOSED, "HEADERS on a closed stream");
    if (block->too_large)
        return refuse_list(conn, head->id, NULL, block, event);
    return take_late(conn, head->id, how, event);
}

/* Process a complete block. */
static enum h2_step
take_block(struct h2_conn *conn, struct head head, struct h2_event *event)
{
    struct h2_block *block;
    enum h2_step step = decode(conn, head.data, head.len, &block, event);
    struct head known;

    conn->empty_frames = conn->settings_frames = 0;
    if (block == NULL)
        return step;
    if (conn->is_server && head.id > conn->last_id)
        return take_request(conn, head, block, event);
    known = head; /* so that `head` can stay in registers */
    return take_known(conn, &known, block, event);
}

/* Strip padding and priority. */
static APART enum h2_step
unpack(
    struct h2_conn *conn, const struct h2_frame *frame, struct head *head, struct h2_event *event)
{
    bool padded = (frame->flags & H2_FLAG_PADDED) != 0;
    bool has_priority = (frame->flags & H2_FLAG_PRIORITY) != 0;
    size_t before = (padded ? 1 : 0) + (has_priority ? 5 : 0);
    size_t pad;

    if (frame->len < before)
        return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "HEADERS of a wrong size");
    pad = padded ? frame->payload[0] : 0;
    /* RFC 9113, section 6.2. */
    if (pad > frame->len - before)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "more pads than HEADERS");
    head->data = frame->payload + before;
    head->len = frame->len - before - pad;
    /* RFC 9113 has deprecated priorities, but conformance tests still check this rule of RFC 7540,
     * section 5.3.1. */
    head->depends_on_itself =
        has_priority && (load_be32(frame->payload + before - 5) & H2_ID_MAX) == frame->id;
    return H2_STEP_ON;
}

static enum h2_step
keep_fragment(struct h2_conn *conn, const uint8_t *fragment, size_t len, struct h2_event *event)
{
    if (buf_append(&conn->block, fragment, len))
        return H2_STEP_ON;
    return h2_fail(conn, event, H2_INTERNAL_ERROR, "out of memory");
}

/* A HEADERS frame without END_HEADERS: CONTINUATIONs follow. */
static COLD enum h2_step
begin_block(struct h2_conn *conn, const struct head *head, struct h2_event *event)
{
    conn->block_id = head->id;
    conn->block_ends_stream = head->end_stream;
    conn->block_depends_on_itself = head->depends_on_itself;
    conn->continuations = 0;
    return keep_fragment(conn, head->data, head->len, event);
}

static COLD enum h2_step
take_continuation(
    struct h2_conn *conn, const struct h2_frame *frame, struct head *head, struct h2_event *event)
{
    enum h2_step step;

    if (conn->block_id == 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "CONTINUATION without HEADERS");
    if (++conn->continuations > CONTINUATIONS_MAX ||
        buf_len(&conn->block) + frame->len > BLOCK_PER_LIST * conn->max_header_list)
        return h2_fail_limit(conn, event, H2_LIMIT_CONTINUATIONS, "header block is too long");
    step = keep_fragment(conn, frame->payload, frame->len, event);
    if (step != H2_STEP_ON || !head->whole)
        return step;
    head->id = conn->block_id;
    head->end_stream = conn->block_ends_stream;
    head->depends_on_itself = conn->block_depends_on_itself;
    head->data = buf_head(&conn->block);
    head->len = buf_len(&conn->block);
    conn->block_id = 0;
    return H2_STEP_ON;
}

/* Everything except HEADERS with a complete block and no padding or priority. */
static APART enum h2_step
take_unusual(
    struct h2_conn *conn, const struct h2_frame *frame, struct head *head, struct h2_event *event)
{
    enum h2_step step = H2_STEP_ON;

    if (frame->type == H2_FRAME_CONTINUATION)
        return take_continuation(conn, frame, head, event);
    if ((frame->flags & (H2_FLAG_PADDED | H2_FLAG_PRIORITY)) != 0)
        step = unpack(conn, frame, head, event);
    if (step != H2_STEP_ON || head->whole)
        return step;
    return begin_block(conn, head, event);
}

enum h2_step
h2_take_headers(struct h2_conn *conn, struct h2_frame frame, struct h2_event *event)
{
    const unsigned telling = H2_FLAG_END_HEADERS | H2_FLAG_PADDED | H2_FLAG_PRIORITY;
    struct head head = {.id = frame.id,
        .end_stream = (frame.flags & H2_FLAG_END_STREAM) != 0,
        .whole = true,
        .data = frame.payload,
        .len = frame.len};
    enum h2_step step;

    /* Only clients open streams (RFC 9113, section 5.1.1). */
    if ((frame.id & 1) == 0 || (!conn->is_server && frame.id > conn->last_id))
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "HEADERS on a wrong stream");
    if (frame.type != H2_FRAME_HEADERS || (frame.flags & telling) != H2_FLAG_END_HEADERS) {
        struct h2_frame same = frame; /* so that `frame` can stay in registers on the usual path */
        struct head other = head;

        other.whole = (frame.flags & H2_FLAG_END_HEADERS) != 0;
        step = take_unusual(conn, &same, &other, event);
        if (step != H2_STEP_ON || !other.whole)
            return step;
        head = other;
    }
    step = take_block(conn, head, event);
    if (conn->block.data != NULL)
        buf_fini(&conn->block);
    return step;
}
