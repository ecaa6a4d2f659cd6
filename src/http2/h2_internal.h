/* SPDX-License-Identifier: Apache-2.0 */
/* Internals shared by the files of the HTTP/2 connection; not included outside this folder. */
/* Threads: one owner at a time. */
#pragma once

#include "base/buf_pool.h"
#include "base/bytes.h"
#include "base/hint.h"
#include "http2/h2.h"

/* ---- protocol constants, RFC 9113 sections 4.1, 6 and 6.5.2 ---- */

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
    const uint8_t *payload; /* complete, except of DATA and unknown frame types */
};

/* Parse a frame header; `at` has H2_FRAME_HEADER bytes. */
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
    H2_GOT_HEADERS = 0x2, /* of a request or a final response */
    H2_GOT_END = 0x4,     /* END_STREAM received: half-closed (remote) */
    H2_SENT_HEADERS = 0x8,
    H2_SENT_END = 0x10,    /* half-closed (local) */
    H2_RESET_HERE = 0x20,  /* closed by our RST_STREAM */
    H2_RESET_THERE = 0x40, /* closed by the peer's RST_STREAM or GOAWAY */
    H2_BLOCKED = 0x80,     /* in `blocked` */
    H2_SENT_HEAD = 0x100,  /* a HEAD request: no content, despite a content-length */

    H2_RESET_EITHER = H2_RESET_HERE | H2_RESET_THERE,
    H2_ENDED_BOTH = H2_GOT_END | H2_SENT_END
};

/* A stream. One cache line; its address is stable until the user releases it. */
struct h2_slot {
    struct h2_stream open; /* the public part; first, so that the two share an address */
    struct list link; /* in `blocked`, `writers`, `lost`, the free list (`next` only), or none */
    int64_t content_left;   /* of content-length; -1: no content-length */
    int32_t send_window;    /* negative after the peer has reduced it (RFC 9113, section 6.9.2) */
    int32_t receive_window; /* bytes the peer may still send */
    uint32_t credit;        /* bytes consumed, but not yet sent in a WINDOW_UPDATE */
    uint32_t advance; /* granted beyond the window by h2_stream_expect, and not consumed yet */
    uint32_t grown;   /* how much the window has grown beyond stream_window */
    unsigned flags;
};

_Static_assert(sizeof(struct h2_slot) == 64 || sizeof(void *) != 8, "one cache line");

/* A map entry. The id is stored beside the pointer, so that a lookup touches only the slot it
 * finds. */
struct h2_place {
    struct h2_slot *slot; /* NULL: the entry is free */
    uint32_t id;
    uint32_t pushed; /* distance from its home place */
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

/* How a stream without a slot, or with a closed one, was closed. */
enum h2_gone {
    H2_GONE_ENDED,       /* END_STREAM on both sides */
    H2_GONE_RESET_HERE,  /* frames may still be in flight: ignore them */
    H2_GONE_RESET_THERE, /* the peer knows that it is closed */
    H2_GONE_FORGOTTEN,   /* closed too long ago to be remembered */
    H2_GONE_NEVER        /* skipped: closed by the use of a higher id (RFC 9113, section 5.1.1) */
};

#define H2_REMEMBERED 32u

/* ---- limits ---- */

/* A token bucket; what costs a token is in limits.c. */
struct h2_bucket {
    int64_t since;
    int32_t tokens;
};

/* Frames are accepted in the first two. */
enum h2_phase {
    H2_PHASE_SETTINGS, /* the peer's first frame must be SETTINGS */
    H2_PHASE_OPEN,
    H2_PHASE_PREFACE, /* server: the client's connection preface is incomplete */
    H2_PHASE_DEAD
};

struct h2_chunk;

/* Bytes lent to the output. They are sent as DATA frames after the contents of `out`, whose end
 * holds the frame headers:
 *
 *   out    | before | header | header | header |
 *   wire   | before | header, max bytes | header, max bytes | header, the rest |
 *                       at: bytes of this written so far */
struct h2_loan {
    const uint8_t *bytes; /* NULL: nothing is lent */
    size_t len, max, at;
    struct h2_slot *slot;
    bool end_stream;
};

/* What every request touches comes first, in five cache lines: with many connections, each access
 * to one misses the cache. */
struct h2_conn {
    enum h2_phase phase;
    bool is_server;
    bool no_memory; /* a frame could not be queued: the next h2_conn_next fails */
    bool ping_free; /* something useful was exchanged since the peer's last PING */
    bool data_end;  /* the current DATA frame has END_STREAM */

