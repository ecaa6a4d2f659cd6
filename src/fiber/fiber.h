/* SPDX-License-Identifier: Apache-2.0 */
/* Stackful fibers on a loop: straight-line code that parks instead of blocking. */
/* Threads: a fiber lives on one loop. fiber_run_on may be called from anywhere; fiber_wake only on
 * the fiber's loop. */
#pragma once

#include "loop/loop.h"

struct fiber;

/* The fiber that runs on this thread, NULL outside of one. */
struct fiber *fiber_current(void);
weir_loop *fiber_loop(const struct fiber *fiber);

/* Is this a fiber of that loop? */
bool fiber_is_on(const weir_loop *loop);

/* Run fn on a fiber of this loop. From the loop's own context it starts at once and this returns
 * when it parks or ends; from inside a fiber it starts soon. RESOURCE_EXHAUSTED: no stack is to be
 * had. */
WEIR_CHECK weir_code fiber_start(weir_loop *loop, void (*fn)(void *arg), void *arg);

/* Let others run until fiber_wake. Always called in a loop that checks what is waited for. Where
 * plain threads turn the loop in turns, another thread may go on from here: errno and thread-local
 * variables do not live across it. */
void fiber_park(void);

/* Make a parked fiber run soon. One that runs, or is awake already, will not park the next time. */
void fiber_wake(struct fiber *fiber);

/* Run fn on a fiber of this loop and wait until it returns: right here when this is such a fiber,
 * else parking (a fiber of another loop) or blocking (a plain thread, see loop_ask).
 * RESOURCE_EXHAUSTED: fn did not run. Suspends. */
WEIR_CHECK weir_code fiber_run_on(weir_loop *loop, void (*fn)(void *arg), void *arg);

/* The usable size of stacks that this loop makes from here on; 256 KiB at first. */
void fiber_set_stack_size(weir_loop *loop, size_t bytes);

struct fiber_stats {
    size_t live;    /* started and not ended */
    size_t stacks;  /* mapped, in use or pooled */
    size_t refused; /* starts for which there was no stack */
};

/* From any thread once the loop has had a fiber, or its stack size set. */
struct fiber_stats fiber_stats(weir_loop *loop);
