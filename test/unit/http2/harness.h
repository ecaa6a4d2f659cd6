/* SPDX-License-Identifier: Apache-2.0 */
/* A connection under test: bytes go in, events and frames come out and are looked at. */
/* Threads: one. */
#pragma once

#include "base/buf.h"
#include "base/bytes.h"
#include "http2/h2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};

enum { ACK = 0x1, END_STREAM = 0x1, END_HEADERS = 0x4, PADDED = 0x8, WITH_PRIORITY = 0x20 };

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* An event, with what it only lent copied. */
struct seen {
    struct h2_event event;
    uint32_t id;
    size_t fields;
    char text[64]; /* the beginning of data */
};

struct side {
    struct h2_conn *conn;
    struct h2_stats stats;
    struct buf in;  /* given, not yet consumed */
    struct buf out; /* taken from the connection, not yet looked at */
    struct seen seen[4096];
    size_t seen_count, seen_next;
};

struct frame {
    uint32_t len, id;
    uint8_t type, flags;
    const uint8_t *payload;
};

/* ---- bytes ---- */

static inline void
put_frame(struct buf *to, uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t len)
{
    uint8_t head[9];

    store_be24(head, (uint32_t)len);
    head[3] = type;
    head[4] = flags;
    store_be32(head + 5, id);
    assert_true(buf_append(to, head, 9));
    assert_true(buf_append(to, payload, len));
}

/* A literal field without indexing; both texts are shorter than 127 bytes. */
static inline void
put_field(struct buf *to, const char *name, const char *value)
{
    uint8_t lead[2] = {0, (uint8_t)strlen(name)}, length = (uint8_t)strlen(value);

    assert_true(buf_append(to, lead, 2) && buf_append(to, name, strlen(name)));
    assert_true(buf_append(to, &length, 1) && buf_append(to, value, strlen(value)));
}

/* name, value, name, value, ..., NULL */
static inline void
put_fields(struct buf *to, const char *const *fields)
{
    for (; fields[0] != NULL; fields += 2)
        put_field(to, fields[0], fields[1]);
}

static inline void
put_headers(struct buf *to, uint32_t id, uint8_t flags, const char *const *fields)
{
    struct buf block = BUF_EMPTY;

    put_fields(&block, fields);
    put_frame(to, HEADERS, flags | END_HEADERS, id, buf_head(&block), buf_len(&block));
    buf_fini(&block);
}

static const char *const request_fields[] = {":method", "POST", ":scheme", "http", ":path", "/a/b",
    ":authority", "h", "te", "trailers", "content-type", "application/grpc", NULL};
static const char *const response_fields[] = {
    ":status", "200", "content-type", "application/grpc", NULL};
static const char *const trailer_fields[] = {"grpc-status", "0", NULL};

static inline void
put_request(struct buf *to, uint32_t id, uint8_t flags)
{
    put_headers(to, id, flags, request_fields);
}

static inline void
put_u32(struct buf *to, uint8_t type, uint32_t id, uint32_t value)
{
    uint8_t payload[4];

    store_be32(payload, value);
    put_frame(to, type, 0, id, payload, 4);
}

static inline void
put_setting(struct buf *to, uint16_t setting, uint32_t value)
{
    uint8_t payload[6];

    store_be16(payload, setting);
    store_be32(payload + 2, value);
    put_frame(to, SETTINGS, 0, 0, payload, 6);
}

/* ---- a side ---- */

static inline void
note(struct side *side, const struct h2_event *event)
{
    struct seen *seen = &side->seen[side->seen_count++];
    size_t len = event->len < sizeof(seen->text) - 1 ? event->len : sizeof(seen->text) - 1;

    assert_true(side->seen_count <= sizeof(side->seen) / sizeof(side->seen[0]));
    *seen = (struct seen){.event = *event};
    if (event->stream != NULL)
        seen->id = event->stream->id;
    if (event->block != NULL)
        seen->fields = event->block->count;
    if (len > 0)
        memcpy(seen->text, event->data, len);
}