    /* Input: at most one DATA or unknown frame, or one header block, is incomplete. */
    uint32_t data_left; /* bytes of payload not handed out yet */
    uint32_t skip;      /* bytes of padding or unwanted payload to skip, after data_left */
    uint32_t block_id;  /* 0: no CONTINUATION is due */
    uint8_t empty_frames;
    uint8_t settings_frames;
    bool block_ends_stream, block_depends_on_itself;
    struct hpack_decoder *decoder; /* both created at first use, also after a trim */
    struct hpack_encoder *encoder;
    struct h2_block *lent; /* the block of the last event that had one */

    /* Streams, all opened by the client: ids are odd. */
    struct list *free_slots;
    struct h2_slot *newest; /* the one that was given an id last, until released; not in the map */

    uint32_t last_id;            /* the highest id used */
    uint32_t goaway_last;        /* in our GOAWAY; higher streams are ignored */
    uint32_t held;               /* streams not released by their users */
    uint32_t max_streams;        /* that the peer may open */
    uint32_t stream_window_used; /* of new streams: ours, but the RFC's initial one until our
                                    SETTINGS are acked */
    uint32_t max_frame;          /* that we accept */
    int32_t receive_window;      /* of the connection */
    uint32_t credit;
    uint32_t connection_window;
    uint32_t peer_window; /* the peer's settings */
    uint32_t peer_max_frame;
    int32_t send_window;               /* of the connection */
    uint32_t answers_old, answers_new; /* see h2_answers_are_read */
    uint32_t gone_next;                /* see gone below */
    uint32_t gone_forgotten;           /* the highest id that the ring has dropped */

    struct buf out;
    struct buf_pool *outputs; /* where the memory of `out` comes from; NULL: the connection's own */
    size_t max_output;
    uint64_t written; /* bytes taken from `out` in total */
    int64_t now;

    struct h2_bucket idle_frames, resets;
    int64_t span_at;     /* see h2_count_opened */
    uint64_t probed;     /* bytes of DATA received since the last probe was sent or answered */
    struct list writers; /* streams that want room and whose own window is open */

    struct list lost;                  /* streams closed by the peer's GOAWAY, to be reported */
    struct buf block;                  /* the received part of a header block in several frames */
    uint32_t replies_old, replies_new; /* see h2_reply_allowed */
    uint64_t replies_mark;

    struct h2_loan loan;
    uint32_t gone[H2_REMEMBERED]; /* a ring: id without its low bit, h2_gone in the low two */

    /* More of input. */
    struct h2_slot *data_slot;
    bool settings_acked; /* ours */
    bool goaway_received;
    bool goaway_final;     /* we have sent the actual last stream, goaway_last */
    bool encoder_dropped;  /* there was an encoder: the peer's table may have entries */
    bool connect_protocol; /* the peer's SETTINGS_ENABLE_CONNECT_PROTOCOL */
    uint8_t preface_seen;
    uint8_t continuations;
    uint64_t late; /* bytes of DATA that may still arrive for streams that were reset here */

    /* More of streams. */
    struct h2_place *map; /* open addressing, NULL while empty */
    uint32_t map_factor;
    uint32_t map_mask;  /* number of places - 1; 0 while there is no map */
    uint32_t map_shift; /* see home() */
    uint32_t map_found; /* the place found last */
    struct h2_chunk *chunks;
    uint32_t slot_count;       /* in all chunks */
    uint32_t peer_goaway_last; /* the peer's */
    struct list blocked;       /* streams that want room but whose own window is shut */

    /* Of flow control. */
    uint32_t stream_window; /* what we offer */
    uint32_t max_stream_window;
    uint32_t target;          /* what the window of a stream that is being read grows to */
    uint64_t borrowed;        /* from the budget: the sum of all streams' advance and grown */
    uint64_t bandwidth;       /* the highest measured, bytes per second */
    int64_t probed_at;        /* when its PING was queued */
    uint32_t probe_rest;      /* occasions to skip before the next probe, */
    uint32_t probe_rest_next; /* and after that one if it finds no higher bandwidth */
    bool probing;             /* its PING is not acknowledged yet */
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

