/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/2 connection (RFC 9113) without I/O: bytes in, events out; frames in, bytes out. */
/* Threads: one owner at a time. */
#pragma once

#include "base/buf_pool.h"
#include "base/counter.h"
#include "base/list.h"
#include "http2/hpack.h"

/* Error codes, RFC 9113 section 7. */
enum h2_code {
    H2_NO_ERROR = 0x0,
    H2_PROTOCOL_ERROR = 0x1,
    H2_INTERNAL_ERROR = 0x2,
    H2_FLOW_CONTROL_ERROR = 0x3,
    H2_SETTINGS_TIMEOUT = 0x4,
    H2_STREAM_CLOSED = 0x5,
    H2_FRAME_SIZE_ERROR = 0x6,
    H2_REFUSED_STREAM = 0x7,
    H2_CANCEL = 0x8,
    H2_COMPRESSION_ERROR = 0x9,
    H2_CONNECT_ERROR = 0xa,
    H2_ENHANCE_YOUR_CALM = 0xb,
    H2_INADEQUATE_SECURITY = 0xc,
    H2_HTTP_1_1_REQUIRED = 0xd
};

enum h2_role { H2_SERVER, H2_CLIENT };

/* The limits a peer can hit; each hit is counted in h2_stats. */
enum h2_limit {
    H2_LIMIT_HEADER_LIST,    /* a block over max_header_list */
    H2_LIMIT_CONTINUATIONS,  /* too many or too long CONTINUATIONs */
    H2_LIMIT_STREAMS,        /* over max_concurrent_streams: refused */
    H2_LIMIT_RESETS,         /* rapid reset: the peer reset too many streams */
    H2_LIMIT_LOCAL_RESETS,   /* MadeYouReset: the peer provoked too many resets */
    H2_LIMIT_CONTROL_FRAMES, /* PING, SETTINGS acks, replies queued while the peer does not read */
    H2_LIMIT_EMPTY_FRAMES,   /* empty DATA without END_STREAM */
    H2_LIMIT_PRIORITY,       /* PRIORITY and other frames that carry nothing */
    H2_LIMIT_SETTINGS,       /* entries in one SETTINGS frame, SETTINGS frames in a row */
    H2_LIMIT_PINGS,          /* PING more often than ping_interval */
    H2_LIMIT_UNREAD,         /* flow-control window beyond the budget */
    H2_LIMIT_HELD,           /* requests refused because the server holds too much content */
    H2_LIMIT_COUNT
};

struct h2_stats {
    _Atomic uint64_t limit_hits[H2_LIMIT_COUNT]; /* read by any thread */
    _Atomic uint64_t protocol_errors;            /* connection errors other than exceeded limits */
};

/* Flow-control window granted to peers beyond each stream's initial window, and not yet consumed by
 * the application, in bytes; shared by connections. Owned by the user; must outlive them. */
struct h2_budget {
    uint64_t used, limit;
    uint64_t held, held_limit; /* received bytes held in memory; held_limit 0: no limit */
    _Atomic uint64_t denied;   /* calls ended because `held` was over its limit */
};

/* Zero selects each field's default, which is given last; role has none. */
struct h2_options {
    enum h2_role role;
    uint32_t max_concurrent_streams; /* that the peer may open; 100 (clients allow none) */
    uint32_t stream_window;          /* initial receive window of a stream, in bytes; 64 KiB */
    uint32_t max_stream_window;      /* that it may grow to while the stream is read; no growth */
    uint32_t connection_window;      /* the connection's receive window; 2 MiB */
    uint32_t max_frame_size;         /* largest frame accepted; 16 KiB */
    size_t max_header_list;          /* 16 KiB */
    int64_t ping_interval, ping_interval_idle; /* minimum nanoseconds between the peer's PINGs, with
                                                  streams and without; no minimum */
    struct h2_budget *budget;                  /* borrowed; no limit */
    size_t max_output;        /* bytes of output buffered before streams must wait; 256 KiB */
    struct buf_pool *outputs; /* borrowed; output buffers are taken from it and returned once
                                 written. Default: the connection keeps its own */
    struct h2_stats *stats;   /* borrowed, may be NULL */
};

