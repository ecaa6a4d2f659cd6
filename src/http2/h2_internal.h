/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP/2 connection share; nothing outside this folder includes it. */
/* Threads: one owner at a time. */
#pragma once

#include "base/buf_pool.h"
#include "base/bytes.h"
#include "base/hint.h"
#include "http2/h2.h"

/* ---- the wire's constants, RFC 9113 sections 4.1, 6 and 6.5.2 ---- */

#define H2_FRAME_HEADER 9u
#define H2_ID_MAX 0x7fffffffu
#define H2_WINDOW_MAX 0x7fffffff
#define H2_WINDOW_INITIAL 65535u
#define H2_FRAME_SIZE_MIN 16384u
#define H2_FRAME_SIZE_MAX 16777215u
#define H2_TABLE_SIZE 4096u

enum h2_frame_type {
    H2_FRAME_DATA,
    H2_FRAME_HEADERS,
    H2_FRAME_PRIORITY,
    H2_FRAME_RST_STREAM,
    H2_FRAME_SETTINGS,
    H2_FRAME_PUSH_PROMISE,
    H2_FRAME_PING,
    H2_FRAME_GOAWAY,
    H2_FRAME_WINDOW_UPDATE,
    H2_FRAME_CONTINUATION
};

enum {
    H2_FLAG_ACK = 0x1,
    H2_FLAG_END_STREAM = 0x1,
    H2_FLAG_END_HEADERS = 0x4,
    H2_FLAG_PADDED = 0x8,
    H2_FLAG_PRIORITY = 0x20
};

struct h2_frame {
    uint32_t len, id;
    uint8_t type, flags;
    const uint8_t *payload; /* whole, but for DATA and frames of unknown type */
};

/* H2_FRAME_HEADER bytes are there. */
static inline struct h2_frame
h2_frame_read(const uint8_t *at)
{
    return (struct h2_frame){.len = load_be32(at) >> 8,
        .id = load_be32(at + 5) & H2_ID_MAX,
        .type = at[3],
        .flags = at[4],
        .payload = at + H2_FRAME_HEADER};
}

/* ---- streams ---- */

enum {
    H2_IN_USE = 0x1,
    H2_GOT_HEADERS = 0x2, /* a request's, or a final response's */
    H2_GOT_END = 0x4,     /* END_STREAM came: half-closed (remote) */
    H2_SENT_HEADERS = 0x8,
    H2_SENT_END = 0x10,    /* half-closed (local) */
    H2_RESET_HERE = 0x20,  /* closed by our RST_STREAM */
    H2_RESET_THERE = 0x40, /* closed by the peer's, or by its GOAWAY */
    H2_BLOCKED = 0x80,     /* in `blocked` */
    H2_SENT_HEAD = 0x100, /* a request whose response has no content, whatever its content-length */

    H2_RESET_EITHER = H2_RESET_HERE | H2_RESET_THERE,
    H2_ENDED_BOTH = H2_GOT_END | H2_SENT_END
};

/* One cache line. Never moves while its user holds it. */
struct h2_slot {
    struct h2_stream open; /* what the user sees of it; first, so that the two share an address */
    struct list link;     /* in `blocked`, `writers`, `lost`, the free list (next alone), or none */
    int64_t content_left; /* of content-length; -1: there was none */
    int32_t send_window;  /* below zero after the peer has shrunk it (RFC 9113, 6.9.2) */
    int32_t receive_window; /* what the peer still may send */
    uint32_t credit;        /* consumed, but not yet told to the peer */
    uint32_t advance;       /* granted beyond the window by h2_stream_expect, not yet worked off */
    uint32_t grown;         /* the window is stream_window and this */
    unsigned flags;
};

_Static_assert(sizeof(struct h2_slot) == 64 || sizeof(void *) != 8, "one cache line");

/* In the map, with the number beside it, so that a search looks at no slot but the one it finds. */
struct h2_place {
    struct h2_slot *slot; /* NULL: nobody is here */
    uint32_t id;
    uint32_t pushed; /* so far from its home */
};

static inline struct h2_slot *
h2_slot_of(const struct h2_stream *stream)
{
    return (struct h2_slot *)(uintptr_t)stream;
}

