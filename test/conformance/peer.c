/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a connection under test. */
#include "peer.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

#define HEADER_SIZE 9
#define PREFACE_LEN (sizeof PREFACE - 1)

bool
peer_open(struct peer *peer, const struct h2_options *options)
{
    memset(peer, 0, sizeof *peer);
    peer->role = options->role;
    peer->chunk = SIZE_MAX;
    peer->conn = h2_conn_new(options);
    if (peer->conn == NULL)
        return false;
    h2_conn_set_time(peer->conn, WEIR_SECOND);
    return true;
}

void
peer_close(struct peer *peer)
{
    h2_conn_free(peer->conn);
    peer->conn = NULL;
    buf_fini(&peer->input);
    buf_fini(&peer->output);
}

static void
keep_frame(struct peer *peer, const uint8_t *bytes, uint32_t len)
{
    struct peer_frame *frame;

    if (peer->frame_count == PEER_FRAMES) {
        peer->overflow = true;
        return;
    }
    frame = &peer->frames[peer->frame_count++];
    frame->len = len;
    frame->type = bytes[3];
    frame->flags = bytes[4];
    frame->id = load_be32(bytes + 5) & 0x7fffffff;
    memcpy(frame->payload, bytes + HEADER_SIZE, len < 8 ? len : 8);
}

static void
parse_output(struct peer *peer)
{
    struct buf *output = &peer->output;

    if (peer->role == H2_CLIENT && !peer->preface_taken && buf_len(output) >= PREFACE_LEN) {
        peer->preface_taken = memcmp(buf_head(output), PREFACE, PREFACE_LEN) == 0;
        buf_take(output, PREFACE_LEN);
    }
    while (buf_len(output) >= HEADER_SIZE) {
        uint32_t len = load_be24(buf_head(output));

        if (buf_len(output) < HEADER_SIZE + len)
            break;
        keep_frame(peer, buf_head(output), len);
        buf_take(output, HEADER_SIZE + len);
    }
}

static void
take_output(struct peer *peer)
{
    struct h2_span spans[4];
    size_t count;

    while ((count = h2_conn_output(peer->conn, spans, 4)) > 0) {
        size_t len = 0;

        for (size_t i = 0; i < count; i++) {
            if (!buf_append(&peer->output, spans[i].data, spans[i].len))
                abort();
            len += spans[i].len;
        }
        h2_conn_wrote(peer->conn, len);
    }
    parse_output(peer);
}

static void
note_event(struct peer *peer, char letter)
{
    if (letter == 'D' && peer->event_count > 0 && peer->events[peer->event_count - 1] == 'D')
        return;
    if (peer->event_count + 1 == PEER_EVENTS) {
        peer->overflow = true;
        return;
    }
    peer->events[peer->event_count++] = letter;
}

static void
hold(struct peer *peer, struct h2_stream *stream)
{
    if (peer->stream_count == PEER_STREAMS)
        peer->overflow = true;
    else
        peer->streams[peer->stream_count++] = stream;
}

static void
on_reset(struct peer *peer, const struct h2_event *event)
{
    note_event(peer, event->remote ? 'R' : 'r');
    peer->last_reset_id = event->stream->id;
    peer->last_reset = event->code;
    peer->unprocessed += event->unprocessed;
}

static void
on_event(struct peer *peer, const struct h2_event *event)
{
    static const char letters[] = {
        [H2_HEADERS] = 'H',
        [H2_DATA] = 'D',
        [H2_TRAILERS] = 'T',
        [H2_WRITABLE] = 'w',
        [H2_READY] = 'Y',
        [H2_PING_ACK] = 'P',
        [H2_GOAWAY] = 'G',
        [H2_FAILED] = 'F',
    };

    if (event->type == H2_RESET) {
        on_reset(peer, event);
        return;
    }
    note_event(peer, letters[event->type]);
    if (event->type == H2_HEADERS && peer->role == H2_SERVER)
        hold(peer, event->stream);
    if (event->type == H2_DATA) {
        peer->data_len += event->len;
        if (!peer->hoard)
            h2_stream_consumed(peer->conn, event->stream, event->len);
    }
    if (event->type == H2_FAILED) {
        peer->failed = true;
        peer->failure = event->code;
    }
}

void
peer_pump(struct peer *peer)
{
    struct h2_event event;

    do {
        size_t len = buf_len(&peer->input);
        struct h2_input in = {buf_head(&peer->input), len};

        memset(&event, 0, sizeof event);
        h2_conn_next(peer->conn, &in, &event);
        if (event.type != H2_NEED_INPUT)
            on_event(peer, &event);
        buf_take(&peer->input, len - in.left);
    } while (event.type != H2_NEED_INPUT);
    take_output(peer);
}

void
peer_send(struct peer *peer, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        size_t chunk = len < peer->chunk ? len : peer->chunk;

        if (!buf_append(&peer->input, at, chunk))
            abort();
        peer_pump(peer);
        at += chunk;
        len -= chunk;
    }
}