/* A stream is valid from H2_HEADERS (server) or h2_stream_open (client) until the user calls
 * h2_stream_release, whatever the peer does meanwhile. */
struct h2_stream {
    uint32_t id;    /* client: 0 until the headers are sent */
    bool mark;      /* for the user, initially false */
    uint16_t count; /* likewise, initially 0 */
    void *user;     /* likewise, initially NULL */
};

struct h2_conn;

enum h2_event_type {
    H2_NEED_INPUT, /* no event until there is more input or output has been written */
    H2_HEADERS, /* block. Server: a request, on a new stream; client: the final response headers */
    H2_DATA, /* data, len, without padding; end_stream. The bytes are valid until the next call */
    H2_TRAILERS, /* block; always end the peer's side of the stream */
    H2_RESET, /* code; remote: the peer sent RST_STREAM, else it was sent here for a stream error;
                 unprocessed: the server did not process the request (GOAWAY, REFUSED_STREAM). The
                 stream's last event */
    H2_WRITABLE, /* there is room on a stream that waits for it (h2_stream_want_room) */
    H2_READY,    /* the peer's first SETTINGS have arrived */
    H2_PING_ACK, /* opaque */
    H2_GOAWAY,   /* code, data, len: the peer accepts no new streams; H2_RESET follows for those it
                    did not process */
    H2_FAILED    /* connection error: code, and its reason in data and len. GOAWAY is in the output:
                    write it, then close. No event follows */
};

struct h2_event {
    enum h2_event_type type;
    struct h2_stream *stream; /* HEADERS, DATA, TRAILERS, RESET, WRITABLE */
    struct h2_block *block;   /* HEADERS, TRAILERS: valid until the next call unless referenced */
    const uint8_t *data;      /* DATA, GOAWAY, FAILED */
    size_t len;
    bool end_stream;          /* HEADERS, DATA */
    bool remote, unprocessed; /* RESET */
    enum h2_code code;        /* RESET, GOAWAY, FAILED */
    uint64_t opaque;          /* PING_ACK */
};

/* ---- life ---- */

/* Create a connection, with the preface and first SETTINGS in its output. NULL: no memory. */
struct h2_conn *h2_conn_new(const struct h2_options *options);

/* Frees also the streams not yet released. */
void h2_conn_free(struct h2_conn *conn);

/* Free memory that only an active connection needs; for one that has been idle for a while. */
void h2_conn_trim(struct h2_conn *conn);

/* Set the time (monotonic, nanoseconds) used by rate limits. Call it before each batch of input. */
void h2_conn_set_time(struct h2_conn *conn, int64_t now);

/* ---- input ---- */

/* Received bytes; h2_conn_next consumes them from the front. */
struct h2_input {
    const uint8_t *at;
    size_t left;
};

/* Parse the input up to the next event. At H2_NEED_INPUT the rest (an incomplete frame, never of
 * DATA payload) must be passed again in front of the next bytes. Call it after h2_conn_wrote too,
 * without input, for H2_WRITABLE. */
void h2_conn_next(struct h2_conn *conn, struct h2_input *in, struct h2_event *out_event);

/* Server, upon H2_HEADERS without end_stream: take all of the content if it is in the next frame of
 * the input, as with most small requests; no H2_DATA follows then. *out_data points into the input.
 * False: it comes as events, if at all. */
WEIR_CHECK bool h2_stream_take_content(struct h2_conn *conn, struct h2_stream *stream,
    struct h2_input *in, const uint8_t **out_data, size_t *out_len);

/* Does h2_conn_next have an event without further input? */
bool h2_conn_has_event(const struct h2_conn *conn);

