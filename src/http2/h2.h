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
    H2_LIMIT_CONTROL_FRAMES, /* PING, SETTINGS acks, answers owed while the peer does not read */
    H2_LIMIT_EMPTY_FRAMES,   /* empty DATA without END_STREAM */
    H2_LIMIT_PRIORITY,       /* PRIORITY and other frames that carry nothing */
    H2_LIMIT_SETTINGS,       /* entries in one SETTINGS frame, SETTINGS frames in a row */
    H2_LIMIT_PINGS,          /* PING more often than ping_interval */
    H2_LIMIT_UNREAD,         /* window that the budget did not allow */
    H2_LIMIT_COUNT
};

struct h2_stats {
    _Atomic uint64_t limit_hits[H2_LIMIT_COUNT]; /* read by any thread */
    _Atomic uint64_t protocol_errors;            /* connection errors but for those of limits */
};

/* Bytes that peers may send, or have sent, beyond the window that every stream begins with, and
 * that nobody has read yet: of all connections that share it. Owned by the user; it outlives them.
 */
struct h2_budget {
    uint64_t used, limit;
    uint64_t held, held_limit; /* what has come and is kept: see h2_options.budget. 0: no limit */
    _Atomic uint64_t denied;   /* calls that were ended since too much is held */
};

/* Zero is the default of every field but role. */
struct h2_options {
    enum h2_role role;
    uint32_t max_concurrent_streams; /* that the peer may open; 100 (a client offers none) */
    uint32_t stream_window;          /* bytes the peer may send on a stream unasked; 64 KiB */
    uint32_t max_stream_window; /* what that may grow to, of one that is read; it does not grow */
    uint32_t connection_window; /* and on the connection; 2 MiB */
    uint32_t max_frame_size;    /* that we take; 16 KiB */
    size_t max_header_list;     /* 16 KiB */
    int64_t ping_interval, ping_interval_idle; /* nanoseconds between the peer's PINGs, while it has
                                                  streams and while not; any */
    struct h2_budget *budget;                  /* borrowed; without it there is no limit */
    size_t max_output;        /* bytes of output held before streams must wait; 256 KiB */
    struct buf_pool *outputs; /* borrowed: where the memory of output comes from and goes back to
                                 when all is written; without it a connection keeps its own */
    struct h2_stats *stats;   /* borrowed, may be NULL */
};

/* A stream is its user's from H2_HEADERS (server) or h2_stream_open (client) until
 * h2_stream_release, whatever the peer does meanwhile. */
struct h2_stream {
    uint32_t id;    /* a client's: 0 until its headers are sent */
    bool mark;      /* the user's own, false at first */
    uint16_t count; /* likewise, 0 at first */
    void *user;     /* likewise, NULL at first */
};

struct h2_conn;

enum h2_event_type {
    H2_NEED_INPUT, /* nothing more until there is more input, or output has been taken */
    H2_HEADERS,  /* server: a request, on a new stream; client: the final response headers. block */
    H2_DATA,     /* data, len; end_stream. Pads are taken off. The bytes live until the next call */
    H2_TRAILERS, /* block; always the end of the peer's half */
    H2_RESET,    /* code; remote: the peer's RST_STREAM, else our own finding, already sent;
                    unprocessed: the server never saw it (GOAWAY, REFUSED_STREAM). Last of its stream
                  */
    H2_WRITABLE, /* a stream that asked (h2_stream_want_room) has room */
    H2_READY,    /* the peer's first SETTINGS have arrived */
    H2_PING_ACK, /* opaque */
    H2_GOAWAY, /* code, data, len: the peer takes no new streams; lost ones get H2_RESET after it */
    H2_FAILED  /* code, data, len (why, ours): connection error. GOAWAY is in the output: write
                  it, then close. No event follows */
};

struct h2_event {
    enum h2_event_type type;
    struct h2_stream *stream; /* HEADERS, DATA, TRAILERS, RESET, WRITABLE */
    struct h2_block *block; /* HEADERS, TRAILERS: borrowed until the next call; ref it to keep it */
    const uint8_t *data;    /* DATA, GOAWAY, FAILED */
    size_t len;
    bool end_stream;          /* HEADERS, DATA */
    bool remote, unprocessed; /* RESET */
    enum h2_code code;        /* RESET, GOAWAY, FAILED */
    uint64_t opaque;          /* PING_ACK */
};

/* ---- life ---- */

/* The connection preface and first SETTINGS are in the output at once. NULL: no memory. */
struct h2_conn *h2_conn_new(const struct h2_options *options);

