/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of other libraries: wait for one without blocking a loop. */
/* Threads: safe from any fiber and thread; one at a time waits for a descriptor on a loop. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

enum weir_fd_events { WEIR_FD_READABLE = 1, WEIR_FD_WRITABLE = 2 };

/* Park the fiber, or block the thread, until the descriptor is ready for one of the events (a
 * combination of weir_fd_events), or broken, which is ready for all of them; or until the call
 * ends. OK, and *out_ready says what for; else weir_call_code. call may be NULL: wait for the
 * descriptor only. The descriptor becomes non-blocking on a fiber, and is closed by nobody
 * meanwhile. RESOURCE_EXHAUSTED: no memory. INVALID_ARGUMENT: it is no socket, pipe or the like.
 * Suspends. */
WEIR_API WEIR_CHECK weir_code weir_fd_wait(
    weir_call *call, int fd, unsigned events, unsigned *out_ready);

WEIR_END_C
