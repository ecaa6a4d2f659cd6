/* SPDX-License-Identifier: Apache-2.0 */
/* One rule: what a peer sends, and what the connection must answer; and the words to write tables
 * of them. */
/* Threads: one owner at a time. */
#pragma once

#include "peer.h"

/* ---- what is expected ---- */

enum scope {
    NO_OTHER, /* of `other`: there is no second answer */
    GOES_ON,  /* no stream is reset, and the connection is good for more */
    ON_STREAM,
    ON_CONNECTION
};

struct answer {
    enum scope scope;
    uint32_t id;    /* ON_STREAM */
    unsigned codes; /* a bit for each enum h2_code that will do */
};

#define CODE(code) (1u << (code))
#define PROTOCOL CODE(H2_PROTOCOL_ERROR)
#define FLOW_CONTROL CODE(H2_FLOW_CONTROL_ERROR)
#define CLOSED CODE(H2_STREAM_CLOSED)
#define FRAME_SIZE CODE(H2_FRAME_SIZE_ERROR)
#define REFUSED CODE(H2_REFUSED_STREAM)
#define COMPRESSION CODE(H2_COMPRESSION_ERROR)
#define CALM CODE(H2_ENHANCE_YOUR_CALM)

/* clang-format off */
#define FINE {GOES_ON, 0, 0}
#define STREAM(id, codes) {ON_STREAM, id, codes}
#define CONNECTION(codes) {ON_CONNECTION, 0, codes}
/* clang-format on */

/* ---- what is done ---- */

enum step_kind {
    STEP_END,
    STEP_BYTES,   /* bytes as they are */
    STEP_FRAME,   /* a frame with these bytes and zeros up to size */
    STEP_FIELDS,  /* HEADERS with fields */
    STEP_NUMBERS, /* a frame of `width` 32-bit numbers */
    STEP_SETTING, /* SETTINGS with one entry */
    STEP_CALL,    /* the connection's user, a client, calls */
    STEP_ANSWER,  /* the connection's user, a server, answers */
    STEP_RESET,   /* the connection's user resets */
    STEP_RELEASE  /* the connection's user releases */
};

struct step {
    enum step_kind kind;
    uint8_t type, flags;
    uint32_t id;
    const char *bytes;
    size_t len, size;
    const struct pair *fields;
    uint32_t numbers[2];
    size_t width;
};

/* Names its field, so that what follows it may be named and the rest left out. */
/* clang-format off */
#define STEPS(...) .steps = (const struct step[]){__VA_ARGS__, {.kind = STEP_END}}

#define BYTES(text) {.kind = STEP_BYTES, .bytes = (text), .len = sizeof(text) - 1}
#define FRAME(t, f, i, text)                                                                       \
    {.kind = STEP_FRAME, .type = (t), .flags = (f), .id = (i), .bytes = (text), .len = sizeof(text) - 1}
#define FILLED(t, f, i, text, n)                                                                   \
    {.kind = STEP_FRAME, .type = (t), .flags = (f), .id = (i), .bytes = (text),                    \
        .len = sizeof(text) - 1, .size = (n)}
#define DATA(i, f, text) FRAME(TYPE_DATA, f, i, text)
#define BLOCK(i, f, text) FRAME(TYPE_HEADERS, f, i, text)
#define CONTINUATION(i, f, text) FRAME(TYPE_CONTINUATION, f, i, text)
#define PING(f, text) FRAME(TYPE_PING, f, 0, text)
#define FIELDS(i, f, ...)                                                                          \
    {.kind = STEP_FIELDS, .flags = (f), .id = (i),                                                 \
        .fields = (const struct pair[]){__VA_ARGS__, {NULL, NULL}}}
#define NUMBER(t, i, n)                                                                            \
    {.kind = STEP_NUMBERS, .type = (t), .id = (i), .numbers = {(n), 0}, .width = 1}
#define RST_STREAM(i, code) NUMBER(TYPE_RST_STREAM, i, code)
#define WINDOW_UPDATE(i, n) NUMBER(TYPE_WINDOW_UPDATE, i, n)
#define GOAWAY(last, code)                                                                         \
    {.kind = STEP_NUMBERS, .type = TYPE_GOAWAY, .numbers = {(last), (code)}, .width = 2}
#define SETTING(key, value) {.kind = STEP_SETTING, .numbers = {(key), (value)}}
#define CALL {.kind = STEP_CALL, .flags = END_STREAM}
#define CALL_OPEN {.kind = STEP_CALL}
#define ANSWER(i) {.kind = STEP_ANSWER, .id = (i), .flags = END_STREAM}
#define ANSWER_OPEN(i) {.kind = STEP_ANSWER, .id = (i)}
#define RESET(i) {.kind = STEP_RESET, .id = (i)}
#define RELEASE(i) {.kind = STEP_RELEASE, .id = (i)}

/* Requests and responses that nobody can mind. */
#define REQUEST_FIELDS                                                                             \
    {":method", "POST"}, {":scheme", "http"}, {":path", "/a.B/C"}, {":authority", "h"}
#define RESPONSE_FIELDS {":status", "200"}, {"content-type", "application/grpc"}
#define OPEN(i) FIELDS(i, END_HEADERS, REQUEST_FIELDS)
#define REQUEST(i) FIELDS(i, END_HEADERS | END_STREAM, REQUEST_FIELDS)
#define RESPONSE(i) FIELDS(i, END_HEADERS, RESPONSE_FIELDS)
#define RESPONSE_END(i) FIELDS(i, END_HEADERS | END_STREAM, RESPONSE_FIELDS)
/* clang-format on */

/* The shortest good request, in HPACK: POST, http, "/". */
#define TINY "\x83\x86\x84"

/* SETTINGS parameters, RFC 9113 section 6.5.2. */
enum {
    HEADER_TABLE_SIZE = 1,
    ENABLE_PUSH,
    MAX_CONCURRENT_STREAMS,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    ENABLE_CONNECT_PROTOCOL = 8 /* RFC 8441 */
};

/* ---- a row ---- */

struct row {
    const char *section, *name;
    enum h2_role role; /* of the connection under test */
    struct answer expect;
    const struct step *steps;
    struct answer other;  /* also right, where the RFC leaves a choice */
    const char *events;   /* exactly these (peer.h), without Y; NULL: not looked at */
    bool bare;            /* no handshake before the steps */
    bool goaway_optional; /* RFC 9113, 3.4: GOAWAY may be left out */
    bool no_more_streams; /* the proof that the connection goes on is a PING alone */
    bool hoard;           /* the user consumes no DATA */
    uint32_t max_streams, window, connection_window, max_frame; /* of the options */
};

/* Run each row several times, the bytes arriving in different pieces. What main returns. */
int run_rows(const char *name, const struct row *rows, size_t count);

#define RUN_ROWS(name, rows) run_rows(name, rows, sizeof(rows) / sizeof(rows)[0])