/* Streams that are still held die with it. */
void h2_conn_free(struct h2_conn *conn);

/* Give back the memory that only load needs. For a connection that has been quiet for a while. */
void h2_conn_trim(struct h2_conn *conn);

/* The time (nanoseconds, monotonic) for the buckets that bound floods. Say it before each read
 * batch. */
void h2_conn_set_time(struct h2_conn *conn, int64_t now);

/* ---- input ---- */

/* Bytes of the peer's. What is taken goes off their front. */
struct h2_input {
    const uint8_t *at;
    size_t left;
};

/* Take the next event out of the input. At H2_NEED_INPUT what is left (less than a frame; of DATA
 * nothing) must be put in front of the next bytes. Call it once with no input after output was
 * taken, for H2_WRITABLE. */
void h2_conn_next(struct h2_conn *conn, struct h2_input *in, struct h2_event *out_event);

/* Server, upon H2_HEADERS without end_stream: take the content too, if all of it is at hand in the
 * frame behind, as a small request's mostly is; the stream then has no H2_DATA. *out_data points
 * into the caller's bytes. False: it comes as events, or not at all. */
WEIR_CHECK bool h2_stream_take_content(struct h2_conn *conn, struct h2_stream *stream,
    struct h2_input *in, const uint8_t **out_data, size_t *out_len);

/* Would h2_conn_next have an event without input? */
bool h2_conn_has_event(const struct h2_conn *conn);

/* ---- output ---- */

struct h2_span {
    const uint8_t *data;
    size_t len;
};

/* The bytes to write, as up to `max` spans; the number of spans, 0 when there is nothing. They are
 * good until anything else is done with the connection; h2_conn_wrote takes bytes off the front. */
size_t h2_conn_output(struct h2_conn *conn, struct h2_span *spans, size_t max);
void h2_conn_wrote(struct h2_conn *conn, size_t len);

/* ---- what comes next ---- */

/* Server: the contents of requests at *data that have the headers of this block, which the last
 * request had, each in one frame behind them; up to the first one that is otherwise. *data moves
 * past those. They may still turn out to be none: nothing of them was judged, and the connection
 * knows nothing of them. */
size_t h2_conn_ahead(const struct h2_conn *conn, const struct h2_block *block, const uint8_t **data,
    size_t len, struct h2_span *out_contents, size_t max);

/* ---- streams ---- */

/* Client: a new stream, idle until its headers are sent. NULL: the peer's limit of streams is
 * reached, it has said GOAWAY, ids have run out, or no memory. */
struct h2_stream *h2_stream_open(struct h2_conn *conn);

/* How many more streams h2_stream_open will give. */
uint32_t h2_conn_streams_left(const struct h2_conn *conn);

/* Send a header block (see hpack_encode for `fixed`): request or response headers, or with
 * end_stream after them trailers. False: no memory, the stream is as it was; or the stream is
 * closed for sending. */
bool h2_stream_send_headers(struct h2_conn *conn, struct h2_stream *stream,
    const struct h2_field *fixed, size_t fixed_count, const struct h2_field *extra,
    size_t extra_count, bool end_stream);

/* Does the peer take a header list of this size (RFC 9113, 10.5.1, SETTINGS_MAX_HEADER_LIST_SIZE)?
 * One that did not say takes any. Either list may be empty. */
bool h2_conn_takes_headers(const struct h2_conn *conn, const struct h2_field *fixed,
    size_t fixed_count, const struct h2_field *extra, size_t extra_count);

/* Server: response headers of these fixed fields alone, and `len` bytes of content behind them,
 * which the caller writes at once. NULL where that takes more than a copy, or there is no room:
 * nothing was sent, send them one after the other. */
uint8_t *h2_stream_send_opening(struct h2_conn *conn, struct h2_stream *stream,
    const struct h2_field *fixed, size_t fixed_count, size_t len);

/* Server: trailers of these fixed fields alone, and give the stream back, whose request has ended.
 * False where that takes more: nothing was done, send them and release the stream. */
bool h2_stream_finish(struct h2_conn *conn, struct h2_stream *stream, const struct h2_field *fixed,
    size_t fixed_count);

/* How many bytes may be sent now: both windows and the output's limit together. 0 once closed. */
size_t h2_stream_room(const struct h2_conn *conn, const struct h2_stream *stream);

/* Send bytes in DATA frames; len must not be over h2_stream_room (0 with end_stream is always
 * allowed). False: no memory, closed, no headers before it, or over the room; nothing was sent. */
bool h2_stream_send_data(
    struct h2_conn *conn, struct h2_stream *stream, const void *bytes, size_t len, bool end_stream);