static inline bool
h2_slot_closed(const struct h2_slot *slot)
{
    return (slot->flags & H2_RESET_EITHER) != 0 || (slot->flags & H2_ENDED_BOTH) == H2_ENDED_BOTH;
}

/* How a stream without a slot, or with a closed one, came to its end. */
enum h2_gone {
    H2_GONE_ENDED,       /* END_STREAM on both sides */
    H2_GONE_RESET_HERE,  /* frames may still have been in flight: drop them */
    H2_GONE_RESET_THERE, /* the peer knew that it was closed */
    H2_GONE_FORGOTTEN,   /* closed so long ago that nobody knows how */
    H2_GONE_NEVER        /* skipped: closed by the use of a higher number (RFC 9113, 5.1.1) */
};

#define H2_REMEMBERED 32u

/* ---- limits ---- */

/* Tokens that come back with time; what costs a token is in limits.c. */
struct h2_bucket {
    int64_t since;
    int32_t tokens;
};

/* The first two take frames. */
enum h2_phase {
    H2_PHASE_SETTINGS, /* the peer's first frame must be SETTINGS */
    H2_PHASE_OPEN,
    H2_PHASE_PREFACE, /* server: the client's 24 bytes are still to come */
    H2_PHASE_DEAD
};

struct h2_chunk;

/* Bytes that are lent to the output, as DATA frames behind all that `out` has but their headers,
 * which are the end of it:
 *
 *   out    | before | header | header | header |
 *   wire   | before | header, max bytes | header, max bytes | header, the rest |
 *                       at: so much of this has been written */
struct h2_loan {
    const uint8_t *bytes; /* NULL: nothing is lent */
    size_t len, max, at;
    struct h2_slot *slot;
    bool end_stream;
};

/* First, in five cache lines, what every request touches: of many connections each waits for its
 * lines anew. */
struct h2_conn {
    enum h2_phase phase;
    bool is_server;
    bool no_memory; /* a frame that had to be sent could not: fails at the next h2_conn_next */
    bool ping_free; /* something useful passed since the peer's last PING */
    bool data_end;  /* the DATA frame at hand has END_STREAM */

    /* Input: at most one DATA or unknown frame is under way, or one header block. */
    uint32_t data_left; /* of the payload that is handed out */
    uint32_t skip;      /* pads, and payload that nobody wants; comes after data_left */
    uint32_t block_id;  /* 0: no block waits for CONTINUATION */
    uint8_t empty_frames;
    uint8_t settings_frames;
    bool block_ends_stream, block_depends_on_itself;
    struct hpack_decoder *decoder; /* both made at first use, and again after a rest */
    struct hpack_encoder *encoder;
    struct h2_block *lent; /* by the last event that had one */

    /* Streams, all opened by the client: numbers are odd. */
    struct list *free_slots;
    struct h2_slot *newest; /* the one that was numbered last, while it is held; not in the map */

    uint32_t last_id;            /* the highest number used */
    uint32_t goaway_last;        /* ours; streams above are dropped */
    uint32_t held;               /* by users */
    uint32_t max_streams;        /* of the peer */
    uint32_t stream_window_used; /* what new streams get: the offer, but the RFC's until acked */
    uint32_t max_frame;          /* that we take */
    int32_t receive_window;      /* of the connection */
    uint32_t credit;
    uint32_t connection_window;
    uint32_t peer_window; /* the peer's settings */
    uint32_t peer_max_frame;
    int32_t send_window;               /* of the connection */
    uint32_t answers_old, answers_new; /* see h2_answers_are_read */
    uint32_t gone_next;                /* see gone below */
    uint32_t gone_forgotten;           /* the highest number that the ring has dropped */

    struct buf out;
    struct buf_pool *outputs; /* where the memory of `out` comes from; NULL: it is our own */
    size_t max_output;
    uint64_t written; /* bytes taken from `out` ever */
    int64_t now;

    struct h2_bucket idle_frames, resets;
    int64_t span_at;     /* see h2_count_opened */
    uint64_t probed;     /* bytes of DATA since the last probe was sent or answered */
    struct list writers; /* want room, and their own window is open */

    struct list lost;                  /* closed by the peer's GOAWAY, to be told */
    struct buf block;                  /* what has come of one that is in several frames */
    uint32_t replies_old, replies_new; /* see h2_reply_allowed */
    uint64_t replies_mark;

