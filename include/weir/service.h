/* SPDX-License-Identifier: Apache-2.0 */
/* The interface to generated code: method and service tables, and the untyped functions that the
 * generated typed ones wrap. */
/* Threads: the tables are immutable; the functions follow call.h. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <weir/call.h>

WEIR_BEGIN_C

/* Generated: runs one call of a method on the call's fiber, that is, receives, calls the handler,
 * and sends. handlers is the service's vtable; self was registered with it. */
typedef weir_code weir_method_runner(const void *handlers, void *self, weir_call *call);

struct weir_method {
    const char *path; /* "/user.UserService/GetUser" */
    weir_method_kind kind;
    const ProtobufCMessageDescriptor *input;
    const ProtobufCMessageDescriptor *output;
    weir_method_runner *run;
    bool safe; /* idempotency_level = NO_SIDE_EFFECTS: a client may use GET */
};

/* A .proto file, as a serialized google.protobuf.FileDescriptorProto. */
struct weir_file {
    const char *name; /* "user/user.proto" */
    const uint8_t *descriptor;
    size_t descriptor_len;
    const struct weir_file *const *imports; /* NULL-terminated */
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

/* While one fiber receives, another fiber of the same loop may send on the same call. A fiber that
 * does both in turn can deadlock with a peer that does so too: each waits to send (flow control)
 * while neither receives. */

/* Receive the next message, which lives until the next receive. False at the end of the stream: the
 * peer has finished (weir_call_code is OK), or the call has ended (weir_call_code says why).
 * Suspends. */
WEIR_API WEIR_CHECK bool weir_call_receive(weir_call *call, const ProtobufCMessage **out_message);

/* As weir_call_receive, for streams whose messages are independent of each other: on a server, a
 * message that is invalid only because a string has U+0000 does not end the call. *out_message is
 * then NULL, and *out_refusal names the field and the reason, until the next receive; otherwise
 * *out_refusal is NULL. Any other malformed message ends the call as above. Suspends. */
WEIR_API WEIR_CHECK bool weir_call_receive_each(
    weir_call *call, const ProtobufCMessage **out_message, const char **out_refusal);

/* Send one message. Returns once the transport has taken it, which may have to wait for the peer's
 * flow-control window. RESOURCE_EXHAUSTED: no memory, or the message is too large; this ends a
 * client's call, so that the server does not mistake what it has received for the whole stream.
 * FAILED_PRECONDITION: the call has ended with OK (the server needed no more messages), or has been
 * half-closed. Otherwise weir_call_code, if the call has ended. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_send(weir_call *call, const ProtobufCMessage *message);

/* ---- client side ---- */

/* A call object serves one call. FAILED_PRECONDITION, from every function below: the call object
 * has been used before, the stream has not been opened, or it is a server's call. */

/* Make a unary call on a new call object. Returns its status. *out_response lives as long as the
 * call. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_unary(weir_call *call, const struct weir_method *method,
    const ProtobufCMessage *request, ProtobufCMessage **out_response);

/* Open a stream on a new call object: send the request headers and, if request is not NULL (server
 * streaming), the request and the half-close. UNAVAILABLE: no connection. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_open(
    weir_call *call, const struct weir_method *method, const ProtobufCMessage *request);

/* Half-close: no more messages will be sent. If the call has ended, weir_call_code. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_close_send(weir_call *call);

/* Half-close unless that is done, discard unread messages, wait for the status and return it.
 * Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_finish(weir_call *call);

/* Client streaming: half-close, receive the response, wait for the status and return it.
 * *out_response lives as long as the call. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_call_finish_one(
    weir_call *call, ProtobufCMessage **out_response);

WEIR_END_C
