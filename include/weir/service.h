/* SPDX-License-Identifier: Apache-2.0 */
/* What generated code is made of: method and service tables, and the typed functions' untyped
 * cores. */
/* Threads: the tables are constant; the functions follow call.h. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <weir/call.h>

WEIR_BEGIN_C

/* Runs one call of a method on its fiber: receives, calls the user's handler, sends. Generated.
 * handlers is the service's vtable, self is what the user gave with it. */
typedef weir_code weir_method_runner(const void *handlers, void *self, weir_call *call);

struct weir_method {
    const char *path; /* "/user.UserService/GetUser" */
    weir_method_kind kind;
    const ProtobufCMessageDescriptor *input;
    const ProtobufCMessageDescriptor *output;
    weir_method_runner *run;
    bool safe; /* option idempotency_level = NO_SIDE_EFFECTS: may be asked for with GET */
};

/* A .proto file as the compiler saw it: a serialized google.protobuf.FileDescriptorProto. */
struct weir_file {
    const char *name; /* "user/user.proto" */
    const uint8_t *descriptor;
    size_t descriptor_len;
    const struct weir_file *const *imports; /* ends in NULL */
};

struct weir_service {
    const char *name; /* "user.UserService" */
    const struct weir_method *methods;
    size_t method_count;
    const struct weir_file *file;
};

/* ---- server side: the body of a weir_method_runner ---- */

/* The one request of a unary or server-streaming call; lives until the handler returns.
 * INTERNAL: it does not parse. INVALID_ARGUMENT: a text in it, which the message names, has U+0000,
 * which C cannot hold; that texts are UTF-8 is the handler's to check. UNIMPLEMENTED: none came, or
 * more than one. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_receive_one(
    weir_call *call, ProtobufCMessage **out_message);

/* ---- both sides of a stream ---- */

/* While one fiber receives, another one of the same loop may send on the same call. Who does both
 * by turns must see to it that the peer, which may do so too, does not wait for it to receive while
 * it waits to send. */

/* The next message, which lives until the next receive. False at the end of the stream: the peer
 * finished (weir_call_code is OK), or the call ended (weir_call_code says why). Suspends. */
WEIR_API WEIR_CHECK bool weir_call_receive(weir_call *call, const ProtobufCMessage **out_message);

/* Send one message; returns when it is handed to the transport, which may be held back by the
 * peer's flow control. When the call has ended, what weir_call_code says, or FAILED_PRECONDITION
 * where that is OK: the server wanted no more. A client's message that cannot be sent, for want of
 * memory or because it is too large (RESOURCE_EXHAUSTED), ends its call, lest the server take what
 * it has got for all of it. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_send(weir_call *call, const ProtobufCMessage *message);

/* ---- client side ---- */

/* Each call object is for one call: another on it, or a verb below on one that has not begun, is
 * FAILED_PRECONDITION. So is any of them on a call that this program answers. */

/* A whole unary call on a fresh call object. *out_response lives as long as the call. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_unary(weir_call *call, const struct weir_method *method,
    const ProtobufCMessage *request, ProtobufCMessage **out_response);

/* Open a stream: sends the request headers; with a request (server streaming) that too and the
 * half-close. UNAVAILABLE: no connection. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_open(
    weir_call *call, const struct weir_method *method, const ProtobufCMessage *request);

/* Say that no more messages will be sent. What weir_call_code says when the call has ended.
 * Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_close_send(weir_call *call);

/* Half-close if that is not done, drop unread messages, wait for the status and return it.
 * Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_finish(weir_call *call);

/* Client streaming: half-close, then the one response and the status. *out_response lives as long
 * as the call. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_finish_one(
    weir_call *call, ProtobufCMessage **out_response);

WEIR_END_C
