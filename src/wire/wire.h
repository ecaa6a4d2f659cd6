/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC on top of HTTP/2, without I/O: prefixes, timeouts, metadata, status, compression. */
/* Threads: pure functions, but for the ones that take an object, which has one owner at a time. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "http2/h2.h"
#include <protobuf-c/protobuf-c.h>
#include <weir/status.h>

/* ---- message prefix (PROTOCOL-HTTP2, Length-Prefixed-Message) ---- */

#define WIRE_PREFIX_SIZE 5

void wire_prefix_pack(uint8_t out[WIRE_PREFIX_SIZE], bool compressed, uint32_t len);

struct wire_prefix {
    bool compressed;
    uint32_t len;
};

/* INTERNAL: the flag byte is neither 0 nor 1. */
WEIR_CHECK weir_code wire_prefix_unpack(
    const uint8_t bytes[WIRE_PREFIX_SIZE], struct wire_prefix *out_prefix);

/* ---- messages (protobuf) ---- */

enum wire_unpacked {
    WIRE_UNPACKED,
    WIRE_MALFORMED,
    WIRE_TOO_DEEP, /* messages in messages, more than 100 */
    WIRE_HAS_NUL,  /* a text with U+0000, which C cannot hold; else it is well formed */
    WIRE_NO_MEMORY
};

struct wire_unpacking {
    enum wire_unpacked result;
    const char *field; /* of WIRE_HAS_NUL: its name, NULL where the descriptor has none */
};

/* Turn bytes into a struct of protobuf-c's generated code. All of it lies in the arena. */
struct wire_unpacking wire_message_unpack(const ProtobufCMessageDescriptor *type,
    const uint8_t *data, size_t len, struct arena *arena, ProtobufCMessage **out_message);

/* The same for bytes that live as long as the message does: its texts and byte strings of at least
 * `large` bytes stay in them. The end of a text takes the byte behind it, so there must be room for
 * one behind the last; the bytes change, whatever the result. */
struct wire_unpacking wire_message_unpack_within(const ProtobufCMessageDescriptor *type,
    uint8_t *data, size_t len, size_t large, struct arena *arena, ProtobufCMessage **out_message);

/* For protobuf-c's packing, which leaves out plain numbers that are -0: the message itself where it
 * has none, else a copy in the arena that says so, and shares the rest. NULL: no memory. */
const ProtobufCMessage *wire_message_keep_zeros(
    struct arena *arena, const ProtobufCMessage *message);

/* Put a message's bytes at the end of the room: *out_bytes is where they begin. False: it does not
 * hold them, or messages lie too deep in it; for a message that may be so use protobuf-c. */
bool wire_message_pack(
    const ProtobufCMessage *message, uint8_t *room, size_t size, uint8_t **out_bytes);

/* The same with long texts and byte strings, of 4 KiB and more, left where they are when the room
 * does not hold them: the message is the parts from `first` on, which point into the room and to
 * the message's own. Where the first of them begins in the room, `before` bytes in front of it are
 * the caller's. False: as above, or there are too many. */
#define WIRE_PARTS 16

struct wire_part {
    const uint8_t *data;
    size_t len;
};

struct wire_parts {
    size_t first;
    size_t len; /* of all together */
    struct wire_part list[WIRE_PARTS];
};

bool wire_message_pack_parts(
    const ProtobufCMessage *message, uint8_t *room, size_t size, struct wire_parts *out_parts);

/* ---- grpc-timeout ---- */

#define WIRE_TIMEOUT_TEXT 16

/* Nanoseconds as 1 to 8 digits and a unit, rounded up; "0n" for zero and less. The length without
 * NUL. */
size_t wire_timeout_pack(int64_t timeout, char out_text[WIRE_TIMEOUT_TEXT]);

/* Clamped to INT64_MAX. False: not a timeout. */
WEIR_CHECK bool wire_timeout_unpack(weir_str text, int64_t *out_timeout);

/* ---- grpc-message: percent-encoding ---- */

/* In the arena, a value that may be sent; data is NULL without memory. */
weir_str wire_percent_encode(struct arena *arena, weir_str text);

/* Never fails on bad input: a bad escape stays as it is, a byte that is not UTF-8, or NUL, becomes
 * '?'. NUL-terminated. NULL: no memory. */
char *wire_percent_decode(struct arena *arena, weir_str text);

/* ---- base64 of -bin metadata ---- */

