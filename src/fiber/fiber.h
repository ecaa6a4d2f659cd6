/* SPDX-License-Identifier: Apache-2.0 */
/* Stackful fibers on a loop: straight-line code that parks instead of blocking. */
/* Threads: a fiber lives on one loop. fiber_run_on may be called from anywhere; fiber_wake only on
 * the fiber's loop. */
#pragma once

#include "loop/loop.h"

struct fiber;

/* The fiber that is running on this thread, or NULL. */
struct fiber *fiber_current(void);
weir_loop *fiber_loop(const struct fiber *fiber);

/* Is the current fiber one of this loop? */
bool fiber_is_on(const weir_loop *loop);

/* Run fn on a fiber of this loop. From the loop's own context it starts at once and this returns
 * when it parks or ends; from a fiber it is scheduled. RESOURCE_EXHAUSTED: no stack available. */
WEIR_CHECK weir_code fiber_start(weir_loop *loop, void (*fn)(void *arg), void *arg);

/* Suspend until fiber_wake. Call it in a loop that checks the awaited condition. When several plain
 * threads run the loop by turns, the fiber may continue on another thread: errno and thread-local
 * variables are not preserved. */
void fiber_park(void);

/* Schedule a parked fiber. If it is running or already awake, its next fiber_park returns at once.
 */
void fiber_wake(struct fiber *fiber);

/* Run fn on a fiber of this loop and wait until it returns: directly if the caller is such a fiber,
 * else parking (a fiber of another loop) or blocking (a plain thread, see loop_ask).
 * RESOURCE_EXHAUSTED: fn did not run. Suspends. */
WEIR_CHECK weir_code fiber_run_on(weir_loop *loop, void (*fn)(void *arg), void *arg);

/* Set the usable size of stacks that this loop creates from now on; initially 256 KiB. */
void fiber_set_stack_size(weir_loop *loop, size_t bytes);

struct fiber_stats {
    size_t live;    /* started, not ended */
    size_t stacks;  /* mapped, in use or pooled */
    size_t refused; /* starts that failed for lack of a stack */
};

/* May be called from any thread once the loop has had a fiber or its stack size set. */
struct fiber_stats fiber_stats(weir_loop *loop);
