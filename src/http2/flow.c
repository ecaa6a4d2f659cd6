/* SPDX-License-Identifier: Apache-2.0 */
/* Flow control, RFC 9113 sections 5.2 and 6.9, and the limit of the output buffer.
 *
 * Receiving, the two windows have two purposes. The connection's is credited when bytes arrive, so
 * that a stream that is not read blocks only itself; a stream's is credited as its user consumes,
 * which is what gives back-pressure. Credit is sent when it reaches half a window. What a stream
 * is granted beyond its initial window is taken from a budget.
 *
 * Sending, a stream without room waits: for its own window with a flag, until WINDOW_UPDATE or
 * SETTINGS open it; for the connection's window or the output in the queue `writers`, which is
 * FIFO. */
#include "http2/h2_internal.h"

/* ---- in ---- */

bool
h2_flow_receive(struct h2_conn *conn, uint32_t len)
{
    if ((int64_t)len > conn->receive_window)
        return false;
    conn->receive_window -= (int32_t)len;
    conn->credit += len;
    conn->probed += len;
    if (conn->credit >= conn->connection_window / 2) {
        h2_send_window_update(conn, 0, conn->credit);
        conn->receive_window += (int32_t)conn->credit;
        conn->credit = 0;
    }
    return true;
}

/* Windows of streams opened before the peer has our SETTINGS will grow by the difference. */
void
h2_flow_let_late(struct h2_conn *conn, int32_t window)
{
    if (conn->stream_window > conn->stream_window_used)
        window += (int32_t)(conn->stream_window - conn->stream_window_used);
    if (window > 0)
        conn->late += (uint32_t)window;
}

bool
h2_flow_receive_late(struct h2_conn *conn, uint32_t len)
{
    if (len > conn->late)
        return false;
    conn->late -= len;
    return true;
}

static void
announce_credit(struct h2_conn *conn, struct h2_slot *slot)
{
    h2_send_window_update(conn, slot->open.id, slot->credit);
    slot->receive_window += (int32_t)slot->credit;
    slot->credit = 0;
}

static bool
is_receiving(const struct h2_slot *slot)
{
    return (slot->flags & (H2_GOT_END | H2_RESET_EITHER)) == 0 && slot->open.id != 0;
}

void
h2_flow_consumed(struct h2_conn *conn, struct h2_slot *slot, uint32_t len)
{
    uint32_t paid = len < slot->advance ? len : slot->advance;

    if (paid > 0) {
        slot->advance -= paid;
        h2_give_back(conn, paid);
    }
    if (!is_receiving(slot))
        return;
    slot->credit += len - paid;
    if (slot->credit > 0 && slot->credit >= (conn->stream_window + slot->grown) / 2) {
        h2_grow(conn, slot);
        announce_credit(conn, slot);
        h2_probe(conn);
    }
}

/* Clamped, so that the window cannot overflow. */
void
h2_stream_consumed(struct h2_conn *conn, struct h2_stream *stream, size_t len)
{
    struct h2_slot *slot = h2_slot_of(stream);
    int64_t most = H2_WINDOW_MAX - (int64_t)slot->receive_window - slot->credit;

    if (most <= 0)
        return;
    if (most > H2_WINDOW_MAX)
        most = H2_WINDOW_MAX;
    h2_flow_consumed(conn, slot, len < (size_t)most ? (uint32_t)len : (uint32_t)most);
}

size_t
h2_stream_window(const struct h2_stream *stream)
{
    int32_t window = h2_slot_of(stream)->receive_window;

    return window > 0 ? (size_t)window : 0;
}

bool
h2_stream_expect(struct h2_conn *conn, struct h2_stream *stream, size_t len)
{
    struct h2_slot *slot = h2_slot_of(stream);
    int64_t want = len < H2_WINDOW_MAX ? (int64_t)len : H2_WINDOW_MAX;
    /* The rest of the current frame is already charged to the window. */
    int64_t coming = conn->data_slot == slot ? conn->data_left : 0;
    int64_t more = want - coming - slot->receive_window;
    uint32_t advance;

    if (!is_receiving(slot) || more <= 0)
        return true;
    if (more > H2_WINDOW_MAX)
        more = H2_WINDOW_MAX;
    /* What the credit does not cover is an advance: consumption repays it before it earns credit.
     */
    if (more > slot->credit) {
        advance = (uint32_t)more - slot->credit;
        if (!h2_borrow(conn, advance, 1))
            return false;
        slot->advance += advance;
        slot->credit = (uint32_t)more;
    }
    announce_credit(conn, slot);
    return true;
}

static bool
shift_receive_window(struct h2_conn *conn, struct h2_slot *slot, int64_t delta)
{
    (void)conn;
    slot->receive_window = (int32_t)(slot->receive_window + delta);
    return true;
}

void
h2_flow_settle(struct h2_conn *conn)
{
    int64_t delta = (int64_t)conn->stream_window - conn->stream_window_used;

    conn->stream_window_used = conn->stream_window;
    if (delta != 0)
        h2_slots_each(conn, shift_receive_window, delta);
}

