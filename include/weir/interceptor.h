/* SPDX-License-Identifier: Apache-2.0 */
/* Code that wraps calls: one shape for all four kinds. */
/* Threads: an interceptor runs on the call's fiber, on a client's side on its channel's loop; calls
 * of several loops run it at the same time. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <weir/call.h>

WEIR_BEGIN_C

/* The rest of the chain, ending in the handler. Lives on the stack of the one who calls. */
typedef struct weir_next weir_next;

/* Do something, weir_proceed, do something; or answer without proceeding. */
typedef weir_code weir_interceptor(void *self, weir_call *call, weir_next *next);

/* Run the rest of the chain; its result is the status of the call. Suspends.
 *
 * A client's chain ends in one attempt at the call, and proceeding again makes another one, which
 * sends again all that was sent until then. The attempt's headers, trailers and message are the
 * call's until the next one. While streams have the verbs of their users beside the chain, what the
 * chain returns in the end is the status that they see. Once the call is committed, proceeding
 * again returns the status of the last attempt. */
WEIR_API WEIR_CHECK weir_code weir_proceed(weir_next *next, weir_call *call);

/* ---- a client's attempts ---- */

/* There can be no other attempt: the response has begun, more was sent than is kept for another one
 * (weir_channel_options, retry_buffer), or the call has ended. */
WEIR_API bool weir_call_committed(const weir_call *call);

/* Each attempt from the next one on ends with DEADLINE_EXCEEDED after this many nanoseconds;
 * WEIR_NEVER: only at the call's own deadline. */
WEIR_API void weir_call_set_attempt_timeout(weir_call *call, int64_t timeout);

/* ---- what interceptors leave on a call ---- */

/* An object of your own, best static; its address is the key. */
struct weir_key {
    const char *name; /* for who debugs */
};

/* Leave a pointer on the call, in place of the one that is there. What it points to outlives the
 * call, or comes from weir_call_keep. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_call_set_value(
    weir_call *call, const struct weir_key *key, void *value);

/* The pointer that was left under this key, NULL when there is none. A call made inside another
 * one's handler begins with the values of that one, which live as long as its handler runs. */
WEIR_API void *weir_call_value(const weir_call *call, const struct weir_key *key);

/* ---- messages ---- */

/* Sees each message of a call: before it is sent, and when it was received, before its user does.
 * A code other than OK ends the call with it. Either function may be NULL. */
struct weir_watcher {
    weir_code (*sending)(void *self, weir_call *call, const ProtobufCMessage *message);
    weir_code (*received)(void *self, weir_call *call, const ProtobufCMessage *message);
};

/* Watch the messages from here on; first added sees a message first. Borrows both until the call
 * has ended. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_call_watch(
    weir_call *call, const struct weir_watcher *watcher, void *self);

/* ---- time ---- */

/* Looks at a call when its time has come, on the call's loop; it must not park. OK: the call goes
 * on, and *out_again, a point on the clock of weir_now, says when to look next; untouched: not
 * again. Another code, with the text that weir_fail gave it, ends the call. */
typedef weir_code weir_alarm(void *self, weir_call *call, int64_t *out_again);

/* Have a server's call looked at then, if it is still alive. Borrows self until the call has gone,
 * which may be after the interceptor returned. FAILED_PRECONDITION: it is a client's call.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_call_alarm(
    weir_call *call, int64_t when, weir_alarm *alarm, void *self);

WEIR_END_C