/* ---- output ---- */

struct h2_span {
    const uint8_t *data;
    size_t len;
};

/* The bytes to write, as up to `max` spans; returns their number, 0 if there is nothing. They are
 * valid until the next operation on the connection; h2_conn_wrote removes bytes from the front. */
size_t h2_conn_output(struct h2_conn *conn, struct h2_span *spans, size_t max);
void h2_conn_wrote(struct h2_conn *conn, size_t len);

/* ---- lookahead ---- */

/* Server: peek at the requests at *data whose header blocks repeat this one, the last request's,
 * and whose content is one DATA frame; stops at the first request that differs and moves *data to
 * it. Returns their number, their contents in out_contents. Nothing is validated and the
 * connection's state does not change, so these requests may still be rejected. */
size_t h2_conn_ahead(const struct h2_conn *conn, const struct h2_block *block, const uint8_t **data,
    size_t len, struct h2_span *out_contents, size_t max);

/* ---- streams ---- */

/* Client: create a stream, idle until its headers are sent. NULL: the peer's limit of concurrent
 * streams is reached, it has sent GOAWAY, stream ids are exhausted, or no memory. */
struct h2_stream *h2_stream_open(struct h2_conn *conn);

/* How many more streams h2_stream_open can create now. */
uint32_t h2_conn_streams_left(const struct h2_conn *conn);

/* Send a header block (see hpack_encode for `fixed`): request or response headers or, after those
 * and with end_stream, trailers. False: no memory, and the stream is unchanged; or the stream is
 * closed for sending. */
bool h2_stream_send_headers(struct h2_conn *conn, struct h2_stream *stream,
    const struct h2_field *fixed, size_t fixed_count, const struct h2_field *extra,
    size_t extra_count, bool end_stream);

/* Is this header list within the peer's SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, section 10.5.1),
 * if it has set one? Either array may be empty. */
bool h2_conn_takes_headers(const struct h2_conn *conn, const struct h2_field *fixed,
    size_t fixed_count, const struct h2_field *extra, size_t extra_count);

/* Server, fast path: send response headers of only these fixed fields and a DATA frame whose `len`
 * bytes of payload the caller writes to the returned place at once. NULL: not possible, or there is
 * no room; nothing was sent, so use the separate functions. */
uint8_t *h2_stream_send_opening(struct h2_conn *conn, struct h2_stream *stream,
    const struct h2_field *fixed, size_t fixed_count, size_t len);

/* Server, fast path: send trailers of only these fixed fields and release the stream, whose request
 * has ended. False: not possible; nothing was done, so use the separate functions. */
bool h2_stream_finish(struct h2_conn *conn, struct h2_stream *stream, const struct h2_field *fixed,
    size_t fixed_count);

/* How many bytes of DATA may be sent now, by both windows and max_output. 0 once closed. */
size_t h2_stream_room(const struct h2_conn *conn, const struct h2_stream *stream);

/* Send bytes in DATA frames; len must not be over h2_stream_room (0 with end_stream is always
 * allowed). False: no memory, closed, headers not sent yet, or len over the room; nothing was sent.
 */
bool h2_stream_send_data(
    struct h2_conn *conn, struct h2_stream *stream, const void *bytes, size_t len, bool end_stream);

/* The same, but returns the place for `len` bytes of payload in one frame, which the caller fills
 * before the next operation on the connection. len <= h2_stream_room and <= the peer's
 * SETTINGS_MAX_FRAME_SIZE (h2_conn_max_frame). NULL: no memory or closed. */
uint8_t *h2_stream_send_data_in_place(
    struct h2_conn *conn, struct h2_stream *stream, size_t len, bool end_stream);
uint32_t h2_conn_max_frame(const struct h2_conn *conn);

/* How many bytes may be lent now: what both windows allow; 0 if the output has no room. */
size_t h2_stream_lendable(const struct h2_conn *conn, const struct h2_stream *stream);