/* ---- out ---- */

size_t
h2_stream_room(const struct h2_conn *conn, const struct h2_stream *stream)
{
    const struct h2_slot *slot = h2_slot_of(stream);
    size_t queued = buf_len(&conn->out), window;

    if ((slot->flags & (H2_SENT_END | H2_RESET_EITHER)) != 0 || conn->phase == H2_PHASE_DEAD)
        return 0;
    if (conn->send_window <= 0 || slot->send_window <= 0 || queued >= conn->max_output)
        return 0;
    window =
        (size_t)(conn->send_window < slot->send_window ? conn->send_window : slot->send_window);
    return window < conn->max_output - queued ? window : conn->max_output - queued;
}

static void
wait_for_own_window(struct h2_conn *conn, struct h2_slot *slot)
{
    slot->flags |= H2_BLOCKED;
    list_push(&conn->blocked, &slot->link);
}

void
h2_stream_want_room(struct h2_conn *conn, struct h2_stream *stream)
{
    struct h2_slot *slot = h2_slot_of(stream);

    if ((slot->flags & (H2_SENT_END | H2_RESET_EITHER)) != 0 || !list_empty(&slot->link))
        return;
    if (slot->send_window <= 0)
        wait_for_own_window(conn, slot);
    else
        list_push(&conn->writers, &slot->link);
}

/* Only once the output is at most half full, so that streams are not woken for a few bytes each. */
bool
h2_flow_next_writer(struct h2_conn *conn, struct h2_event *event)
{
    struct list *link;

    if (list_empty(&conn->writers) || conn->send_window <= 0 ||
        buf_len(&conn->out) > conn->max_output / 2)
        return false;
    while ((link = list_shift(&conn->writers)) != NULL) {
        struct h2_slot *slot = container_of(link, struct h2_slot, link);

        if (slot->send_window > 0) {
            event->type = H2_WRITABLE;
            event->stream = &slot->open;
            return true;
        }
        wait_for_own_window(conn, slot); /* shut by SETTINGS meanwhile */
    }
    return false;
}

static void
unblock(struct h2_conn *conn, struct h2_slot *slot)
{
    if ((slot->flags & H2_BLOCKED) == 0 || slot->send_window <= 0)
        return;
    slot->flags &= ~(unsigned)H2_BLOCKED;
    list_remove(&slot->link);
    list_push(&conn->writers, &slot->link);
}

/* False: the window would overflow (RFC 9113, section 6.9.1). */
static bool
shift_send_window(struct h2_conn *conn, struct h2_slot *slot, int64_t delta)
{
    int64_t window = slot->send_window + delta;

    (void)conn;
    if (window > H2_WINDOW_MAX)
        return false;
    slot->send_window = (int32_t)window;
    return true;
}

bool
h2_flow_peer_window(struct h2_conn *conn, uint32_t window)
{
    int64_t delta = (int64_t)window - conn->peer_window;

    conn->peer_window = window;
    if (delta != 0 && !h2_slots_each(conn, shift_send_window, delta))
        return false;
    if (delta > 0)
        list_each_safe (link, &conn->blocked)
            unblock(conn, container_of(link, struct h2_slot, link));
    return true;
}

static enum h2_step
update_connection(struct h2_conn *conn, uint32_t increment, struct h2_event *event)
{
    if (increment == 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
    if ((int64_t)conn->send_window + increment > H2_WINDOW_MAX)
        return h2_fail(conn, event, H2_FLOW_CONTROL_ERROR, "the connection's window overflows");
    conn->send_window += (int32_t)increment;
    return H2_STEP_ON;
}

/* WINDOW_UPDATE may still arrive on a closed stream (RFC 9113, section 5.1); ignored. */
static enum h2_step
update_stream(
    struct h2_conn *conn, const struct h2_frame *frame, uint32_t increment, struct h2_event *event)
{
    struct h2_slot *slot = h2_slot_find(conn, frame->id);

    if (slot == NULL && h2_is_idle(conn, frame->id))
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
    if (slot == NULL || h2_slot_closed(slot))
        return H2_STEP_ON;
    if (increment == 0)
        return h2_stream_error(conn, frame->id, slot, H2_PROTOCOL_ERROR, event);
    if (!shift_send_window(conn, slot, increment))
        return h2_stream_error(conn, frame->id, slot, H2_FLOW_CONTROL_ERROR, event);
    unblock(conn, slot);
    return H2_STEP_ON;
}

enum h2_step
h2_take_window_update(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    uint32_t increment;

    if (frame->len != 4)
        return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong size");
    if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_PRIORITY, "too many WINDOW_UPDATE frames");
    increment = load_be32(frame->payload) & H2_ID_MAX;
    if (frame->id == 0)
        return update_connection(conn, increment, event);
    return update_stream(conn, frame, increment, event);
}

void
h2_conn_windows(const struct h2_conn *conn, int32_t *out_send, int32_t *out_receive)
{
    *out_send = conn->send_window;
    *out_receive = conn->receive_window;
}