/* Hand over at most `chunk` more bytes at a time, in front of them what was left over. */
static inline void
feed_in_chunks(struct side *side, const void *bytes, size_t len, size_t chunk)
{
    const uint8_t *from = bytes;
    struct h2_event event;

    do {
        size_t piece = len < chunk ? len : chunk;
        struct h2_input in;
        uint8_t *copy;

        assert_true(buf_append(&side->in, from, piece));
        if (piece > 0)
            from += piece;
        len -= piece;
        /* Memory of its own, so that a read beyond its end is found. */
        in.left = buf_len(&side->in);
        copy = malloc(in.left + (in.left == 0));
        assert_non_null(copy);
        if (in.left > 0)
            memcpy(copy, buf_head(&side->in), in.left);
        in.at = copy;
        do {
            h2_conn_next(side->conn, &in, &event);
            if (event.type != H2_NEED_INPUT)
                note(side, &event);
        } while (event.type != H2_NEED_INPUT);
        buf_take(&side->in, buf_len(&side->in) - in.left);
        free(copy);
    } while (len > 0);
}

static inline void
feed(struct side *side, struct buf *bytes)
{
    feed_in_chunks(side, buf_head(bytes), buf_len(bytes), SIZE_MAX);
    buf_reset(bytes, 0);
}

/* Move what is in the connection's output, up to max bytes, to side->out. */
static inline void
take_output(struct side *side, size_t max)
{
    struct h2_span span;

    while (max > 0 && h2_conn_output(side->conn, &span, 1) == 1) {
        size_t len = span.len < max ? span.len : max;

        assert_true(len > 0 && buf_append(&side->out, span.data, len));
        h2_conn_wrote(side->conn, len);
        max -= len;
    }
}

/* The next frame that the connection has sent. False: no more. */
static inline bool
next_frame(struct side *side, struct frame *out_frame)
{
    const uint8_t *p;

    take_output(side, SIZE_MAX);
    if (buf_len(&side->out) == 0)
        return false;
    assert_true(buf_len(&side->out) >= 9);
    p = buf_head(&side->out);
    *out_frame = (struct frame){load_be24(p), load_be32(p + 5), p[3], p[4], p + 9};
    assert_true(buf_len(&side->out) >= 9 + (size_t)out_frame->len);
    side->out.head += 9 + (size_t)out_frame->len;
    return true;
}

static inline struct frame
assert_frame(struct side *side, uint8_t type, uint32_t id)
{
    static const uint8_t nothing[8];
    struct frame frame = {.payload = nothing};

    assert_true(next_frame(side, &frame));
    assert_int_equal(frame.type, type);
    assert_int_equal(frame.id, id);
    return frame;
}

static inline void
assert_silent(struct side *side)
{
    struct frame frame;

    assert_false(next_frame(side, &frame));
}

static inline void
assert_rst(struct side *side, uint32_t id, enum h2_code code)
{
    struct frame frame = assert_frame(side, RST_STREAM, id);

    assert_int_equal(frame.len, 4);
    assert_int_equal(load_be32(frame.payload), code);
}

static inline void
assert_window_update(struct side *side, uint32_t id, uint32_t increment)
{
    struct frame frame = assert_frame(side, WINDOW_UPDATE, id);

    assert_int_equal(load_be32(frame.payload), increment);
}

static inline void
assert_goaway(struct side *side, uint32_t last, enum h2_code code)
{
    struct frame frame = assert_frame(side, GOAWAY, 0);

    assert_true(frame.len >= 8);
    assert_int_equal(load_be32(frame.payload), last);
    assert_int_equal(load_be32(frame.payload + 4), code);
}

static inline struct seen *
assert_event(struct side *side, enum h2_event_type type)
{
    assert_true(side->seen_next < side->seen_count);
    assert_int_equal(side->seen[side->seen_next].event.type, type);
    return &side->seen[side->seen_next++];
}

static inline void
assert_no_event(struct side *side)
{
    assert_int_equal(side->seen_next, side->seen_count);
}

static inline struct h2_stream *
assert_headers(struct side *side, uint32_t id)
{
    struct seen *seen = assert_event(side, H2_HEADERS);

    assert_int_equal(seen->id, id);
    return seen->event.stream;
}

