/* SPDX-License-Identifier: Apache-2.0 */
/* One call, as a server's handler, an interceptor or a client sees it: metadata, deadline, status,
 * arena. */
/* Threads: a call belongs to the fiber or thread that runs it; only weir_call_cancel may come from
 * any. */
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

/* WEIR_UNARY for a method that the server does not know. */
WEIR_API weir_method_kind weir_call_kind(const weir_call *call);

/* False: no service of this server has the method, and the handler at the end of the chain answers
 * UNIMPLEMENTED. A client's method is always known. */
WEIR_API bool weir_call_known(const weir_call *call);

/* True: it is this program that answers; false: it asks. */
WEIR_API bool weir_call_is_server(const weir_call *call);

/* The other end, "ipv4:127.0.0.1:41234", "ipv6:[::1]:41234" or "unix:/path". Lives as long as the
 * call. */
WEIR_API const char *weir_call_peer(weir_call *call);

typedef enum weir_address_family {
    WEIR_ADDRESS_NONE, /* a client's call, or a connection that has gone */
    WEIR_ADDRESS_UNIX,
    WEIR_ADDRESS_IPV4,
    WEIR_ADDRESS_IPV6
} weir_address_family;

struct weir_address {
    weir_address_family family;
    uint16_t port;
    uint8_t bytes[16]; /* in network order: 4 of IPv4, 16 of IPv6, the rest zero */
};

/* Server: the other end as bytes, for who counts or compares addresses. IPv4 that came in through
 * an IPv6 socket (RFC 4291, 2.5.5.2) is IPv4. */
WEIR_API void weir_call_peer_address(const weir_call *call, struct weir_address *out_address);

/* ---- metadata that came in: a server's request headers; a client's response headers, trailers
 * ---- */

/* The first value of a key; data is NULL when the key is absent. Keys are lower case. The value of
 * a key that ends in "-bin" arrives decoded (PROTOCOL-HTTP2, Custom-Metadata). Lives as long as the
 * call. */
WEIR_API weir_str weir_call_header(weir_call *call, const char *key);
WEIR_API weir_str weir_call_trailer(weir_call *call, const char *key);

/* Walk the values of one key, in the order sent. Start with *cursor = 0; false at the end. */
WEIR_API bool weir_call_next_header_of(
    weir_call *call, const char *key, size_t *cursor, weir_str *out_value);

/* Walk all custom metadata, repeated keys in the order sent. Start with *cursor = 0; false at the
 * end. */
WEIR_API bool weir_call_next_header(
    weir_call *call, size_t *cursor, weir_str *out_key, weir_str *out_value);
WEIR_API bool weir_call_next_trailer(
    weir_call *call, size_t *cursor, weir_str *out_key, weir_str *out_value);

/* ---- metadata that goes out: a client's request headers; a server's response headers, trailers
 * ---- */

/* Add one value; copies both. INVALID_ARGUMENT: the key or value may not be sent, or the key is
 * reserved, as names that begin with "grpc-" are but for grpc-retry-pushback-ms.
 * FAILED_PRECONDITION: the headers are already on their way. */
WEIR_API WEIR_CHECK weir_code weir_call_add_header(
    weir_call *call, const char *key, weir_str value);
WEIR_API WEIR_CHECK weir_code weir_call_add_trailer(
    weir_call *call, const char *key, weir_str value);

/* ---- headers on their own ---- */

/* Server: send the response's headers now; else the first message takes them along. OK as well when
 * they are out. Else what weir_call_code says, or RESOURCE_EXHAUSTED: they are larger than the
 * client takes, or no memory. FAILED_PRECONDITION: a client's call. */
WEIR_API WEIR_CHECK weir_code weir_call_send_headers(weir_call *call);

/* Client: wait for the response's headers. OK: they are there, or the call has ended well without
 * any, with all it had to say in the trailers. Else what weir_call_code says.
 * FAILED_PRECONDITION: the call has not begun, or is a server's. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_receive_headers(weir_call *call);

/* ---- compression ---- */

/* How messages are sent. */
typedef enum weir_compression { WEIR_IDENTITY, WEIR_GZIP } weir_compression;

/* Send the messages from here on so; each may differ. gzip must be chosen once before the headers
 * are sent, which announce it: else FAILED_PRECONDITION. A peer that does not take gzip gets plain
 * messages all the same: a client says so in its request, a server in its answer. */
WEIR_API WEIR_CHECK weir_code weir_call_set_compression(
    weir_call *call, weir_compression compression);

/* Did the last message that was received come compressed? */
WEIR_API bool weir_call_was_compressed(const weir_call *call);

/* ---- the calls behind ---- */

/* Server, a unary call's handler before it suspends: messages of calls that were read together with
 * this one, come behind it and have the same method and metadata, up to `max` and to 32. Each is
 * told to one handler only. They are for fetching ahead what such calls will ask for, and are
 * nothing to rely on: their calls may never begin, the bytes may be no message of the method's, and
 * most calls have none behind them. Borrowed until the handler suspends. How many there are. */
WEIR_API size_t weir_call_ahead(weir_call *call, weir_str *out_messages, size_t max);

/* ---- times ---- */

/* Server: when the bytes were read that the call began with, on the clock of weir_now; with what it
 * then waited for its turn, and without a look at the clock. Client: 0. */
WEIR_API int64_t weir_call_arrived(const weir_call *call);

/* ---- deadline and cancellation ---- */

/* A point on the clock of weir_now, WEIR_NEVER when there is none. */
WEIR_API int64_t weir_call_deadline(const weir_call *call);

/* Client, before the call starts, or an interceptor before it proceeds: end it with
 * DEADLINE_EXCEEDED after this many nanoseconds from now. It only ever shortens: the earliest of
 * several, and of the parent's deadline, holds. */
WEIR_API void weir_call_set_timeout(weir_call *call, int64_t timeout);

/* End the call with CANCELLED; whatever it is parked in wakes. Safe from any thread. */
WEIR_API void weir_call_cancel(weir_call *call);

/* ---- status ---- */

/* OK while the call is alive; then why it ended: CANCELLED, DEADLINE_EXCEEDED, or what the peer
 * sent. */
WEIR_API weir_code weir_call_code(const weir_call *call);

/* The text of the status, UTF-8, "" when there is none. Lives as long as the call. */
WEIR_API const char *weir_call_message(const weir_call *call);

/* Set the text that goes with a code and return the code: `return weir_fail(call, WEIR_NOT_FOUND,
 * ...)`. */
WEIR_API weir_code weir_fail(weir_call *call, weir_code code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* ---- memory: lives until the next weir_call_receive or weir_call_recycle of this call, as the
 * message does; without one, until the call ends ---- */

/* Zeroed and aligned for any type. NULL: no memory. */
WEIR_API void *weir_call_alloc(weir_call *call, size_t size);
WEIR_API char *weir_call_printf(weir_call *call, const char *format, ...) WEIR_PRINTF(2, 3);
WEIR_API char *weir_call_dup(weir_call *call, weir_str text);

/* The same as weir_call_alloc, but for as long as the call lives, whatever it receives. */
WEIR_API void *weir_call_keep(weir_call *call, size_t size);

/* For who sends for long without receiving, as one that tells of changes does, once for each
 * message: gives back what these functions gave since it was called the last time, and the message
 * of the last weir_call_receive; what came before the first time, a request above all, stays. */
WEIR_API void weir_call_recycle(weir_call *call);

/* ---- waiting ---- */

/* Park until the time is over or the call ends. OK, or weir_call_code. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_sleep(weir_call *call, int64_t duration);

WEIR_END_C
