/* SPDX-License-Identifier: Apache-2.0 */
/* Writes frames to the output buffer, each with one reservation of room. */
#include "http2/h2_internal.h"

#include "base/hint.h"

/* Most header blocks are smaller than this. */
#define BLOCK_GUESS 128

/* ---- room ---- */

bool
h2_out_grow(struct h2_conn *conn, size_t more)
{
    if (conn->out.data == NULL && conn->outputs != NULL)
        buf_pool_take(conn->outputs, &conn->out);
    return buf_reserve(&conn->out, more) != NULL;
}

/* ---- control frames ---- */

void
h2_send_frame(
    struct h2_conn *conn, uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t len)
{
    uint8_t *p;

    if (conn->phase == H2_PHASE_DEAD)
        return;
    p = h2_out_reserve(conn, H2_FRAME_HEADER + len);
    if (p == NULL) {
        conn->no_memory = true;
        return;
    }
    h2_frame_pack(p, len, type, flags, id);
    if (len > 0)
        memcpy(p + H2_FRAME_HEADER, payload, len);
    buf_commit(&conn->out, H2_FRAME_HEADER + len);
}

void
h2_send_rst_stream(struct h2_conn *conn, uint32_t id, enum h2_code code)
{
    uint8_t payload[4];

    store_be32(payload, (uint32_t)code);
    h2_send_frame(conn, H2_FRAME_RST_STREAM, 0, id, payload, sizeof(payload));
}

void
h2_send_window_update(struct h2_conn *conn, uint32_t id, uint32_t increment)
{
    uint8_t payload[4];

    store_be32(payload, increment);
    h2_send_frame(conn, H2_FRAME_WINDOW_UPDATE, 0, id, payload, sizeof(payload));
}

void
h2_send_goaway(struct h2_conn *conn, uint32_t last, enum h2_code code, const char *debug)
{
    uint8_t payload[8 + 120];
    size_t len = debug == NULL ? 0 : strlen(debug);

    if (len > sizeof(payload) - 8)
        len = sizeof(payload) - 8;
    store_be32(payload, last);
    store_be32(payload + 4, (uint32_t)code);
    if (len > 0)
        memcpy(payload + 8, debug, len);
    h2_send_frame(conn, H2_FRAME_GOAWAY, 0, 0, payload, 8 + len);
}

/* ---- header blocks ---- */

static bool
may_send(const struct h2_conn *conn, const struct h2_slot *slot)
{
    return (slot->flags & (H2_SENT_END | H2_RESET_EITHER)) == 0 && conn->phase != H2_PHASE_DEAD;
}

static bool
make_encoder(struct h2_conn *conn)
{
    conn->encoder = hpack_encoder_new();
    if (conn->encoder == NULL)
        return false;
    if (conn->encoder_dropped)
        hpack_encoder_limit(conn->encoder, 0);
    if (conn->peer_table_size != H2_TABLE_SIZE || conn->encoder_dropped)
        hpack_encoder_limit(conn->encoder, conn->peer_table_size);
    return true;
}

/* Split a block longer than the peer's frames into HEADERS and CONTINUATIONs: move the fragments,
 * the last one first, to make room for the frame headers between them. False: no memory. */
static bool
split_block(struct h2_conn *conn, size_t start, size_t len, uint8_t flags, uint32_t id)
{
    size_t max = conn->peer_max_frame, extra = (len - 1) / max;
    uint8_t *p;

    if (h2_out_reserve(conn, extra * H2_FRAME_HEADER) == NULL)
        return false;
    p = buf_head(&conn->out) + start + H2_FRAME_HEADER;
    for (size_t i = extra; i > 0; i--) {
        size_t piece = i == extra ? len - i * max : max;
        uint8_t *to = p + i * (max + H2_FRAME_HEADER);

        memmove(to, p + i * max, piece);
        h2_frame_pack(to - H2_FRAME_HEADER, piece, H2_FRAME_CONTINUATION,
            i == extra ? H2_FLAG_END_HEADERS : 0, id);
    }
    h2_frame_pack(p - H2_FRAME_HEADER, max, H2_FRAME_HEADERS, flags, id);
    buf_commit(&conn->out, extra * H2_FRAME_HEADER);
    return true;
}

