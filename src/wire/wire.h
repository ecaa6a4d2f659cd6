/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC protocol on HTTP/2, without I/O: prefixes, timeouts, metadata, status, compression. */
/* Threads: pure functions, except those that take an object, which has one owner at a time. */
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
    WIRE_TOO_DEEP, /* messages nested more than 100 deep */
    WIRE_HAS_NUL,  /* a string with U+0000, which C strings cannot hold; otherwise well-formed */
    WIRE_NO_MEMORY
};

struct wire_unpacking {
    enum wire_unpacked result;
    const char *field; /* of WIRE_HAS_NUL: its name, NULL if the descriptor has none */
};

/* Unpack a message into a struct of protobuf-c's generated code, all of it in the arena. */
struct wire_unpacking wire_message_unpack(const ProtobufCMessageDescriptor *type,
    const uint8_t *data, size_t len, struct arena *arena, ProtobufCMessage **out_message);

/* The same without copying strings and byte strings of at least `large` bytes, which point into
 * data: it must live as long as the message. A string is NUL-terminated in place, so data must have
 * room for one more byte; it is modified, whatever the result. */
struct wire_unpacking wire_message_unpack_within(const ProtobufCMessageDescriptor *type,
    uint8_t *data, size_t len, size_t large, struct arena *arena, ProtobufCMessage **out_message);

/* For protobuf-c's packing, which omits plain numbers that are -0: the message itself if it has
 * none, else a copy in the arena whose packing includes them, and which shares the rest. NULL: no
 * memory. */
const ProtobufCMessage *wire_message_keep_zeros(
    struct arena *arena, const ProtobufCMessage *message);

/* Pack a message into the end of the room; *out_bytes is where it starts. False: no room, or
 * messages are nested too deep; use protobuf-c then. */
bool wire_message_pack(
    const ProtobufCMessage *message, uint8_t *room, size_t size, uint8_t **out_bytes);

/* The same, but if the room is too small, strings and byte strings of 4 KiB and more are not
 * copied: the result is the parts from `first` on, which point into the room and into the message.
 * If the first part is in the room, it has `before` free bytes in front of it. False: as above, or
 * too many parts. */
#define WIRE_PARTS 16

struct wire_part {
    const uint8_t *data;
    size_t len;
};

struct wire_parts {
    size_t first;
    size_t len; /* of all parts */
    struct wire_part list[WIRE_PARTS];
};

bool wire_message_pack_parts(
    const ProtobufCMessage *message, uint8_t *room, size_t size, struct wire_parts *out_parts);

/* ---- grpc-timeout ---- */

#define WIRE_TIMEOUT_TEXT 16

/* Format nanoseconds as 1 to 8 digits and a unit, rounded up; "0n" for zero and less. Returns the
 * length without NUL. */
size_t wire_timeout_pack(int64_t timeout, char out_text[WIRE_TIMEOUT_TEXT]);

/* Clamped to INT64_MAX. False: not a timeout. */
WEIR_CHECK bool wire_timeout_unpack(weir_str text, int64_t *out_timeout);

/* ---- grpc-message: percent-encoding ---- */

/* Encode a text as a valid header value, in the arena. data NULL: no memory. */
weir_str wire_percent_encode(struct arena *arena, weir_str text);

/* Never fails on bad input: a bad escape is kept, a byte that is not UTF-8, or is NUL, becomes '?'.
 * NUL-terminated. NULL: no memory. */
char *wire_percent_decode(struct arena *arena, weir_str text);

/* ---- base64 of -bin metadata ---- */

/* RFC 4648, section 4, without padding. data NULL: no memory. */
weir_str wire_base64_encode(struct arena *arena, weir_str bytes);

/* With or without padding; surrounding whitespace is ignored. INVALID_ARGUMENT: not base64.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code wire_base64_decode(struct arena *arena, weir_str text, weir_str *out_bytes);

/* Are all values of a comma-separated list valid base64? */
bool wire_base64_is_list(weir_str text);