/* RFC 4648 section 4, without padding. data is NULL without memory. */
weir_str wire_base64_encode(struct arena *arena, weir_str bytes);

/* With or without padding; blanks around it do not count. INVALID_ARGUMENT: not base64.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code wire_base64_decode(struct arena *arena, weir_str text, weir_str *out_bytes);

/* Can each of the values, divided by commas, be decoded so? */
bool wire_base64_is_list(weir_str text);

/* ---- metadata ---- */

/* May the user send this key: [0-9a-z_.-]+, not reserved (grpc-*, pseudo, te, content-type,
 * content-length, user-agent, host, connection-specific)? */
bool wire_key_is_sendable(weir_str key);

/* May this be the value of a key that is not -bin: 0x20 to 0x7E, no space at either end (RFC
 * 9113, 8.2.1)? */
bool wire_value_is_sendable(weir_str value);

bool wire_key_is_binary(weir_str key);

/* Does the key of this field end in -bin, while its value is not base64? */
bool wire_field_is_malformed(const struct h2_field *field);

/* Is one of the custom metadata so? */
bool wire_metadata_is_malformed(const struct h2_block *block);

/* ---- requests by GET, get.c ---- */

/* "/S/M?" and the message in base64url, in the arena; data is NULL without memory. */
weir_str wire_get_pack(struct arena *arena, weir_str path, weir_str message);

/* The message of what stands behind the '?'. INVALID_ARGUMENT: not base64, of either alphabet.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code wire_get_unpack(struct arena *arena, weir_str query, weir_str *out_message);

/* ---- request and response headers ---- */

struct wire_request {
    weir_str path;
    weir_str authority;
    weir_str encoding;        /* grpc-encoding; data NULL: none */
    weir_str accept_encoding; /* data NULL: none */
    int64_t timeout;          /* WEIR_NEVER without one */
    bool by_get;              /* its one message is in `query`: see wire_get_unpack */
    weir_str query;           /* of a GET, what stands in its path behind a '?' */
};

/* What to do with a request that is not gRPC's. */
enum wire_verdict {
    WIRE_GRPC,        /* out_request is filled in */
    WIRE_HTTP_STATUS, /* answer with the bare *out_http_status (415, 405, 400) and end */
    WIRE_STATUS       /* answer Trailers-Only with *out_code and *out_why (static) */
};

enum wire_verdict wire_request_read(const struct h2_block *block, struct wire_request *out_request,
    int *out_http_status, weir_code *out_code, const char **out_why);

/* A client reads response headers: OK when the messages that follow are gRPC's; *out_encoding its
 * grpc-encoding. Else the code and text (in the arena) that the HTTP status, content-type
 * and encoding call for (grpc doc/http-grpc-status-mapping.md). */
WEIR_CHECK weir_code wire_response_read(const struct h2_block *block, struct arena *arena,
    weir_str *out_encoding, const char **out_message);

/* A client reads trailers (or a Trailers-Only answer): the call's code; the text in the arena,
 * never NULL. */
weir_code wire_trailers_read(
    const struct h2_block *block, struct arena *arena, const char **out_message);

/* The status of a stream that was reset (PROTOCOL-HTTP2, Errors), and its text (static). */
weir_code wire_status_of_reset(enum h2_code code, const char **out_message);

/* How RFC 9113 spells the code (static). */
const char *wire_name_of_reset(enum h2_code code);

/* The status of a bare HTTP answer (http-grpc-status-mapping). */
weir_code wire_status_of_http(int http_status);

/* ---- compression ---- */

/* gzip, the one algorithm besides identity. Is it in a grpc-accept-encoding list? */
bool wire_accepts_gzip(weir_str accept_encoding);

/* What is kept from one message to the next, up to 320 KiB once it is used; nothing of a message is
 * seen in the next (compression.md). Zero at first. */
struct wire_gzip {
    struct z_stream_s *small, *large, *inflate;
};

void wire_gzip_fini(struct wire_gzip *gzip);

/* Append. OUT_OF_RANGE: the result is over max. RESOURCE_EXHAUSTED: no memory. INTERNAL: corrupt
 * input. On failure `out` is as it was. */
WEIR_CHECK weir_code wire_gzip_deflate(
    struct wire_gzip *gzip, const uint8_t *data, size_t len, struct buf *out);
WEIR_CHECK weir_code wire_gzip_inflate(
    struct wire_gzip *gzip, const uint8_t *data, size_t len, size_t max, struct buf *out);