/* Write the frame header in front of the block just appended. */
static bool
finish_block(struct h2_conn *conn, size_t start, uint8_t flags, uint32_t id)
{
    size_t len = buf_len(&conn->out) - start - H2_FRAME_HEADER;

    if (len <= conn->peer_max_frame) {
        h2_frame_pack(
            buf_head(&conn->out) + start, len, H2_FRAME_HEADERS, flags | H2_FLAG_END_HEADERS, id);
        return true;
    }
    if (split_block(conn, start, len, flags, id))
        return true;
    /* The encoder's table has changed: without these bytes the peer's would be out of sync. */
    conn->out.tail -= H2_FRAME_HEADER + len;
    conn->no_memory = true;
    return false;
}

/* RFC 9110, section 9.3.2: the response to HEAD has a content-length but no content. */
static bool
asks_head(const struct h2_field *fields, size_t count)
{
    for (size_t i = 0; i < count && fields[i].name.len > 0 && fields[i].name.data[0] == ':'; i++)
        if (weir_str_equal(fields[i].name, (weir_str){":method", 7}))
            return weir_str_equal(fields[i].value, (weir_str){"HEAD", 4});
    return false;
}

static void
end_sending(struct h2_slot *slot)
{
    slot->flags |= H2_SENT_END;
    slot->flags &= ~(unsigned)H2_BLOCKED;
    list_remove(&slot->link);
}

/* A client's stream gets its id with its first frame, so that ids increase in the order of sending.
 */
static uint32_t
next_id(const struct h2_conn *conn, const struct h2_slot *slot)
{
    return slot->open.id != 0 ? slot->open.id : (conn->last_id + 1) | 1;
}

static void
note_headers(struct h2_conn *conn, struct h2_slot *slot, uint32_t id, bool end_stream)
{
    if (slot->open.id == 0)
        h2_slot_number(conn, slot, id);
    slot->flags |= H2_SENT_HEADERS;
    if (end_stream)
        end_sending(slot);
}

/* Send the headers common to all calls, whose encoding is cached and short. False: not cached;
 * encode them. */
static INLINE bool
put_kept_headers(struct h2_conn *conn, uint32_t id, const struct h2_field *fixed,
    size_t fixed_count, bool end_stream)
{
    struct hpack_kept kept = hpack_encoder_kept(conn->encoder, fixed, fixed_count);
    uint8_t flags = H2_FLAG_END_HEADERS | (end_stream ? H2_FLAG_END_STREAM : 0);
    uint8_t *p;

    if (kept.len == 0)
        return false;
    p = h2_out_reserve(conn, H2_FRAME_HEADER + HPACK_KEPT_MAX);
    if (p == NULL)
        return false;
    h2_frame_pack(p, kept.len, H2_FRAME_HEADERS, flags, id);
    memcpy(p + H2_FRAME_HEADER, kept.bytes, HPACK_KEPT_MAX);
    buf_commit(&conn->out, H2_FRAME_HEADER + kept.len);
    return true;
}

static APART bool
send_kept_headers(struct h2_conn *conn, struct h2_slot *slot, const struct h2_field *fixed,
    size_t fixed_count, bool end_stream)
{
    if (!put_kept_headers(conn, slot->open.id, fixed, fixed_count, end_stream))
        return false;
    slot->flags |= H2_SENT_HEADERS;
    if (end_stream)
        end_sending(slot);
    return true;
}

static APART bool
encode_headers(struct h2_conn *conn, struct h2_slot *slot, const struct h2_field *fixed,
    size_t fixed_count, const struct h2_field *extra, size_t extra_count, bool end_stream)
{
    size_t start = buf_len(&conn->out);
    uint32_t id = next_id(conn, slot);

    if (conn->encoder == NULL && !make_encoder(conn))
        return false;
    if (h2_out_reserve(conn, H2_FRAME_HEADER + BLOCK_GUESS) == NULL)
        return false;
    buf_commit(&conn->out, H2_FRAME_HEADER);
    if (!hpack_encode(conn->encoder, fixed, fixed_count, extra, extra_count, &conn->out)) {
        conn->out.tail -= H2_FRAME_HEADER;
        return false;
    }
    if (!finish_block(conn, start, end_stream ? H2_FLAG_END_STREAM : 0, id))
        return false;
    if (slot->open.id == 0 && (asks_head(fixed, fixed_count) || asks_head(extra, extra_count)))
        slot->flags |= H2_SENT_HEAD;
    note_headers(conn, slot, id, end_stream);
    return true;
}

