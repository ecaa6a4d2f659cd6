/* SPDX-License-Identifier: Apache-2.0 */
/* An event loop: what channels run on. A server brings its own loops. */
/* Threads: one thread turns a loop at a time; weir_loop_stop may come from any. */
#pragma once

#include <weir/status.h>

WEIR_BEGIN_C

typedef struct weir_loop weir_loop;

/* A loop that nobody turns yet. RESOURCE_EXHAUSTED: no memory or no file descriptor.
 * Owned by the caller; freed with weir_loop_free after everything on it. */
WEIR_API WEIR_CHECK weir_code weir_loop_new(weir_loop **out_loop);
WEIR_API void weir_loop_free(weir_loop *loop);

/* Turn the loop on this thread until weir_loop_stop. A call that a plain thread makes on a loop
 * that nobody turns is turned by that call itself, so small programs never need this. */
WEIR_API void weir_loop_run(weir_loop *loop);

/* End weir_loop_run, or the next one when none runs now. Safe from any thread and from a signal
 * handler. */
WEIR_API void weir_loop_stop(weir_loop *loop);

/* Run fn on a fiber of this loop, soon: straight-line code beside what else is on the loop, that
 * may call whatever says "Suspends.". It returns before the loop is freed. Safe from any thread.
 * RESOURCE_EXHAUSTED: no memory, fn will not run. */
WEIR_API WEIR_CHECK weir_code weir_loop_spawn(weir_loop *loop, void (*fn)(void *arg), void *arg);

/* Embed the loop in another one: poll this descriptor for reading, no longer than
 * weir_loop_timeout (nanoseconds; WEIR_NEVER: no timer is set), then call weir_loop_turn, which
 * handles what is ready and does not wait (nor does anything while another thread turns the loop).
 * The descriptor belongs to the loop. */
WEIR_API int weir_loop_fd(const weir_loop *loop);
WEIR_API int64_t weir_loop_timeout(const weir_loop *loop);
WEIR_API void weir_loop_turn(weir_loop *loop);

WEIR_END_C
