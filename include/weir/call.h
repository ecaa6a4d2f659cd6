/* SPDX-License-Identifier: Apache-2.0 */
/* One RPC as a server's handler, an interceptor or a client sees it: metadata, deadline, status,
 * arena. */
/* Threads: a call belongs to the fiber or thread that runs it; only weir_call_cancel is safe from
 * any thread. */
#pragma once

#include <weir/status.h>

WEIR_BEGIN_C

typedef struct weir_call weir_call;

typedef enum weir_method_kind {
    WEIR_UNARY,
    WEIR_CLIENT_STREAM,
    WEIR_SERVER_STREAM,
    WEIR_BIDI_STREAM
} weir_method_kind;

/* "/user.UserService/GetUser". Lives as long as the call. */
WEIR_API const char *weir_call_method(const weir_call *call);

/* WEIR_UNARY if the server does not know the method. */
WEIR_API weir_method_kind weir_call_kind(const weir_call *call);

/* False: no service of this server has the method; the handler at the end of the interceptor chain
 * returns UNIMPLEMENTED. Always true on a client. */
WEIR_API bool weir_call_known(const weir_call *call);

/* True on the server side of a call, false on the client side. */
WEIR_API bool weir_call_is_server(const weir_call *call);

/* The peer's address: "ipv4:127.0.0.1:41234", "ipv6:[::1]:41234" or "unix:/path". Lives as long as
 * the call. */
WEIR_API const char *weir_call_peer(weir_call *call);

typedef enum weir_address_family {
    WEIR_ADDRESS_NONE, /* a client's call, or a closed connection */
    WEIR_ADDRESS_UNIX,
    WEIR_ADDRESS_IPV4,
    WEIR_ADDRESS_IPV6
} weir_address_family;

struct weir_address {
    weir_address_family family;
    uint16_t port;
    uint8_t bytes[16]; /* network byte order: 4 for IPv4, 16 for IPv6, the rest zero */
};

/* Server: the peer's address in binary. An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) is
 * reported as IPv4. */
WEIR_API void weir_call_peer_address(const weir_call *call, struct weir_address *out_address);

/* ---- received metadata: request headers on a server; response headers and trailers on a client
 * ---- */

/* The first value of a key; data is NULL if the key is absent. Keys are lower case. Values of keys
 * that end in "-bin" are already decoded (PROTOCOL-HTTP2, Custom-Metadata); one that is not base64
 * ends the call with INTERNAL. Lives as long as the call. */
WEIR_API weir_str weir_call_header(weir_call *call, const char *key);
WEIR_API weir_str weir_call_trailer(weir_call *call, const char *key);

/* Iterate over the values of one key, in the order sent. Start with *cursor = 0; false at the end.
 */
WEIR_API bool weir_call_next_header_of(
    weir_call *call, const char *key, size_t *cursor, weir_str *out_value);

/* Iterate over all custom metadata; values of one key come in the order sent. Start with
 * *cursor = 0; false at the end. */
WEIR_API bool weir_call_next_header(
    weir_call *call, size_t *cursor, weir_str *out_key, weir_str *out_value);
WEIR_API bool weir_call_next_trailer(
    weir_call *call, size_t *cursor, weir_str *out_key, weir_str *out_value);

/* ---- metadata to send: request headers on a client; response headers and trailers on a server
 * ---- */

/* Add one value. Copies key and value. INVALID_ARGUMENT: the key or value is not valid metadata, or
 * the key is reserved (names that begin with "grpc-", except grpc-retry-pushback-ms).
 * FAILED_PRECONDITION: the headers have already been sent. */
WEIR_API WEIR_CHECK weir_code weir_call_add_header(
    weir_call *call, const char *key, weir_str value);
WEIR_API WEIR_CHECK weir_code weir_call_add_trailer(
    weir_call *call, const char *key, weir_str value);

/* ---- headers without a message ---- */

/* Server: send the response headers now instead of with the first message. OK also if they have
 * already been sent. FAILED_PRECONDITION: a client's call. RESOURCE_EXHAUSTED: they exceed the
 * client's limit, or no memory. Otherwise weir_call_code. */