/* ---- metadata ---- */

/* May the application send this key: [0-9a-z_.-]+, not reserved (grpc-*, pseudo, te, content-type,
 * content-length, user-agent, host, connection-specific)? */
bool wire_key_is_sendable(weir_str key);

/* Is this valid as the value of a key without -bin: 0x20 to 0x7E, no space at either end (RFC 9113,
 * section 8.2.1)? */
bool wire_value_is_sendable(weir_str value);

bool wire_key_is_binary(weir_str key);

/* Does the key of this field end in -bin, while its value is not base64? */
bool wire_field_is_malformed(const struct h2_field *field);

/* Is one of the custom metadata so? */
bool wire_metadata_is_malformed(const struct h2_block *block);

/* ---- requests by GET, get.c ---- */

/* The path with '?' and the message in base64url, in the arena. data NULL: no memory. */
weir_str wire_get_pack(struct arena *arena, weir_str path, weir_str message);

/* Decode the message from the text after the '?'. INVALID_ARGUMENT: not base64 of either alphabet.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code wire_get_unpack(struct arena *arena, weir_str query, weir_str *out_message);

/* ---- request and response headers ---- */

struct wire_request {
    weir_str path;
    weir_str authority;
    weir_str encoding;        /* grpc-encoding; data NULL: none */
    weir_str accept_encoding; /* data NULL: none */
    int64_t timeout;          /* nanoseconds; WEIR_NEVER: none */
    bool by_get;              /* GET: its only message is in `query`, see wire_get_unpack */
    weir_str query;           /* of a GET: the text after the '?' of its path */
};

/* How to answer a request. */
enum wire_verdict {
    WIRE_GRPC,        /* out_request is filled in */
    WIRE_HTTP_STATUS, /* respond with only *out_http_status (415, 405, 400), and end the stream */
    WIRE_STATUS       /* respond Trailers-Only with *out_code and *out_why (static) */
};

enum wire_verdict wire_request_read(const struct h2_block *block, struct wire_request *out_request,
    int *out_http_status, weir_code *out_code, const char **out_why);

/* Client: read response headers. OK: gRPC messages follow, and *out_encoding is their
 * grpc-encoding. Otherwise the call's code, and its message in the arena. */
WEIR_CHECK weir_code wire_response_read(const struct h2_block *block, struct arena *arena,
    weir_str *out_encoding, const char **out_message);

/* Client: read trailers (or a Trailers-Only response). Returns the call's code, and its message in
 * the arena, never NULL. */
weir_code wire_trailers_read(
    const struct h2_block *block, struct arena *arena, const char **out_message);

/* The status of a stream that was reset (PROTOCOL-HTTP2, Errors), and its message (static). */
weir_code wire_status_of_reset(enum h2_code code, const char **out_message);

/* The name of the code in RFC 9113 (static). */
const char *wire_name_of_reset(enum h2_code code);

/* The status of a plain HTTP response (http-grpc-status-mapping). */
weir_code wire_status_of_http(int http_status);

/* ---- compression ---- */

/* Is gzip, the only algorithm besides identity, in a grpc-accept-encoding list? */
bool wire_accepts_gzip(weir_str accept_encoding);

/* zlib state reused between messages, up to 320 KiB once used; no message's content influences the
 * next (compression.md). Initialise with zeroes. */
struct wire_gzip {
    struct z_stream_s *small, *large, *inflate;
};

void wire_gzip_fini(struct wire_gzip *gzip);

/* Append the result to `out`. OUT_OF_RANGE: it is larger than max. RESOURCE_EXHAUSTED: no memory.
 * INTERNAL: corrupt input. On failure `out` is unchanged. */
WEIR_CHECK weir_code wire_gzip_deflate(
    struct wire_gzip *gzip, const uint8_t *data, size_t len, struct buf *out);
WEIR_CHECK weir_code wire_gzip_inflate(
    struct wire_gzip *gzip, const uint8_t *data, size_t len, size_t max, struct buf *out);
