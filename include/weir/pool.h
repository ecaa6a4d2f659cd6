/* SPDX-License-Identifier: Apache-2.0 */
/* Thread pools for blocking work, and events to wait for it on a fiber or thread. */
/* Threads: every function here is safe from any thread. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

/* ---- pool: a fixed number of threads with a queue ---- */

typedef struct weir_pool weir_pool;

/* Start the threads; 0 means 1. RESOURCE_EXHAUSTED: no memory or no threads. */
WEIR_API WEIR_CHECK weir_code weir_pool_new(unsigned threads, weir_pool **out_pool);

/* Run what is queued, end the threads and free the pool. Blocks until that is done. */
WEIR_API void weir_pool_free(weir_pool *pool);

/* Queue work for the threads, in FIFO order. Borrows arg until work has run. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_API WEIR_CHECK weir_code weir_pool_submit(weir_pool *pool, void (*work)(void *arg), void *arg);

/* ---- event: set by anyone, waited for by one fiber or thread ---- */

typedef struct weir_event weir_event;

/* Reference-counted. NULL: no memory. */
WEIR_API weir_event *weir_event_new(void);
WEIR_API weir_event *weir_event_ref(weir_event *event);
WEIR_API void weir_event_unref(weir_event *event);

/* Set the event: wake the waiter, or let the next wait return at once. Memory written before this
 * is visible to the waiter. */
WEIR_API void weir_event_set(weir_event *event);

/* Reset the event, so that it can be waited for again. Memory written before the set that this
 * undoes is visible afterwards. */
WEIR_API void weir_event_clear(weir_event *event);

/* Wait until the event is set or the call ends; call may be NULL. OK: the event is set. Otherwise
 * weir_call_code: the work may still be running, so it must not use memory that the waiter frees.
 * Suspends. */
WEIR_API WEIR_CHECK weir_code weir_event_wait(weir_event *event, weir_call *call);

/* Like weir_event_wait, with a deadline on weir_now's clock. DEADLINE_EXCEEDED: it has passed.
 * RESOURCE_EXHAUSTED: no memory for a timer; did not wait. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_event_wait_until(
    weir_event *event, weir_call *call, int64_t deadline);

/* For a handler or client that reads a stream and waits for an event as well: wait until
 * weir_call_receive would not suspend (a message is complete, the peer has finished, or the call
 * has ended), or until the event is set. True: call weir_call_receive; the event may be set as
 * well. False: the event is set, and there is nothing to receive. Suspends. */
WEIR_API WEIR_CHECK bool weir_call_receivable(weir_call *call, weir_event *event);

/* ---- draining, for long-lived handlers; call these on the call's fiber ---- */

/* Server: whether the call's connection drains, because of weir_server_drain or
 * max_connection_age: the client makes new calls elsewhere. Long-lived streams should then end with
 * UNAVAILABLE, so that the client reconnects; they are cancelled at the end of the grace period.
 * False on a client, and once the connection is closed. */
WEIR_API bool weir_call_draining(const weir_call *call);

/* Server: set the event when draining begins, or at once if it has begun. Holds a reference to the
 * event until the call is freed. A handler suspended in weir_call_send is not notified: if its
 * client opens the window by less than 16 KiB within two seconds of the drain, the call ends with
 * UNAVAILABLE. FAILED_PRECONDITION: a client's call. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_call_on_drain(weir_call *call, weir_event *event);

WEIR_END_C
