/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over a blocking socket. */
#include "raw.h"

#include "base/bytes.h"
#include "wire/wire.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_HEADER 9

/* So long a test waits for what must come. */
#define PATIENCE_MS 120000

static void
demand(bool fulfilled, const char *what)
{
    if (fulfilled)
        return;
    perror(what);
    abort();
}

static void
append(struct buf *buf, const void *bytes, size_t len)
{
    demand(buf_append(buf, bytes, len), "memory");
}

/* ---- connections ---- */

void
raw_adopt(struct raw *raw, int fd)
{
    int on = 1;

    demand(fd >= 0, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *raw = (struct raw){.fd = fd, .decoder = hpack_decoder_new(4096, 1 << 20)};
    demand(raw->decoder != NULL, "decoder");
}

void
raw_connect(struct raw *raw, const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *colon = strrchr(address, ':');

    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    raw_adopt(raw, socket(AF_INET, SOCK_STREAM, 0));
    demand(connect(raw->fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
}

int
raw_listen(char out_address[32])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    demand(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 64) == 0 &&
               getsockname(fd, (struct sockaddr *)&at, &len) == 0,
        "listen");
    snprintf(out_address, 32, "127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

void
raw_accept(struct raw *raw, int listener)
{
    struct pollfd wait = {.fd = listener, .events = POLLIN};

    demand(poll(&wait, 1, PATIENCE_MS) == 1, "nobody connects");
    raw_adopt(raw, accept(listener, NULL, NULL));
}

void
raw_close(struct raw *raw)
{
    if (raw->fd >= 0)
        close(raw->fd);
    raw->fd = -1;
    if (raw->block != NULL)
        h2_block_unref(raw->block);
    raw->block = NULL;
    hpack_decoder_free(raw->decoder);
    raw->decoder = NULL;
    buf_fini(&raw->in);
    buf_fini(&raw->fields);
    buf_fini(&raw->held);
}

void
raw_break(struct raw *raw)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    raw_close(raw);
}

/* ---- sending ---- */

/* A peer that has gone is no failure here: what it said before can still be read. */
void
raw_bytes(struct raw *raw, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    ssize_t sent;

    if (raw->corked) {
        append(&raw->held, bytes, len);
        return;
    }
    while (len > 0) {
        struct pollfd wait = {.fd = raw->fd, .events = POLLOUT};

        demand(poll(&wait, 1, PATIENCE_MS) == 1, "the peer reads nothing");
        sent = send(raw->fd, from, len, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        from += sent;
        len -= (size_t)sent;
    }
}

void
raw_frame(struct raw *raw, enum raw_type type, unsigned flags, uint32_t id, const void *payload,
    size_t len)
{
    uint8_t header[FRAME_HEADER];
    struct buf frame = BUF_EMPTY;

    store_be32(header, (uint32_t)len << 8 | (uint32_t)type);
    header[4] = (uint8_t)flags;
    store_be32(header + 5, id);
    append(&frame, header, sizeof(header));
    append(&frame, payload, len);
    raw_bytes(raw, buf_head(&frame), buf_len(&frame));
    buf_fini(&frame);
}

void
raw_cork(struct raw *raw, bool hold)
{
    raw->corked = hold;
    if (!hold)
        raw_bytes(raw, buf_head(&raw->held), buf_len(&raw->held));
    buf_reset(&raw->held, 0);
}

void
raw_number(struct raw *raw, enum raw_type type, uint32_t id, uint32_t number)
{
    uint8_t payload[4];

    store_be32(payload, number);
    raw_frame(raw, type, 0, id, payload, sizeof(payload));
}

void
raw_goaway(struct raw *raw, uint32_t last, uint32_t code)
{
    uint8_t payload[8];

    store_be32(payload, last);
    store_be32(payload + 4, code);
    raw_frame(raw, RAW_GOAWAY, 0, 0, payload, sizeof(payload));
}

void
raw_greet(struct raw *raw, bool client, unsigned setting, uint32_t value)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    uint8_t payload[6];

    if (client)
        raw_bytes(raw, preface, sizeof(preface) - 1);
    store_be16(payload, (uint16_t)setting);
    store_be32(payload + 2, value);
    raw_frame(raw, RAW_SETTINGS, 0, 0, payload, setting == 0 ? 0 : sizeof(payload));
}

/* A string's length with a prefix of 7 bits (RFC 7541, 5.1). */
static void
append_string(struct buf *buf, const char *text)
{
    size_t len = strlen(text), rest = len < 127 ? 0 : len - 127;
    uint8_t byte = (uint8_t)(len < 127 ? len : 127);

    append(buf, &byte, 1);
    for (bool more = len >= 127; more; rest >>= 7) {
        more = rest >= 128;
        byte = (uint8_t)((rest & 127) | (more ? 128 : 0));
        append(buf, &byte, 1);
    }
    append(buf, text, len);
}

void
raw_field(struct raw *raw, const char *name, const char *value)
{
    append(&raw->fields, "", 1); /* literal without indexing, new name */
    append_string(&raw->fields, name);
    append_string(&raw->fields, value);
}

void
raw_headers(struct raw *raw, unsigned flags, uint32_t id)
{
    size_t len = buf_len(&raw->fields), piece = len < 16384 ? len : 16384;
    enum raw_type type = RAW_HEADERS;

    do {
        bool last = piece == len;

        raw_frame(
            raw, type, flags | (last ? RAW_END_HEADERS : 0), id, buf_head(&raw->fields), piece);
        buf_take(&raw->fields, piece);
        len -= piece;
        piece = len < 16384 ? len : 16384;
        type = RAW_CONTINUATION;
        flags = 0;
    } while (len > 0);
}

void
raw_call(struct raw *raw, const char *method, const char *timeout)
{
    char path[64];

    snprintf(path, sizeof(path), "/rpctest.Test/%s", method);
    raw_field(raw, ":method", "POST");
    raw_field(raw, ":scheme", "http");
    raw_field(raw, ":path", path);
    raw_field(raw, ":authority", "localhost");
    if (timeout != NULL)
        raw_field(raw, "grpc-timeout", timeout);
    raw_field(raw, "te", "trailers");
    raw_field(raw, "content-type", "application/grpc");
}

void
raw_request(struct raw *raw, uint32_t id, const char *method, const char *timeout)
{
    raw_call(raw, method, timeout);
    raw_headers(raw, 0, id);
}

void
raw_response(struct raw *raw, uint32_t id)
{
    raw_field(raw, ":status", "200");
    raw_field(raw, "content-type", "application/grpc");
    raw_headers(raw, 0, id);
}

void
raw_trailers(struct raw *raw, uint32_t id, const char *status)
{
    raw_field(raw, "grpc-status", status);
    raw_headers(raw, RAW_END_STREAM, id);
}

void
raw_message(struct raw *raw, unsigned flags, uint32_t id, const void *bytes, size_t len)
{
    struct buf framed = BUF_EMPTY;
    uint8_t prefix[5] = {0};

    store_be32(prefix + 1, (uint32_t)len);
    append(&framed, prefix, sizeof(prefix));
    append(&framed, bytes, len);
    raw_frame(raw, RAW_DATA, flags, id, buf_head(&framed), buf_len(&framed));
    buf_fini(&framed);
}

void
raw_text(struct raw *raw, unsigned flags, uint32_t id, const char *text)
{
    uint8_t message[130] = {0x0A};
    size_t len = strlen(text);

    demand(len < 128, "text is too long");
    message[1] = (uint8_t)len;
    memcpy(message + 2, text, len);
    raw_message(raw, flags, id, message, 2 + len);
}

void
raw_deflate(const void *bytes, size_t len, struct buf *out)
{
    struct wire_gzip gzip = {NULL, NULL, NULL};

    if (wire_gzip_deflate(&gzip, bytes, len, out) != WEIR_OK)
        abort();
    wire_gzip_fini(&gzip);
}

/* ---- receiving ---- */

/* False: the connection is gone. */
static bool
fill(struct raw *raw, size_t need)
{
    while (buf_len(&raw->in) < need) {
        struct pollfd wait = {.fd = raw->fd, .events = POLLIN};
        uint8_t *room = buf_reserve(&raw->in, 65536);
        ssize_t got;

        demand(room != NULL, "memory");
        demand(poll(&wait, 1, PATIENCE_MS) == 1, "the peer says nothing");
        got = recv(raw->fd, room, 65536, 0);
        if (got <= 0)
            return false;
        buf_commit(&raw->in, (size_t)got);
    }
    return true;
}

static void
decode(struct raw *raw, const struct raw_frame *frame)
{
    if (raw->block != NULL)
        h2_block_unref(raw->block);
    demand((frame->flags & RAW_END_HEADERS) != 0, "CONTINUATION");
    demand(
        hpack_decode(raw->decoder, frame->payload, frame->len, &raw->block) == HPACK_OK, "HPACK");
}

static void
react(struct raw *raw, const struct raw_frame *frame)
{
    if (frame->type == RAW_HEADERS)
        decode(raw, frame);
    if (raw->deaf || (frame->flags & RAW_ACK) != 0)
        return;
    if (frame->type == RAW_SETTINGS)
        raw_frame(raw, RAW_SETTINGS, RAW_ACK, 0, NULL, 0);
    else if (frame->type == RAW_PING)
        raw_frame(raw, RAW_PING, RAW_ACK, 0, frame->payload, frame->len);
}

bool
raw_next(struct raw *raw, struct raw_frame *frame)
{
    const uint8_t *head;

    if (!fill(raw, FRAME_HEADER))
        return false;
    head = buf_head(&raw->in);
    if (memcmp(head, "PRI * HTT", FRAME_HEADER) == 0) {
        demand(fill(raw, 24), "half a preface");
        buf_take(&raw->in, 24);
        return raw_next(raw, frame);
    }
    frame->len = load_be24(head);
    frame->type = head[3];
    frame->flags = head[4];
    frame->id = load_be32(head + 5);
    demand(frame->len <= sizeof(frame->payload), "a frame that nobody has asked for");
    if (!fill(raw, FRAME_HEADER + frame->len))
        return false;
    memcpy(frame->payload, buf_head(&raw->in) + FRAME_HEADER, frame->len);
    buf_take(&raw->in, FRAME_HEADER + frame->len);
    react(raw, frame);
    return true;
}

bool
raw_await(struct raw *raw, enum raw_type type, uint32_t id, struct raw_frame *frame)
{
    while (raw_next(raw, frame)) {
        if (frame->type == type && (id == 0 || frame->id == id) &&
            (type != RAW_SETTINGS || (frame->flags & RAW_ACK) == 0))
            return true;
    }
    return false;
}

static void
note_field(const struct h2_field *field, struct raw_answer *answer)
{
    char value[256];

    snprintf(value, sizeof(value), "%.*s", (int)field->value.len, field->value.data);
    if (weir_str_equal(field->name, weir_str_of(":status")))
        answer->http = (int)strtol(value, NULL, 10);
    else if (weir_str_equal(field->name, weir_str_of("grpc-status")))
        answer->status = (int)strtol(value, NULL, 10);
    else if (weir_str_equal(field->name, weir_str_of("grpc-message")))
        snprintf(answer->message, sizeof(answer->message), "%s", value);
    else if (weir_str_equal(field->name, weir_str_of("grpc-accept-encoding")))
        snprintf(answer->accepts, sizeof(answer->accepts), "%.63s", value);
}

static void
note_frame(const struct raw *raw, const struct raw_frame *frame, struct raw_answer *answer)
{
    if (frame->type == RAW_HEADERS) {
        answer->blocks++;
        for (size_t i = 0; i < raw->block->count; i++)
            note_field(&raw->block->fields[i], answer);
    } else if (frame->type == RAW_DATA) {
        append(&answer->data, frame->payload, frame->len);
    } else if (frame->type == RAW_RST_STREAM) {
        answer->reset = (int)load_be32(frame->payload);
    }
    if ((frame->type == RAW_HEADERS || frame->type == RAW_DATA) &&
        (frame->flags & RAW_END_STREAM) != 0)
        answer->ended = true;
}

void
raw_answer(struct raw *raw, uint32_t id, size_t enough, struct raw_answer *out_answer)
{
    static _Thread_local struct raw_frame frame;

    *out_answer = (struct raw_answer){.status = -1, .reset = -1};
    while (!out_answer->ended && out_answer->reset < 0 && !out_answer->lost &&
           buf_len(&out_answer->data) < enough) {
        if (!raw_next(raw, &frame))
            out_answer->lost = true;
        else if (frame.id == id)
            note_frame(raw, &frame, out_answer);
    }
}

void
raw_answer_free(struct raw_answer *answer)
{
    buf_fini(&answer->data);
}
