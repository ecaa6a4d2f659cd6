/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a connection, frame by frame: a client or server that may say anything. */
/* Threads: one owner at a time. What cannot be in a test ends the program. */
#pragma once

#include "http2/h2.h"

/* Frame types and flags, RFC 9113 section 6. */
enum raw_type {
    RAW_DATA,
    RAW_HEADERS,
    RAW_PRIORITY,
    RAW_RST_STREAM,
    RAW_SETTINGS,
    RAW_PUSH_PROMISE,
    RAW_PING,
    RAW_GOAWAY,
    RAW_WINDOW_UPDATE,
    RAW_CONTINUATION
};

enum { RAW_ACK = 0x1, RAW_END_STREAM = 0x1, RAW_END_HEADERS = 0x4 };

/* Settings, RFC 9113 section 6.5.2. */
enum { RAW_MAX_STREAMS = 3, RAW_INITIAL_WINDOW = 4 };

struct raw {
    int fd;
    struct buf in;
    struct buf fields; /* what raw_field has put there */
    struct hpack_decoder *decoder;
    struct h2_block *block; /* of the last HEADERS */
    bool corked;
    struct buf held;
    bool deaf; /* answers neither SETTINGS nor PING by itself */
};

struct raw_frame {
    size_t len;
    uint8_t type, flags;
    uint32_t id;
    uint8_t payload[1 << 14]; /* whole: nobody sends larger ones unasked */
};

/* What came on one stream until it ended. */
struct raw_answer {
    int http;          /* of the first :status; 0: none */
    int status;        /* grpc-status; -1: none */
    char message[256]; /* grpc-message as it came */
    char accepts[64];  /* grpc-accept-encoding */
    size_t blocks;     /* header blocks */
    struct buf data;
    bool ended; /* END_STREAM */
    int reset;  /* RST_STREAM's code; -1: none */
    bool lost;  /* the connection is gone */
};

/* ---- connections ---- */

/* To an address as weir_server_address tells it. */
void raw_connect(struct raw *raw, const char *address);

/* A listening socket on a port of 127.0.0.1; its address. */
int raw_listen(char out_address[32]);
void raw_accept(struct raw *raw, int listener);
void raw_adopt(struct raw *raw, int fd);

/* Close with FIN, or at once with RST; may be done twice. */
void raw_close(struct raw *raw);
void raw_break(struct raw *raw);

/* ---- sending ---- */

void raw_bytes(struct raw *raw, const void *bytes, size_t len);
void raw_frame(struct raw *raw, enum raw_type type, unsigned flags, uint32_t id,
    const void *payload, size_t len);

/* Hold back what is sent from here on, until it goes out in one piece. */
void raw_cork(struct raw *raw, bool hold);

/* A frame whose payload is one number. */
void raw_number(struct raw *raw, enum raw_type type, uint32_t id, uint32_t number);
void raw_goaway(struct raw *raw, uint32_t last, uint32_t code);

/* Client: the preface. Both: SETTINGS with one setting, none when that is 0. */
void raw_greet(struct raw *raw, bool client, unsigned setting, uint32_t value);

/* Collect a field; send what was collected as HEADERS. */
void raw_field(struct raw *raw, const char *name, const char *value);
void raw_headers(struct raw *raw, unsigned flags, uint32_t id);

/* Collect the fields of a gRPC request to a method of rpctest.Test. */
void raw_call(struct raw *raw, const char *method, const char *timeout);

/* Headers with these fields alone, and a response's. */
void raw_request(struct raw *raw, uint32_t id, const char *method, const char *timeout);
void raw_response(struct raw *raw, uint32_t id);
void raw_trailers(struct raw *raw, uint32_t id, const char *status);

/* One DATA frame: a message in front of which stand the flag and the length. */
void raw_message(struct raw *raw, unsigned flags, uint32_t id, const void *bytes, size_t len);

/* A Payload with this text. */
void raw_text(struct raw *raw, unsigned flags, uint32_t id, const char *text);

/* Append the bytes through gzip. */
void raw_deflate(const void *bytes, size_t len, struct buf *out);

/* ---- receiving ---- */

/* The next frame; acknowledges SETTINGS and PING, and decodes HEADERS. False: the connection is
 * gone. */
bool raw_next(struct raw *raw, struct raw_frame *frame);

/* Wait for a frame of this type, on this stream if that is not 0. False: the connection is gone. */
bool raw_await(struct raw *raw, enum raw_type type, uint32_t id, struct raw_frame *frame);

/* Read until a stream has ended, or `enough` bytes of data have come. raw_answer_free gives the
 * data back. */
void raw_answer(struct raw *raw, uint32_t id, size_t enough, struct raw_answer *out_answer);
void raw_answer_free(struct raw_answer *answer);