    struct h2_loan loan;
    uint32_t gone[H2_REMEMBERED]; /* a ring: number without its low bit, h2_gone in the low two */

    /* More of what has to do with input. */
    struct h2_slot *data_slot;
    bool settings_acked; /* ours */
    bool goaway_received;
    bool goaway_final;     /* we have said which stream is the last one, goaway_last */
    bool encoder_dropped;  /* there was one before: the peer's table may have entries */
    bool connect_protocol; /* the peer's SETTINGS_ENABLE_CONNECT_PROTOCOL */
    uint8_t preface_seen;
    uint8_t continuations;
    uint64_t late; /* bytes of DATA that may yet come for streams that were reset here */

    /* Of streams. */
    struct h2_place *map; /* open addressing, NULL while empty */
    uint32_t map_factor;
    uint32_t map_mask;  /* of places; 0 while there is no map */
    uint32_t map_shift; /* see home() */
    uint32_t map_found; /* the place that was found last */
    struct h2_chunk *chunks;
    uint32_t slot_count;       /* in all chunks */
    uint32_t peer_goaway_last; /* the peer's */
    struct list blocked;       /* want room, but their own window is shut */

    /* Of flow control. */
    uint32_t stream_window; /* what we offer */
    uint32_t max_stream_window;
    uint32_t target;          /* what the window of a stream that is read grows to */
    uint64_t borrowed;        /* of the budget: advance and grown of all streams */
    uint64_t bandwidth;       /* the best so far, bytes a second */
    int64_t probed_at;        /* when the PING was put into the output */
    uint32_t probe_rest;      /* so many occasions are let pass before the next probe, */
    uint32_t probe_rest_next; /* and so many after that if it finds nothing new */
    bool probing;             /* its PING is not answered yet */
    struct h2_budget *budget;

    /* Of limits. */
    size_t max_header_list;
    struct h2_stats *stats;
    struct h2_bucket local_resets;
    uint32_t aged_id, aging_id; /* see h2_count_opened */
    int64_t ping_interval, ping_interval_idle, pinged_at;
    uint8_t ping_strikes;

    /* The peer's settings. */
    uint32_t peer_max_streams;
    uint32_t peer_table_size;
    uint32_t peer_header_list; /* UINT32_MAX: any */

    /* The DATA frame that ends `out`, as long as nothing follows it: where it begins and ends,
     * counted as `written` is. More data of its stream makes it longer. */
    uint64_t data_start, data_end_at;
    uint32_t data_len, data_id;
};

/* ---- conn.c ---- */

/* What a piece of input led to. */
enum h2_step {
    H2_STEP_ON,        /* nothing to tell */
    H2_STEP_EVENT,     /* *event is filled in */
    H2_STEP_INCOMPLETE /* needs more input */
};

static inline void
h2_input_skip(struct h2_input *in, size_t len)
{
    in->at += len;
    in->left -= len;
}

/* A connection error: GOAWAY into the output, H2_FAILED into *event. `why` is static. */
COLD enum h2_step h2_fail(
    struct h2_conn *conn, struct h2_event *event, enum h2_code code, const char *why);

/* ---- frames_in.c, headers_in.c, settings.c ---- */

enum h2_step h2_take_frame(struct h2_conn *conn, struct h2_input *in, struct h2_event *event);
enum h2_step h2_take_data(struct h2_conn *conn, struct h2_input *in, const struct h2_frame *frame,
    struct h2_event *event);
enum h2_step h2_take_data_piece(struct h2_conn *conn, struct h2_input *in, struct h2_event *event);
/* HEADERS and CONTINUATION. */
enum h2_step h2_take_headers(struct h2_conn *conn, struct h2_frame frame, struct h2_event *event);
enum h2_step h2_take_settings(
    struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event);

/* The connection's first frames into the output. */
void h2_settings_send(struct h2_conn *conn);

/* ---- message.c: RFC 9113 sections 8.1 to 8.5 on whole header blocks ---- */

/* A message's content-length, -1 when it has none. */
struct h2_message {
    int64_t content_length;
    int status; /* of a response */
};