void
peer_send_frame(struct peer *peer, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
    size_t len, size_t size)
{
    uint8_t *frame;

    if (size < len)
        size = len;
    frame = calloc(1, HEADER_SIZE + size);
    if (frame == NULL)
        abort();
    store_be24(frame, (uint32_t)size);
    frame[3] = type;
    frame[4] = flags;
    store_be32(frame + 5, id);
    if (len > 0)
        memcpy(frame + HEADER_SIZE, payload, len);
    peer_send(peer, frame, HEADER_SIZE + size);
    free(frame);
}

/* RFC 7541, 5.2, without Huffman. */
static void
append_string(struct buf *block, const char *text)
{
    size_t len = strlen(text);
    uint8_t head[3] = {(uint8_t)len, 0, 0};
    size_t head_len = 1;

    if (len >= 127) {
        if (len - 127 >= 1 << 14)
            abort();
        head[0] = 127;
        head[1] = (uint8_t)((len - 127) | 0x80);
        head[2] = (uint8_t)((len - 127) >> 7);
        head_len = 3;
    }
    if (!buf_append(block, head, head_len) || !buf_append(block, text, len))
        abort();
}

void
peer_send_fields(struct peer *peer, uint8_t flags, uint32_t id, const struct pair *fields)
{
    struct buf block = BUF_EMPTY;

    for (; fields->name != NULL; fields++) {
        if (!buf_append(&block, "\0", 1))
            abort();
        append_string(&block, fields->name);
        append_string(&block, fields->value);
    }
    peer_send_frame(peer, TYPE_HEADERS, flags, id, block.data, buf_len(&block), 0);
    buf_fini(&block);
}

void
peer_handshake(struct peer *peer)
{
    if (peer->role == H2_SERVER)
        peer_send(peer, PREFACE, PREFACE_LEN);
    peer_send_frame(peer, TYPE_SETTINGS, 0, 0, NULL, 0, 0);
    peer_send_frame(peer, TYPE_SETTINGS, ACK, 0, NULL, 0, 0);
}

struct h2_stream *
peer_stream(const struct peer *peer, uint32_t id)
{
    for (size_t i = 0; i < peer->stream_count; i++)
        if (peer->streams[i]->id == id)
            return peer->streams[i];
    return NULL;
}

void
peer_release(struct peer *peer, struct h2_stream *stream)
{
    for (size_t i = 0; i < peer->stream_count; i++)
        if (peer->streams[i] == stream)
            peer->streams[i] = peer->streams[--peer->stream_count];
    h2_stream_release(peer->conn, stream);
    take_output(peer);
}

void
peer_release_all(struct peer *peer)
{
    while (peer->stream_count > 0)
        peer_release(peer, peer->streams[0]);
}

static const struct h2_field request_fields[] = {
    {{":method", 7}, {"POST", 4}, H2_TOKEN_METHOD, H2_INDEX},
    {{":scheme", 7}, {"http", 4}, H2_TOKEN_SCHEME, H2_INDEX},
    {{":path", 5}, {"/a.B/C", 6}, H2_TOKEN_PATH, H2_INDEX},
    {{":authority", 10}, {"h", 1}, H2_TOKEN_AUTHORITY, H2_INDEX},
};

static const struct h2_field response_fields[] = {
    {{":status", 7}, {"200", 3}, H2_TOKEN_STATUS, H2_INDEX},
    {{"content-type", 12}, {"application/grpc", 16}, H2_TOKEN_CONTENT_TYPE, H2_INDEX},
};

struct h2_stream *
peer_call(struct peer *peer, bool end_stream)
{
    struct h2_stream *stream = h2_stream_open(peer->conn);

    if (stream == NULL)
        return NULL;
    hold(peer, stream);
    if (!h2_stream_send_headers(peer->conn, stream, request_fields,
            sizeof request_fields / sizeof request_fields[0], NULL, 0, end_stream))
        abort();
    take_output(peer);
    return stream;
}

void
peer_answer(struct peer *peer, struct h2_stream *stream, bool end_stream)
{
    if (!h2_stream_send_headers(peer->conn, stream, response_fields,
            sizeof response_fields / sizeof response_fields[0], NULL, 0, end_stream))
        abort();
    take_output(peer);
}

const struct peer_frame *
peer_find(const struct peer *peer, size_t from, uint8_t type, uint32_t id)
{
    for (size_t i = from; i < peer->frame_count; i++)
        if (peer->frames[i].type == type && peer->frames[i].id == id)
            return &peer->frames[i];
    return NULL;
}

void
peer_dump(const struct peer *peer)
{
    static const char *const names[] = {"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS",
        "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"};

    fprintf(stderr, "  events: %s\n  frames it sent:\n", peer->events);
    for (size_t i = 0; i < peer->frame_count; i++) {
        const struct peer_frame *frame = &peer->frames[i];

        fprintf(stderr,
            "    %s flags %02x stream %u length %u:", frame->type < 10 ? names[frame->type] : "?",
            frame->flags, (unsigned)frame->id, (unsigned)frame->len);
        for (size_t at = 0; at < 8 && at < frame->len; at++)
            fprintf(stderr, " %02x", frame->payload[at]);
        fprintf(stderr, "\n");
    }
    if (peer->failed)
        fprintf(stderr, "  H2_FAILED code %d\n", (int)peer->failure);
}