/* Send without copying: the output refers to the caller's bytes. len <= h2_stream_lendable. Until
 * h2_conn_keep, only h2_conn_output and h2_conn_wrote may be called. */
bool h2_stream_lend_data(struct h2_conn *conn, struct h2_stream *stream, const uint8_t *bytes,
    size_t len, bool end_stream);

/* End the loan: copies unwritten bytes to the output, as far as it has room. Returns how many bytes
 * at the end were neither written nor copied: those are still to be sent, with END_STREAM if it was
 * asked for. */
size_t h2_conn_keep(struct h2_conn *conn);

/* Ask for one H2_WRITABLE when h2_stream_room is no longer 0. Served in the order of asking. */
void h2_stream_want_room(struct h2_conn *conn, struct h2_stream *stream);

/* The user has consumed `len` bytes of H2_DATA: lets the peer send as many more on this stream, and
 * more while its window grows. (The connection's window is credited on arrival, so a slow stream
 * blocks only itself.) */
void h2_stream_consumed(struct h2_conn *conn, struct h2_stream *stream, size_t len);

/* The stream's receive window: how many bytes the peer may still send. */
size_t h2_stream_window(const struct h2_stream *stream);

/* Is more than half of the budget used? */
bool h2_conn_budget_is_scarce(const struct h2_conn *conn);

/* Raise the window so that the peer may send at least `len` bytes beyond what the user has
 * received, for a message larger than the window. False: the budget is exhausted. */
WEIR_CHECK bool h2_stream_expect(struct h2_conn *conn, struct h2_stream *stream, size_t len);

/* Send RST_STREAM, unless the stream is closed already. No event follows for it. */
void h2_stream_reset(struct h2_conn *conn, struct h2_stream *stream, enum h2_code code);

/* Release the stream. If still open it is reset, with NO_ERROR by a server that has sent END_STREAM
 * (RFC 9113, section 8.1), else with CANCEL. It counts as concurrent until then. */
void h2_stream_release(struct h2_conn *conn, struct h2_stream *stream);

/* ---- the connection ---- */

/* Server: start a graceful shutdown with GOAWAY(2^31-1, NO_ERROR), debug data and a PING (opaque).
 * At its H2_PING_ACK call h2_conn_drain_finish, which sends GOAWAY with the actual last stream. */
void h2_conn_drain(struct h2_conn *conn, const char *debug, uint64_t opaque);
void h2_conn_drain_finish(struct h2_conn *conn);

/* Shut down at once: send GOAWAY with this code; further input is discarded. */
void h2_conn_shutdown(struct h2_conn *conn, enum h2_code code, const char *debug);

/* Send a PING; H2_PING_ACK brings the opaque value back. */
void h2_conn_ping(struct h2_conn *conn, uint64_t opaque);

/* Has either side sent GOAWAY, and is the last stream released? Then close the connection. */
bool h2_conn_done(const struct h2_conn *conn);

/* Has the peer acknowledged our SETTINGS? (If it does not for too long: h2_conn_shutdown with
 * SETTINGS_TIMEOUT.) */
bool h2_conn_settings_acked(const struct h2_conn *conn);

/* Was it ended for too many PINGs, which suggests a client's configuration rather than an attack?
 */
bool h2_conn_pinged_too_often(const struct h2_conn *conn);

/* The connection's flow-control windows, in bytes. */
void h2_conn_windows(const struct h2_conn *conn, int32_t *out_send, int32_t *out_receive);

/* Streams not yet released. */
uint32_t h2_conn_stream_count(const struct h2_conn *conn);

/* Server: would another stream be refused? */
bool h2_conn_is_full(const struct h2_conn *conn);

/* Call f for each stream; it may release that stream, but not open one. */
void h2_conn_each_stream(
    struct h2_conn *conn, void (*f)(struct h2_stream *stream, void *arg), void *arg);