WEIR_API WEIR_CHECK weir_code weir_call_send_headers(weir_call *call);

/* Client: wait for the response headers. OK: they have arrived, or the call ended with OK and a
 * trailers-only response. FAILED_PRECONDITION: the call has not started, or is a server's.
 * Otherwise weir_call_code. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_receive_headers(weir_call *call);

/* ---- compression ---- */

/* How messages are encoded. */
typedef enum weir_compression { WEIR_IDENTITY, WEIR_GZIP } weir_compression;

/* Set the compression of the messages sent from here on; it may change between messages. Headers
 * announce gzip, so it must be chosen at least once before they are sent, or else the result is
 * FAILED_PRECONDITION. INVALID_ARGUMENT: not a weir_compression. Messages to a peer that does not
 * accept gzip (grpc-accept-encoding) are sent uncompressed. */
WEIR_API WEIR_CHECK weir_code weir_call_set_compression(
    weir_call *call, weir_compression compression);

/* Whether the message received last was compressed. */
WEIR_API bool weir_call_was_compressed(const weir_call *call);

/* ---- prefetching ---- */

/* Server, in a unary handler before it suspends: peek at the request messages of calls that were
 * read in the same batch, follow this one, and have the same method and metadata. Returns their
 * number, at most the smaller of `max` and 32. Each is shown to one handler only. Use them as hints
 * for prefetching: their calls may never start, and the bytes may not be a valid message. Borrowed
 * until the handler suspends. */
WEIR_API size_t weir_call_ahead(weir_call *call, weir_str *out_messages, size_t max);

/* ---- times ---- */

/* Server: when the first bytes of the call were read, on weir_now's clock. The time since includes
 * queueing; reading it does not query the clock. Client: 0. */
WEIR_API int64_t weir_call_arrived(const weir_call *call);

/* ---- deadline and cancellation ---- */

/* The deadline on weir_now's clock; WEIR_NEVER: none. */
WEIR_API int64_t weir_call_deadline(const weir_call *call);

/* Client, before the call starts, or an interceptor before it proceeds: end the call with
 * DEADLINE_EXCEEDED this many nanoseconds from now. Can only shorten the deadline: the earliest of
 * all timeouts and the parent's deadline applies. */
WEIR_API void weir_call_set_timeout(weir_call *call, int64_t timeout);

/* End the call with CANCELLED; a fiber or thread suspended in it wakes up. Safe from any thread. */
WEIR_API void weir_call_cancel(weir_call *call);

/* ---- status ---- */

/* OK while the call is active; then its status: CANCELLED, DEADLINE_EXCEEDED, or what the peer
 * sent. */
WEIR_API weir_code weir_call_code(const weir_call *call);

/* The status message in UTF-8; "" if there is none. Lives as long as the call. */
WEIR_API const char *weir_call_message(const weir_call *call);

/* Set the status message and return the code: `return weir_fail(call, WEIR_NOT_FOUND, ...)`. */
WEIR_API weir_code weir_fail(weir_call *call, weir_code code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* ---- arena memory ----
 *
 * Lives until the next weir_call_receive or weir_call_recycle of this call, like the received
 * message; if there is none, until the call ends. NULL: no memory. */

/* Zeroed, and aligned for any type. */
WEIR_API void *weir_call_alloc(weir_call *call, size_t size);
WEIR_API char *weir_call_printf(weir_call *call, const char *format, ...) WEIR_PRINTF(2, 3);
WEIR_API char *weir_call_dup(weir_call *call, weir_str text);

/* Like weir_call_alloc, but lives as long as the call. */
WEIR_API void *weir_call_keep(weir_call *call, size_t size);

/* For handlers and clients that send many messages without receiving: call it once per message to
 * free the arena memory allocated since the previous weir_call_recycle, and the message received
 * last. What was allocated before the first weir_call_recycle stays, and so does the request of a
 * server-streaming call. */
WEIR_API void weir_call_recycle(weir_call *call);

/* ---- waiting ---- */

/* Wait for `duration` nanoseconds or until the call ends. OK: the time has passed. Otherwise
 * weir_call_code. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_sleep(weir_call *call, int64_t duration);

WEIR_END_C
