/* SPDX-License-Identifier: Apache-2.0 */
/* Code that wraps calls: one shape for all four kinds. */
/* Threads: an interceptor runs on the call's fiber; calls of several loops run it at the same time.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <weir/call.h>

WEIR_BEGIN_C

/* The rest of the chain, ending in the handler. Lives on the stack of the one who calls. */
typedef struct weir_next weir_next;

/* Do something, weir_proceed, do something; or answer without proceeding. */
typedef weir_code weir_interceptor(void *self, weir_call *call, weir_next *next);

/* Run the rest of the chain; its result is the status of the call. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_proceed(weir_next *next, weir_call *call);

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
