/* SPDX-License-Identifier: Apache-2.0 */
/* Content sent from the caller's memory without copying: the kernel copies a large message anyway.
 *
 * A loan lasts from h2_stream_lend_data to h2_conn_keep, and only writing happens in between: no
 * frame can be interleaved, and afterwards the caller may reuse the bytes.
 *
 * What the socket accepts at once is never buffered, so a loan may exceed the limit of buffered
 * output. What it did not accept is copied up to that limit; the rest counts as not sent, and the
 * windows are charged only then. */
#include "http2/h2_internal.h"

/* At most this much at once, so that other connections are not delayed. */
#define LOAN_MOST ((size_t)1024 * 1024)
#define FRAMES_MOST 64

/* A frame that was partly written must be copied, so it is no larger than the output. */
static size_t
frame_max(const struct h2_conn *conn)
{
    return conn->peer_max_frame < conn->max_output ? conn->peer_max_frame : conn->max_output;
}

size_t
h2_stream_lendable(const struct h2_conn *conn, const struct h2_stream *stream)
{
    const struct h2_slot *slot = h2_slot_of(stream);
    size_t most = FRAMES_MOST * frame_max(conn), window;

    if (h2_stream_room(conn, stream) == 0)
        return 0;
    window =
        (size_t)(conn->send_window < slot->send_window ? conn->send_window : slot->send_window);
    if (most > LOAN_MOST)
        most = LOAN_MOST;
    return window < most ? window : most;
}

static size_t
frame_count(const struct h2_loan *loan)
{
    return (loan->len + loan->max - 1) / loan->max;
}

/* Length on the wire, frame headers included. */
static size_t
wire_len(const struct h2_loan *loan)
{
    return loan->len + frame_count(loan) * H2_FRAME_HEADER;
}

static void
pack_header(const struct h2_loan *loan, size_t frame, uint8_t *to)
{
    bool is_last = frame + 1 == frame_count(loan);
    size_t len = is_last ? loan->len - frame * loan->max : loan->max;
    uint8_t flags = is_last && loan->end_stream ? H2_FLAG_END_STREAM : 0;

    h2_frame_pack(to, len, H2_FRAME_DATA, flags, loan->slot->open.id);
}

static bool
begin(struct h2_conn *conn, const struct h2_loan *loan)
{
    size_t headers = frame_count(loan) * H2_FRAME_HEADER;
    uint8_t *to = h2_out_reserve(conn, headers);

    if (to == NULL)
        return false;
    for (size_t i = 0; i < frame_count(loan); i++)
        pack_header(loan, i, to + i * H2_FRAME_HEADER);
    buf_commit(&conn->out, headers);
    conn->loan = *loan;
    conn->data_id = 0; /* no frame to extend */
    return true;
}

bool
h2_stream_lend_data(struct h2_conn *conn, struct h2_stream *stream, const uint8_t *bytes,
    size_t len, bool end_stream)
{
    struct h2_slot *slot = h2_slot_of(stream);
    const struct h2_loan loan = {
        .bytes = bytes, .len = len, .max = frame_max(conn), .slot = slot, .end_stream = end_stream};

    return len > 0 && (slot->flags & H2_SENT_HEADERS) != 0 &&
           len <= h2_stream_lendable(conn, stream) && begin(conn, &loan);
}

/* Bytes of `out` that come before the loan. */
static size_t
before(const struct h2_conn *conn)
{
    return buf_len(&conn->out) - frame_count(&conn->loan) * H2_FRAME_HEADER;
}

