/* SPDX-License-Identifier: Apache-2.0 */
/* Interceptors: functions that wrap calls, of one type for all four method kinds. */
/* Threads: an interceptor runs on a fiber of the call's loop (on a client, the channel's); calls of
 * several loops run it concurrently. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <weir/call.h>

WEIR_BEGIN_C

/* The rest of the chain, which ends in the handler or in the client's attempt. Valid until the
 * interceptor returns. */
typedef struct weir_next weir_next;

/* Wraps a call: calls weir_proceed and returns a status, or returns one without proceeding. */
typedef weir_code weir_interceptor(void *self, weir_call *call, weir_next *next);

/* Run the rest of the chain and return its status. Suspends.
 *
 * A client's chain ends in one attempt at the call. Proceeding again makes another attempt, which
 * sends again all that the call has sent so far. The call has the headers, trailers and message of
 * its latest attempt. Once the call is committed, proceeding again returns the status of the last
 * attempt. The status that the application sees, also on a stream, is what the chain returns. */
WEIR_API WEIR_CHECK weir_code weir_proceed(weir_next *next, weir_call *call);

/* ---- a client's attempts ---- */

/* Whether no further attempt is possible (gRFC A6): the response has begun, more was sent than
 * weir_channel_options.retry_buffer keeps, or the call has ended. */
WEIR_API bool weir_call_committed(const weir_call *call);

/* End each attempt from the next one on with DEADLINE_EXCEEDED after this many nanoseconds;
 * WEIR_NEVER: at the call's deadline only. */
WEIR_API void weir_call_set_attempt_timeout(weir_call *call, int64_t timeout);

/* ---- values attached to a call ---- */

/* A key is the address of such an object, usually static. */
struct weir_key {
    const char *name; /* for debugging */
};

/* Attach a pointer to the call, replacing the one of the same key. Borrows key and value until the
 * call is freed; weir_call_keep allocates memory that lives as long. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_API WEIR_CHECK weir_code weir_call_set_value(
    weir_call *call, const struct weir_key *key, void *value);

/* The pointer attached under this key; NULL: none. A call made with a parent (weir_call_new) starts
 * with the parent's values, which live as long as the parent's handler runs. */
WEIR_API void *weir_call_value(const weir_call *call, const struct weir_key *key);

/* ---- messages ---- */

/* Sees each message of a call: before it is sent, and after it is received but before the
 * application sees it. A code other than OK ends the call with that status. Either function may be
 * NULL. */
struct weir_watcher {
    weir_code (*sending)(void *self, weir_call *call, const ProtobufCMessage *message);
    weir_code (*received)(void *self, weir_call *call, const ProtobufCMessage *message);
};

/* Watch the messages from here on; the watcher added first sees each first. Borrows watcher and
 * self until the call has ended. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_call_watch(
    weir_call *call, const struct weir_watcher *watcher, void *self);

/* ---- alarms ---- */

/* Called on the call's loop at a set time; must not suspend. OK: the call goes on, and if
 * *out_again is set, to a time on weir_now's clock, the alarm is called again then. Another code,
 * with the message set by weir_fail, ends the call. */
typedef weir_code weir_alarm(void *self, weir_call *call, int64_t *out_again);

/* Server: call `alarm` at `when`, a time on weir_now's clock, if the call is still active. Borrows
 * self until the call is freed, which may be after the interceptor has returned.
 * FAILED_PRECONDITION: a client's call. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_call_alarm(
    weir_call *call, int64_t when, weir_alarm *alarm, void *self);

WEIR_END_C