/* The same without a copy of the caller's: the place for `len` bytes of payload in one frame, which
 * the caller fills before anything else is done with the connection. len <= h2_stream_room and <=
 * the peer's SETTINGS_MAX_FRAME_SIZE (h2_conn_max_frame). NULL: no memory or closed. */
uint8_t *h2_stream_send_data_in_place(
    struct h2_conn *conn, struct h2_stream *stream, size_t len, bool end_stream);
uint32_t h2_conn_max_frame(const struct h2_conn *conn);

/* How many bytes may be lent now: what the windows let, where there is room. */
size_t h2_stream_lendable(const struct h2_conn *conn, const struct h2_stream *stream);

/* The same without any copy: the output points to the bytes, so that they go from where they lie.
 * len <= h2_stream_lendable. Until h2_conn_keep nothing else may be done with the connection than
 * to take its output. */
bool h2_stream_lend_data(struct h2_conn *conn, struct h2_stream *stream, const uint8_t *bytes,
    size_t len, bool end_stream);

/* What was lent is the caller's again: of what was not written a copy is kept, as much as the
 * output may hold. How many of the last bytes were neither: they, and the end of the stream if
 * there was to be one, are still to be sent. */
size_t h2_conn_keep(struct h2_conn *conn);

/* Ask for one H2_WRITABLE when h2_stream_room is no longer 0. First asked, first told. */
void h2_stream_want_room(struct h2_conn *conn, struct h2_stream *stream);

/* The user has consumed so many bytes of H2_DATA: the peer may send as many more on this stream, or
 * rather more than that while the window grows.
 * (The connection's own window is credited on arrival, so a slow stream holds up none but itself.)
 */
void h2_stream_consumed(struct h2_conn *conn, struct h2_stream *stream, size_t len);

/* So many bytes the peer may send on the stream as things are. */
size_t h2_stream_window(const struct h2_stream *stream);

/* More than half of it is used: lend with care. */
bool h2_conn_budget_is_scarce(const struct h2_conn *conn);

/* Let the peer send at least `len` bytes beyond what the user has got, for a message larger than
 * the window. False: the budget is used up. */
WEIR_CHECK bool h2_stream_expect(struct h2_conn *conn, struct h2_stream *stream, size_t len);

/* Send RST_STREAM, unless the stream is closed already. No event follows for it. */
void h2_stream_reset(struct h2_conn *conn, struct h2_stream *stream, enum h2_code code);

/* Give the stream back. One that is still open is reset: NO_ERROR by a server that has sent
 * END_STREAM (RFC 9113, 8.1), else CANCEL. It counts as concurrent until this is called. */
void h2_stream_release(struct h2_conn *conn, struct h2_stream *stream);

/* ---- the connection ---- */

/* Server: the first step of a graceful end, GOAWAY(2^31-1, NO_ERROR) with a text for the log, and a
 * PING (opaque) whose H2_PING_ACK is the moment for h2_conn_drain_finish: GOAWAY with the true last
 * stream. */
void h2_conn_drain(struct h2_conn *conn, const char *debug, uint64_t opaque);
void h2_conn_drain_finish(struct h2_conn *conn);

/* End it now: GOAWAY with this code; the input is dropped from here on. */
void h2_conn_shutdown(struct h2_conn *conn, enum h2_code code, const char *debug);

/* Send a PING; H2_PING_ACK brings the opaque value back. */
void h2_conn_ping(struct h2_conn *conn, uint64_t opaque);

/* True once GOAWAY was said by either side and the last stream was released: time to close. */
bool h2_conn_done(const struct h2_conn *conn);

/* Has the peer acknowledged our SETTINGS? (One that does not for long: h2_conn_shutdown,
 * SETTINGS_TIMEOUT.) */
bool h2_conn_settings_acked(const struct h2_conn *conn);

/* Was it ended for its PINGs, which is a client's setting rather than malice? */
bool h2_conn_pinged_too_often(const struct h2_conn *conn);

/* Bytes that either side may send on all streams together: the connection's windows. */
void h2_conn_windows(const struct h2_conn *conn, int32_t *out_send, int32_t *out_receive);

/* Streams that are held by their users. */
uint32_t h2_conn_stream_count(const struct h2_conn *conn);

/* Server: would a further one be refused? */
bool h2_conn_is_full(const struct h2_conn *conn);

/* Each of them. f may release the stream, but open none. */
void h2_conn_each_stream(
    struct h2_conn *conn, void (*f)(struct h2_stream *stream, void *arg), void *arg);
