/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a connection under test: sends it bytes, and keeps what it sent and said. */
/* Threads: one owner at a time. */
#pragma once

#include "http2/h2.h"

/* Frame types and flags, RFC 9113 section 6. */
enum {
    TYPE_DATA,
    TYPE_HEADERS,
    TYPE_PRIORITY,
    TYPE_RST_STREAM,
    TYPE_SETTINGS,
    TYPE_PUSH_PROMISE,
    TYPE_PING,
    TYPE_GOAWAY,
    TYPE_WINDOW_UPDATE,
    TYPE_CONTINUATION,
    TYPE_UNKNOWN = 0x2a
};

enum { ACK = 0x1, END_STREAM = 0x1, END_HEADERS = 0x4, PADDED = 0x8, PRIORITIZED = 0x20 };

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* A frame that the connection sent. */
struct peer_frame {
    uint32_t len;
    uint8_t type, flags;
    uint32_t id;
    uint8_t payload[8]; /* its first bytes, zeros where there are fewer */
    bool asked_for;     /* the user's doing, not an answer to the peer */
};

#define PEER_FRAMES 1024
#define PEER_EVENTS 256
#define PEER_STREAMS 64

struct peer {
    struct h2_conn *conn;
    enum h2_role role; /* the connection's */
    size_t chunk;      /* so many bytes at a time reach the connection */
    struct buf input, output;
    bool preface_taken;
    bool hoard;    /* the user consumes no DATA */
    bool overflow; /* more happened than there is room for here */
    struct peer_frame frames[PEER_FRAMES];
    size_t frame_count;
    /* H headers, D data (a run of it), T trailers, R reset by the peer, r by the connection, w
     * writable, Y ready, P ping acknowledged, G goaway, F failed. */
    char events[PEER_EVENTS];
    size_t event_count;
    size_t data_len; /* sum of H2_DATA */
    struct h2_stream *streams[PEER_STREAMS];
    size_t stream_count;
    bool failed;
    enum h2_code failure;    /* of H2_FAILED */
    uint32_t last_reset_id;  /* of the last H2_RESET */
    enum h2_code last_reset; /* its code */
    unsigned unprocessed;    /* H2_RESETs of streams that the server never saw */
};

/* A connection with these options. False: no memory. */
bool peer_open(struct peer *peer, const struct h2_options *options);

/* May be done twice. */
void peer_close(struct peer *peer);

/* The prefaces and the settings of both sides. */
void peer_handshake(struct peer *peer);

/* Give the connection bytes, run its events, take its output. */
void peer_send(struct peer *peer, const void *bytes, size_t len);

/* One frame; `size` bytes of payload, zeros after the first `len`. */
void peer_send_frame(struct peer *peer, uint8_t type, uint8_t flags, uint32_t id,
    const void *payload, size_t len, size_t size);

struct pair {
    const char *name, *value;
};

/* A HEADERS frame with these fields, up to a NULL name, as literals without indexing. */
void peer_send_fields(struct peer *peer, uint8_t flags, uint32_t id, const struct pair *fields);

/* Run events and take output after something was done with the connection. */
void peer_pump(struct peer *peer);

/* The stream that the connection's user holds, NULL when it holds none of that id. */
struct h2_stream *peer_stream(const struct peer *peer, uint32_t id);

/* The user gives one back, or all. */
void peer_release(struct peer *peer, struct h2_stream *stream);
void peer_release_all(struct peer *peer);

/* Client: the user opens a stream and sends a request. NULL: none can be opened. */
struct h2_stream *peer_call(struct peer *peer, bool end_stream);

/* Server: the user answers with headers alone. */
void peer_answer(struct peer *peer, struct h2_stream *stream, bool end_stream);

/* The first frame of this type and id from index `from` on, NULL when there is none. */
const struct peer_frame *peer_find(const struct peer *peer, size_t from, uint8_t type, uint32_t id);

/* What was sent and said, on stderr. */
void peer_dump(const struct peer *peer);