/* The contiguous memory that holds byte `at` of the wire and the following ones. */
static struct h2_span
span_at(const struct h2_conn *conn, size_t at)
{
    const struct h2_loan *loan = &conn->loan;
    size_t frame = at / (loan->max + H2_FRAME_HEADER);
    size_t offset = at % (loan->max + H2_FRAME_HEADER);
    size_t left = loan->len - frame * loan->max;
    const uint8_t *header = buf_head(&conn->out) + before(conn) + frame * H2_FRAME_HEADER;

    if (offset < H2_FRAME_HEADER)
        return (struct h2_span){header + offset, H2_FRAME_HEADER - offset};
    offset -= H2_FRAME_HEADER;
    return (struct h2_span){
        loan->bytes + frame * loan->max + offset, (left < loan->max ? left : loan->max) - offset};
}

size_t
h2_loan_output(struct h2_conn *conn, struct h2_span *spans, size_t max)
{
    size_t count = 0;

    if (before(conn) > 0 && max > 0)
        spans[count++] = (struct h2_span){buf_head(&conn->out), before(conn)};
    for (size_t at = conn->loan.at; at < wire_len(&conn->loan) && count < max; count++) {
        spans[count] = span_at(conn, at);
        at += spans[count].len;
    }
    return count;
}

static void
end_loan(struct h2_conn *conn)
{
    conn->out.tail -= frame_count(&conn->loan) * H2_FRAME_HEADER;
    buf_take(&conn->out, 0); /* resets it if it is empty */
    conn->loan.bytes = NULL;
}

void
h2_loan_wrote(struct h2_conn *conn, size_t len)
{
    size_t first = len < before(conn) ? len : before(conn);

    buf_take(&conn->out, first);
    conn->loan.at += len - first;
    if (conn->loan.at < wire_len(&conn->loan))
        return;
    end_loan(conn);
    h2_count_lent(conn, conn->loan.slot, conn->loan.len, conn->loan.end_stream);
}

/* Copy the rest of a frame of which `at` bytes were written. There is room for it. */
static void
keep_frame(struct h2_conn *conn, const struct h2_loan *loan, size_t frame, size_t at)
{
    uint8_t header[H2_FRAME_HEADER];
    size_t left = loan->len - frame * loan->max, len = left < loan->max ? left : loan->max;
    size_t skip = at > H2_FRAME_HEADER ? at - H2_FRAME_HEADER : 0;

    pack_header(loan, frame, header);
    if (at < H2_FRAME_HEADER)
        buf_append(&conn->out, header + at, H2_FRAME_HEADER - at);
    buf_append(&conn->out, loan->bytes + frame * loan->max + skip, len - skip);
}

/* Where frame number `frame` begins on the wire, or the loan ends. */
static size_t
wire_at(const struct h2_loan *loan, size_t frame)
{
    size_t at = frame * (loan->max + H2_FRAME_HEADER);

    return at < wire_len(loan) ? at : wire_len(loan);
}

/* The current frame is kept, and as many after it as the output may hold. Returns the first that is
 * not. */
static size_t
keep_until(const struct h2_conn *conn, const struct h2_loan *loan, size_t frame)
{
    size_t held = buf_len(&conn->out);
    size_t room = held < conn->max_output ? conn->max_output - held : 0;

    for (frame++; frame < frame_count(loan); frame++)
        if (wire_at(loan, frame + 1) - loan->at > room)
            break;
    return frame;
}

size_t
h2_conn_keep(struct h2_conn *conn)
{
    struct h2_loan loan = conn->loan;
    size_t stride = loan.max + H2_FRAME_HEADER, first, end, kept;

    if (loan.bytes == NULL)
        return 0;
    end_loan(conn);
    first = loan.at / stride;
    end = keep_until(conn, &loan, first);
    kept = end < frame_count(&loan) ? end * loan.max : loan.len;
    h2_count_lent(conn, loan.slot, kept, loan.end_stream && kept == loan.len);
    if (h2_out_reserve(conn, wire_at(&loan, end) - loan.at) == NULL) {
        conn->no_memory = true;
        return 0;
    }
    for (size_t frame = first; frame < end; frame++)
        keep_frame(conn, &loan, frame, frame == first ? loan.at % stride : 0);
    return loan.len - kept;
}