/* The connection ended with this code, and stays silent. */
static inline void
assert_failed(struct side *side, enum h2_code code)
{
    struct frame frame;
    static const uint8_t ping[] = {0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    bool found = false;

    assert_true(side->seen_count > 0);
    assert_int_equal(side->seen[side->seen_count - 1].event.type, H2_FAILED);
    assert_int_equal(side->seen[side->seen_count - 1].event.code, code);
    side->seen_next = side->seen_count;
    while (next_frame(side, &frame)) {
        assert_false(found);
        found = frame.type == GOAWAY && load_be32(frame.payload + 4) == code;
    }
    assert_true(found);
    feed_in_chunks(side, ping, sizeof(ping), SIZE_MAX);
    assert_no_event(side);
    assert_silent(side);
}

static inline struct side *
side_new(const struct h2_options *options)
{
    struct side *side = calloc(1, sizeof(*side));
    struct h2_options copy = *options;

    assert_non_null(side);
    copy.stats = &side->stats;
    side->conn = h2_conn_new(&copy);
    assert_non_null(side->conn);
    return side;
}

static inline void
side_free(struct side *side)
{
    h2_conn_free(side->conn);
    buf_fini(&side->in);
    buf_fini(&side->out);
    free(side);
}

/* Drop what was seen and sent so far. */
static inline void
forget(struct side *side)
{
    side->seen_count = side->seen_next = 0;
    take_output(side, SIZE_MAX);
    buf_reset(&side->out, 0);
}

/* A connection whose handshake is over. */
static inline struct side *
side_open(const struct h2_options *options)
{
    struct side *side = side_new(options);
    struct buf bytes = BUF_EMPTY;

    if (options->role == H2_SERVER)
        assert_true(buf_append(&bytes, PREFACE, 24));
    put_frame(&bytes, SETTINGS, 0, 0, NULL, 0);
    put_frame(&bytes, SETTINGS, ACK, 0, NULL, 0);
    feed(side, &bytes);
    assert_event(side, H2_READY);
    assert_no_event(side);
    forget(side);
    return side;
}

static inline struct side *
server_open(void)
{
    return side_open(&(struct h2_options){.role = H2_SERVER});
}

static inline struct side *
client_open(void)
{
    return side_open(&(struct h2_options){.role = H2_CLIENT});
}

/* ---- what users send ---- */

#define FIELD(n, v)                                               \
    {                                                             \
        .name = {n, sizeof(n) - 1}, .value = { v, sizeof(v) - 1 } \
    }

static const struct h2_field request_head[] = {FIELD(":method", "POST"), FIELD(":scheme", "http"),
    FIELD(":path", "/a/b"), FIELD(":authority", "h"), FIELD("te", "trailers"),
    FIELD("content-type", "application/grpc")};
static const struct h2_field response_head[] = {
    FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
static const struct h2_field trailers[] = {FIELD("grpc-status", "0")};

static inline bool
send_request(struct side *side, struct h2_stream *stream, bool end_stream)
{
    return h2_stream_send_headers(side->conn, stream, request_head, 6, NULL, 0, end_stream);
}

static inline bool
send_response(struct side *side, struct h2_stream *stream)
{
    return h2_stream_send_headers(side->conn, stream, response_head, 2, NULL, 0, false);
}

static inline bool
send_trailers(struct side *side, struct h2_stream *stream)
{
    return h2_stream_send_headers(side->conn, stream, trailers, 1, NULL, 0, true);
}

/* A request on stream `id`, whose user holds it. */
static inline struct h2_stream *
request(struct side *side, uint32_t id, uint8_t flags)
{
    struct buf bytes = BUF_EMPTY;

    put_request(&bytes, id, flags);
    feed(side, &bytes);
    return assert_headers(side, id);
}

/* A client's request that is out. */
static inline struct h2_stream *
call(struct side *side, bool end_stream)
{
    struct h2_stream *stream = h2_stream_open(side->conn);

    assert_non_null(stream);
    assert_true(send_request(side, stream, end_stream));
    take_output(side, SIZE_MAX);
    buf_reset(&side->out, 0);
    return stream;
}
