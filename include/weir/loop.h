/* SPDX-License-Identifier: Apache-2.0 */
/* Event loops, on which channels and fibers run. A server has its own. */
/* Threads: one thread runs a loop at a time; weir_loop_stop and weir_loop_spawn are safe from any
 * thread. */
#pragma once

#include <weir/status.h>

WEIR_BEGIN_C

typedef struct weir_loop weir_loop;

/* Create a loop, which does not run yet. Free it after everything that uses it.
 * RESOURCE_EXHAUSTED: no memory or no file descriptor. */
WEIR_API WEIR_CHECK weir_code weir_loop_new(weir_loop **out_loop);
WEIR_API void weir_loop_free(weir_loop *loop);

/* Run the loop on this thread until weir_loop_stop. Small programs do not need this: a plain thread
 * that makes a call runs the loop itself meanwhile, unless another thread does. */
WEIR_API void weir_loop_run(weir_loop *loop);

/* Make weir_loop_run return, or the next one if the loop is not running. Safe from any thread and
 * from a signal handler. */
WEIR_API void weir_loop_stop(weir_loop *loop);

/* Start fn on a new fiber of this loop, where it may call functions marked "Suspends.". fn must
 * return before the loop is freed. Safe from any thread. RESOURCE_EXHAUSTED: no memory; fn will not
 * run. */
WEIR_API WEIR_CHECK weir_code weir_loop_spawn(weir_loop *loop, void (*fn)(void *arg), void *arg);

/* To embed the loop in another event loop: poll this descriptor for reading, for at most
 * weir_loop_timeout (nanoseconds; WEIR_NEVER: no timer is set), then call weir_loop_turn. That
 * handles what is ready without blocking; it does nothing while another thread runs the loop. The
 * descriptor is owned by the loop. */
WEIR_API int weir_loop_fd(const weir_loop *loop);
WEIR_API int64_t weir_loop_timeout(const weir_loop *loop);
WEIR_API void weir_loop_turn(weir_loop *loop);

WEIR_END_C