bool
h2_stream_send_headers(struct h2_conn *conn, struct h2_stream *stream, const struct h2_field *fixed,
    size_t fixed_count, const struct h2_field *extra, size_t extra_count, bool end_stream)
{
    struct h2_slot *slot = h2_slot_of(stream);

    /* Only trailers may follow the first block (RFC 9113, section 8.1). */
    if (!may_send(conn, slot) || ((slot->flags & H2_SENT_HEADERS) != 0 && !end_stream))
        return false;
    if (extra_count == 0 && slot->open.id != 0 && conn->encoder != NULL &&
        send_kept_headers(conn, slot, fixed, fixed_count, end_stream))
        return true;
    return encode_headers(conn, slot, fixed, fixed_count, extra, extra_count, end_stream);
}

bool
h2_stream_finish(struct h2_conn *conn, struct h2_stream *stream, const struct h2_field *fixed,
    size_t fixed_count)
{
    struct h2_slot *slot = h2_slot_of(stream);
    const unsigned telling = H2_GOT_END | H2_SENT_HEADERS | H2_SENT_END | H2_RESET_EITHER;

    if ((slot->flags & telling) != (H2_GOT_END | H2_SENT_HEADERS) || conn->phase == H2_PHASE_DEAD ||
        conn->encoder == NULL || !put_kept_headers(conn, stream->id, fixed, fixed_count, true))
        return false;
    if (!list_empty(&slot->link))
        list_remove(&slot->link);
    h2_slot_give_back(conn, slot, H2_GONE_ENDED);
    return true;
}

/* ---- content ---- */

/* Can the last frame of the output be extended by `len` bytes? Not once its header was written. */
static bool
may_extend(const struct h2_conn *conn, const struct h2_slot *slot, size_t len)
{
    return conn->data_id == slot->open.id && len <= conn->peer_max_frame - conn->data_len &&
           conn->data_start >= conn->written &&
           conn->data_end_at == conn->written + buf_len(&conn->out);
}

/* Reserve `len` bytes of content behind a new frame header, or at the end of the previous frame, so
 * that small messages of a stream share a frame. NULL: no memory. */
static uint8_t *
put_payload(struct h2_conn *conn, const struct h2_slot *slot, size_t len, uint8_t flags)
{
    bool extend = may_extend(conn, slot, len);
    size_t head = extend ? 0 : H2_FRAME_HEADER;
    uint8_t *p = h2_out_reserve(conn, head + len);

    if (p == NULL)
        return NULL;
    if (!extend) {
        conn->data_id = slot->open.id;
        conn->data_start = conn->written + buf_len(&conn->out);
        conn->data_len = 0;
    }
    conn->data_len += (uint32_t)len;
    buf_commit(&conn->out, head + len);
    conn->data_end_at = conn->written + buf_len(&conn->out);
    h2_frame_pack(buf_head(&conn->out) + (conn->data_start - conn->written), conn->data_len,
        H2_FRAME_DATA, flags, slot->open.id);
    return p + head;
}

static inline void
count_sent(struct h2_conn *conn, struct h2_slot *slot, size_t len, bool end_stream)
{
    conn->send_window -= (int32_t)len;
    slot->send_window -= (int32_t)len;
    h2_progress(conn);
    if (end_stream)
        end_sending(slot);
}

void
h2_count_lent(struct h2_conn *conn, struct h2_slot *slot, size_t len, bool end_stream)
{
    count_sent(conn, slot, len, end_stream);
}

static uint8_t *
put_data(struct h2_conn *conn, struct h2_slot *slot, size_t len, bool end_stream)
{
    uint8_t *payload = put_payload(conn, slot, len, end_stream ? H2_FLAG_END_STREAM : 0);

    if (payload == NULL)
        return NULL;
    count_sent(conn, slot, len, end_stream);
    return payload;
}