/* False: malformed. */
bool h2_message_read_request(struct h2_block *block, struct h2_message *out_message);
bool h2_message_read_response(const struct h2_block *block, struct h2_message *out_message);
bool h2_message_read_trailers(const struct h2_block *block);

/* ---- frames_out.c ---- */

static inline void
h2_frame_pack(uint8_t *p, size_t len, uint8_t type, uint8_t flags, uint32_t id)
{
    store_be32(p, (uint32_t)len << 8 | type);
    p[4] = flags;
    store_be32(p + 5, id);
}

/* With memory out of the pool, if there is none. False: no memory. */
APART bool h2_out_grow(struct h2_conn *conn, size_t more);

/* buf_reserve of the output, for at least one byte. */
static inline uint8_t *
h2_out_reserve(struct h2_conn *conn, size_t more)
{
    struct buf *out = &conn->out;

    if (out->cap - out->tail < more && !h2_out_grow(conn, more))
        return NULL;
    if (out->data == NULL)
        __builtin_unreachable(); /* there is room in it; so callers look once */
    return out->data + out->tail;
}

/* All of these do nothing on a dead connection, and note it when there is no memory. */
void h2_send_frame(struct h2_conn *conn, uint8_t type, uint8_t flags, uint32_t id,
    const void *payload, size_t len);
void h2_send_rst_stream(struct h2_conn *conn, uint32_t id, enum h2_code code);
void h2_send_window_update(struct h2_conn *conn, uint32_t id, uint32_t increment);
void h2_send_goaway(struct h2_conn *conn, uint32_t last, enum h2_code code, const char *debug);

/* So much content of a stream that was lent has been written, or is in the output. */
void h2_count_lent(struct h2_conn *conn, struct h2_slot *slot, size_t len, bool end_stream);

/* ---- loan.c: output while something is lent ---- */

size_t h2_loan_output(struct h2_conn *conn, struct h2_span *spans, size_t max);
void h2_loan_wrote(struct h2_conn *conn, size_t len);

/* ---- streams.c ---- */

/* NULL: no memory. Idle, with windows as the settings have them; found from h2_slot_number on. */
struct h2_slot *h2_slot_take(struct h2_conn *conn);
void h2_slot_number(struct h2_conn *conn, struct h2_slot *slot, uint32_t id);
void h2_slots_free(struct h2_conn *conn);

/* NULL: nobody holds a stream of this number. */
struct h2_slot *h2_slot_find(struct h2_conn *conn, uint32_t id);

/* Every held stream that is not closed, until f says false; f may not release. True: f never did.
 */
bool h2_slots_each(
    struct h2_conn *conn, bool (*f)(struct h2_conn *, struct h2_slot *, int64_t), int64_t argument);

/* Stop handing out and waiting: nothing of the connection points at the slot any more but the map.
 */
void h2_slot_detach(struct h2_conn *conn, struct h2_slot *slot);

/* Nobody holds the stream any more, which is closed and detached. */
void h2_slot_give_back(struct h2_conn *conn, struct h2_slot *slot, enum h2_gone how);

/* A number that was never used: that of a stream in state idle. */
static inline bool
h2_is_idle(const struct h2_conn *conn, uint32_t id)
{
    return id > conn->last_id || (id & 1) == 0;
}

/* How a stream that is not idle was closed; slot is NULL or closed. */
enum h2_gone h2_how_gone(const struct h2_conn *conn, uint32_t id, const struct h2_slot *slot);
void h2_remember(struct h2_conn *conn, uint32_t id, enum h2_gone how);

/* A stream error: RST_STREAM into the output and, for a stream that is held and open, H2_RESET into
 * *event. A connection error when the peer provokes too many. */
COLD enum h2_step h2_stream_error(struct h2_conn *conn, uint32_t id, struct h2_slot *slot,
    enum h2_code code, struct h2_event *event);

/* ---- flow.c ---- */

/* DATA came: count it, and let the peer send as much again. False: it was more than allowed. */
bool h2_flow_receive(struct h2_conn *conn, uint32_t len);
void h2_flow_consumed(struct h2_conn *conn, struct h2_slot *slot, uint32_t len);
enum h2_step h2_take_window_update(
    struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event);

/* The peer's SETTINGS_INITIAL_WINDOW_SIZE. False: a window would overflow. */
bool h2_flow_peer_window(struct h2_conn *conn, uint32_t window);

