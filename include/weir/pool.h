/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for work that blocks, and an event on which a fiber or a thread waits for it. */
/* Threads: every function here is safe from any thread. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

/* ---- pool: a fixed number of threads and a queue ---- */

typedef struct weir_pool weir_pool;

/* threads: 0 means 1. RESOURCE_EXHAUSTED: no memory or no threads. */
WEIR_API WEIR_CHECK weir_code weir_pool_new(unsigned threads, weir_pool **out_pool);

/* Runs what is queued, then ends the threads; waits for both. */
WEIR_API void weir_pool_free(weir_pool *pool);

/* Queue work for one of the threads; first come, first served. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_pool_submit(weir_pool *pool, void (*work)(void *arg), void *arg);

/* ---- event: set by any, waited for by one ---- */

typedef struct weir_event weir_event;

/* Shared: each holder unrefs. NULL: no memory. */
WEIR_API weir_event *weir_event_new(void);
WEIR_API weir_event *weir_event_ref(weir_event *event);
WEIR_API void weir_event_unref(weir_event *event);

/* Wake the waiter, now or when it comes. What was written before is visible to it after. */
WEIR_API void weir_event_set(weir_event *event);

/* Unset it, so that the one who waits for it can wait again. What is looked at after this is as new
 * as the set that it undoes. */
WEIR_API void weir_event_clear(weir_event *event);

/* Park the fiber, or block the thread, until the event is set or the call ends. OK: it is set.
 * Else weir_call_code: the work may still be running, so its memory must not be the waiter's alone.
 * call may be NULL: wait for the event only. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_event_wait(weir_event *event, weir_call *call);

/* The same until a point of weir_now's clock at the latest: DEADLINE_EXCEEDED. RESOURCE_EXHAUSTED:
 * no memory for the timer, nothing was waited for. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_event_wait_until(
    weir_event *event, weir_call *call, int64_t deadline);

/* For a handler or client that is told things while it reads a stream: park until weir_call_receive
 * would return without waiting (a message is whole, the peer has finished, or the call has ended),
 * or until the event is set. True: receive, whether or not the event is set; false: it is set, and
 * there is nothing to receive. Suspends. */
WEIR_API WEIR_CHECK bool weir_call_receivable(weir_call *call, weir_event *event);

/* ---- draining: for the handlers of calls that would go on for ever; on the call's fiber ---- */

/* Server: does the call's connection drain, because the server does (weir_server_drain), or because
 * it is old (max_connection_age)? New calls go elsewhere then. A subscription had better end, with
 * UNAVAILABLE, so that its client asks again there; what goes on is cut when the grace time is
 * over. False of a client's call, and once the connection is gone. */
WEIR_API bool weir_call_draining(const weir_call *call);

/* Server: set the event when that begins, or now where it has begun. Holds on to it until the call
 * has gone. FAILED_PRECONDITION: it is a client's call. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_call_on_drain(weir_call *call, weir_event *event);

WEIR_END_C