static bool
may_send_data(const struct h2_conn *conn, const struct h2_slot *slot, size_t len)
{
    return may_send(conn, slot) && (slot->flags & H2_SENT_HEADERS) != 0 &&
           (len == 0 || len <= h2_stream_room(conn, &slot->open));
}

uint8_t *
h2_stream_send_data_in_place(
    struct h2_conn *conn, struct h2_stream *stream, size_t len, bool end_stream)
{
    struct h2_slot *slot = h2_slot_of(stream);

    if (!may_send_data(conn, slot, len) || len > conn->peer_max_frame)
        return NULL;
    return put_data(conn, slot, len, end_stream);
}

/* Is there room for all of it? Cheaper than computing how much room there is. */
static bool
has_room(const struct h2_conn *conn, const struct h2_slot *slot, size_t len)
{
    return (int64_t)len <= conn->send_window && (int64_t)len <= slot->send_window &&
           len + buf_len(&conn->out) <= conn->max_output;
}

uint8_t *
h2_stream_send_opening(struct h2_conn *conn, struct h2_stream *stream, const struct h2_field *fixed,
    size_t fixed_count, size_t len)
{
    struct h2_slot *slot = h2_slot_of(stream);
    const unsigned telling = H2_SENT_HEADERS | H2_SENT_END | H2_RESET_EITHER;
    struct hpack_kept kept;
    uint8_t *p;

    if (conn->encoder == NULL || (slot->flags & telling) != 0 || conn->phase == H2_PHASE_DEAD ||
        len > conn->peer_max_frame || !has_room(conn, slot, len))
        return NULL;
    kept = hpack_encoder_kept(conn->encoder, fixed, fixed_count);
    if (kept.len == 0)
        return NULL;
    p = h2_out_reserve(conn, 2 * H2_FRAME_HEADER + HPACK_KEPT_MAX + len);
    if (p == NULL)
        return NULL;
    h2_frame_pack(p, kept.len, H2_FRAME_HEADERS, H2_FLAG_END_HEADERS, stream->id);
    memcpy(p + H2_FRAME_HEADER, kept.bytes, HPACK_KEPT_MAX);
    p += H2_FRAME_HEADER + kept.len;
    h2_frame_pack(p, len, H2_FRAME_DATA, 0, stream->id);
    buf_commit(&conn->out, 2 * H2_FRAME_HEADER + kept.len + len);
    slot->flags |= H2_SENT_HEADERS;
    count_sent(conn, slot, len, false);
    return p + H2_FRAME_HEADER;
}

/* Content larger than one frame. */
static APART bool
send_frames(
    struct h2_conn *conn, struct h2_slot *slot, const uint8_t *from, size_t len, bool end_stream)
{
    size_t frames = len / conn->peer_max_frame + 1;

    /* Reserve all of the room at once, so that no frame below can fail. */
    if (h2_out_reserve(conn, len + frames * H2_FRAME_HEADER) == NULL)
        return false;
    while (len > 0) {
        size_t piece = len < conn->peer_max_frame ? len : conn->peer_max_frame;
        uint8_t *payload = put_data(conn, slot, piece, end_stream && piece == len);

        if (payload == NULL)
            return false;
        memcpy(payload, from, piece);
        from += piece;
        len -= piece;
    }
    return true;
}

bool
h2_stream_send_data(
    struct h2_conn *conn, struct h2_stream *stream, const void *bytes, size_t len, bool end_stream)
{
    struct h2_slot *slot = h2_slot_of(stream);
    uint8_t *to;

    if (!may_send_data(conn, slot, len))
        return false;
    if (len > conn->peer_max_frame)
        return send_frames(conn, slot, bytes, len, end_stream);
    to = put_data(conn, slot, len, end_stream);
    if (to != NULL && len > 0)
        memcpy(to, bytes, len);
    return to != NULL;
}

uint32_t
h2_conn_max_frame(const struct h2_conn *conn)
{
    return conn->peer_max_frame;
}