    /* The DATA frame at the end of `out`, while nothing follows it: where it begins and ends, on
     * the scale of `written`. More data of its stream extends it. */
    uint64_t data_start, data_end_at;
    uint32_t data_len, data_id;
};

/* ---- conn.c ---- */

/* The result of parsing a piece of input. */
enum h2_step {
    H2_STEP_ON,        /* no event; continue */
    H2_STEP_EVENT,     /* *event is filled in */
    H2_STEP_INCOMPLETE /* needs more input */
};

static inline void
h2_input_skip(struct h2_input *in, size_t len)
{
    in->at += len;
    in->left -= len;
}

/* Raise a connection error: GOAWAY into the output, H2_FAILED into *event. `why` is static. */
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

/* Queue the connection's first frames. */
void h2_settings_send(struct h2_conn *conn);

/* ---- message.c: RFC 9113 sections 8.1 to 8.5 on complete header blocks ---- */

/* content_length: -1 if there is none. */
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

/* Grow the output, or take its first memory from the pool. False: no memory. */
APART bool h2_out_grow(struct h2_conn *conn, size_t more);

/* buf_reserve on the output, for at least one byte. */
static inline uint8_t *
h2_out_reserve(struct h2_conn *conn, size_t more)
{
    struct buf *out = &conn->out;

    if (out->cap - out->tail < more && !h2_out_grow(conn, more))
        return NULL;
    if (out->data == NULL)
        __builtin_unreachable(); /* there is room, so data is set; lets callers check only once */
    return out->data + out->tail;
}

/* These do nothing on a dead connection, and set no_memory when there is none. */
void h2_send_frame(struct h2_conn *conn, uint8_t type, uint8_t flags, uint32_t id,
    const void *payload, size_t len);
void h2_send_rst_stream(struct h2_conn *conn, uint32_t id, enum h2_code code);
void h2_send_window_update(struct h2_conn *conn, uint32_t id, uint32_t increment);
void h2_send_goaway(struct h2_conn *conn, uint32_t last, enum h2_code code, const char *debug);

/* Account for lent bytes of a stream that were written, or copied to the output. */
void h2_count_lent(struct h2_conn *conn, struct h2_slot *slot, size_t len, bool end_stream);

/* ---- loan.c: output during a loan ---- */

size_t h2_loan_output(struct h2_conn *conn, struct h2_span *spans, size_t max);
void h2_loan_wrote(struct h2_conn *conn, size_t len);

/* ---- streams.c ---- */

/* Create a stream in state idle, with the windows of the settings; h2_slot_find finds it once
 * h2_slot_number has given it an id. NULL: no memory. */
struct h2_slot *h2_slot_take(struct h2_conn *conn);
void h2_slot_number(struct h2_conn *conn, struct h2_slot *slot, uint32_t id);
void h2_slots_free(struct h2_conn *conn);

/* NULL: no unreleased stream has this id. */
struct h2_slot *h2_slot_find(struct h2_conn *conn, uint32_t id);

/* Call f for each unreleased stream that is not closed, until it returns false; f must not release
 * any. True: it never returned false. */
bool h2_slots_each(
    struct h2_conn *conn, bool (*f)(struct h2_conn *, struct h2_slot *, int64_t), int64_t argument);

/* Remove every reference to the slot from the connection, except the map's: it gets no more data
 * and waits for nothing. */
void h2_slot_detach(struct h2_conn *conn, struct h2_slot *slot);

/* Free the slot of a stream that is closed, detached and released by its user. */
void h2_slot_give_back(struct h2_conn *conn, struct h2_slot *slot, enum h2_gone how);

/* Is this the id of a stream in state idle, never used? */
static inline bool
h2_is_idle(const struct h2_conn *conn, uint32_t id)
{
    return id > conn->last_id || (id & 1) == 0;
}

/* How a stream that is not idle was closed; slot is NULL or closed. */
enum h2_gone h2_how_gone(const struct h2_conn *conn, uint32_t id, const struct h2_slot *slot);
void h2_remember(struct h2_conn *conn, uint32_t id, enum h2_gone how);

/* Raise a stream error: RST_STREAM into the output and, for a stream that is open and unreleased,
 * H2_RESET into *event. A connection error if the peer causes too many. */
COLD enum h2_step h2_stream_error(struct h2_conn *conn, uint32_t id, struct h2_slot *slot,
    enum h2_code code, struct h2_event *event);

/* ---- flow.c ---- */

/* Account for received DATA on the connection's window, and credit it. False: it exceeds the
 * window. */
bool h2_flow_receive(struct h2_conn *conn, uint32_t len);
void h2_flow_consumed(struct h2_conn *conn, struct h2_slot *slot, uint32_t len);
enum h2_step h2_take_window_update(
    struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event);

/* The peer's SETTINGS_INITIAL_WINDOW_SIZE. False: a window would overflow. */
bool h2_flow_peer_window(struct h2_conn *conn, uint32_t window);

/* Our SETTINGS were acked: adjust open streams to our initial window. */
void h2_flow_settle(struct h2_conn *conn);

/* A stream is reset here: as many bytes as its window had left may still arrive. */
void h2_flow_let_late(struct h2_conn *conn, int32_t window);

/* Account for DATA of such streams. False: it exceeds all their windows together. */
bool h2_flow_receive_late(struct h2_conn *conn, uint32_t len);

/* The next H2_WRITABLE that is due. False: none is. */
bool h2_flow_next_writer(struct h2_conn *conn, struct h2_event *event);

/* ---- growth.c ---- */

/* Take `len` bytes from the budget, of which 1 / share may be used. False: exhausted, which is
 * counted in h2_stats. */
bool h2_borrow(struct h2_conn *conn, uint32_t len, unsigned share);
void h2_give_back(struct h2_conn *conn, uint64_t len);

/* Return what a slot, or all of them, have taken from the budget, before they are freed. */
void h2_flow_forget(struct h2_conn *conn, struct h2_slot *slot);
void h2_flow_forget_all(struct h2_conn *conn);

/* Before credit is sent: add what the stream's window grows by. */
void h2_grow(struct h2_conn *conn, struct h2_slot *slot);

/* After credit was sent: start a bandwidth probe if one is due. */
void h2_probe(struct h2_conn *conn);

/* A PING was acknowledged. True: it was a probe's. */
bool h2_flow_probed(struct h2_conn *conn, uint64_t opaque);

/* ---- limits.c ---- */

void h2_limits_init(struct h2_conn *conn);
void h2_limit_hit(struct h2_conn *conn, enum h2_limit limit);

/* A limit was exceeded: end the connection with ENHANCE_YOUR_CALM. */
COLD enum h2_step h2_fail_limit(
    struct h2_conn *conn, struct h2_event *event, enum h2_limit limit, const char *why);

/* Each charges one rate limit; false: it is exceeded. */
bool h2_reset_allowed(struct h2_conn *conn);
bool h2_stream_reset_allowed(struct h2_conn *conn, uint32_t id);
bool h2_local_reset_allowed(struct h2_conn *conn);
void h2_pay_for_list(struct h2_conn *conn, size_t list_size);
bool h2_idle_frame_allowed(struct h2_conn *conn);
bool h2_reply_allowed(struct h2_conn *conn);

/* The peer has sent a PING. False: too many too early (gRFC A8). */
bool h2_ping_allowed(struct h2_conn *conn);

void h2_replies_written(struct h2_conn *conn);

/* Does the peer read the responses to its requests? */
bool h2_answers_are_read(const struct h2_conn *conn);

/* A client that hedges resets the surplus attempts: of the five a call may have at most (gRFC A6),
 * four once one is answered. */
#define H2_RESETS_MAX 1000
#define H2_RESETS_PER_ANSWER 4

/* The server has finished a stream that the peer did not reset. */
static inline void
h2_count_answer(struct h2_conn *conn, bool in_full)
{
    conn->answers_new++;
    if (in_full && conn->resets.tokens < H2_RESETS_MAX)
        conn->resets.tokens += H2_RESETS_PER_ANSWER;
}

/* A client opens a stream, not yet counted in last_id. Ids give a stream's age: time is divided
 * into spans of H2_RESET_PATIENCE, and the current one began at span_at. Streams up to aging_id
 * were opened before it, and those up to aged_id before the previous one. */
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

/* Something useful was exchanged: headers or content received, or content sent. */
#define H2_IDLE_FRAMES_MAX 100000
#define H2_IDLE_FRAMES_PER_USE 10

static inline void
h2_progress(struct h2_conn *conn)
{
    conn->ping_free = true;
    if (conn->idle_frames.tokens < H2_IDLE_FRAMES_MAX)
        conn->idle_frames.tokens += H2_IDLE_FRAMES_PER_USE;
}