/* Our SETTINGS were acked: streams that are open get what we offered. */
void h2_flow_settle(struct h2_conn *conn);

/* A stream is reset here, with so much of its window unused: that may be on its way. */
void h2_flow_let_late(struct h2_conn *conn, int32_t window);

/* DATA came for such a stream. False: more than all their windows allow. */
bool h2_flow_receive_late(struct h2_conn *conn, uint32_t len);

/* The next H2_WRITABLE that is due. False: none. */
bool h2_flow_next_writer(struct h2_conn *conn, struct h2_event *event);

/* ---- growth.c ---- */

/* Take so much of the whole budget, or of a part, 1 / share. False: it is not to be had, which is
 * noted. */
bool h2_borrow(struct h2_conn *conn, uint32_t len, unsigned share);
void h2_give_back(struct h2_conn *conn, uint64_t len);

/* A slot, or all of them, will be no more: return what it holds of the budget. */
void h2_flow_forget(struct h2_conn *conn, struct h2_slot *slot);
void h2_flow_forget_all(struct h2_conn *conn);

/* Credit is about to be told: add what the stream's window grows by. */
void h2_grow(struct h2_conn *conn, struct h2_slot *slot);

/* Credit was told: measure, if it is time. */
void h2_probe(struct h2_conn *conn);

/* A PING was answered. True: it was that of a probe. */
bool h2_flow_probed(struct h2_conn *conn, uint64_t opaque);

/* ---- limits.c ---- */

void h2_limits_init(struct h2_conn *conn);
void h2_limit_hit(struct h2_conn *conn, enum h2_limit limit);

/* A limit whose hit ends the connection: ENHANCE_YOUR_CALM. */
COLD enum h2_step h2_fail_limit(
    struct h2_conn *conn, struct h2_event *event, enum h2_limit limit, const char *why);

/* Each takes from one allowance; false: it is used up. */
bool h2_reset_allowed(struct h2_conn *conn);
bool h2_stream_reset_allowed(struct h2_conn *conn, uint32_t id);
bool h2_local_reset_allowed(struct h2_conn *conn);
void h2_pay_for_list(struct h2_conn *conn, size_t list_size);
bool h2_idle_frame_allowed(struct h2_conn *conn);
bool h2_reply_allowed(struct h2_conn *conn);

/* The peer has sent a PING. False: one too many too early (gRFC A8). */
bool h2_ping_allowed(struct h2_conn *conn);

void h2_replies_written(struct h2_conn *conn);

/* Does the peer read what it asks for? */
bool h2_answers_are_read(const struct h2_conn *conn);

/* A client may reset what it has asked for too much of: of five attempts at a call, which is the
 * most (gRFC A6), four when one is answered. */
#define H2_RESETS_MAX 1000
#define H2_RESETS_PER_ANSWER 4

/* The server is through with a stream that the peer has not reset. */
static inline void
h2_count_answer(struct h2_conn *conn, bool in_full)
{
    conn->answers_new++;
    if (in_full && conn->resets.tokens < H2_RESETS_MAX)
        conn->resets.tokens += H2_RESETS_PER_ANSWER;
}

/* A client opens a stream, which last_id does not tell of yet. Numbers tell the age: streams are
 * opened in spans of H2_RESET_PATIENCE, of which the one at hand began at span_at. Those up to
 * aging_id were there before it, and those up to aged_id before the one that preceded it. */
#define H2_RESET_PATIENCE (50 * WEIR_MILLISECOND)

static inline void
h2_count_opened(struct h2_conn *conn)
{
    if (conn->now - conn->span_at < H2_RESET_PATIENCE)
        return;
    conn->aged_id = conn->aging_id;
    conn->aging_id = conn->last_id;
    conn->span_at = conn->now;
}

/* Something useful passed: headers or content in, content out. */
#define H2_IDLE_FRAMES_MAX 100000
#define H2_IDLE_FRAMES_PER_USE 10

static inline void
h2_progress(struct h2_conn *conn)
{
    conn->ping_free = true;
    if (conn->idle_frames.tokens < H2_IDLE_FRAMES_MAX)
        conn->idle_frames.tokens += H2_IDLE_FRAMES_PER_USE;
}
