/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for the file descriptors of other libraries without blocking a loop. */
/* Threads: safe from any fiber or thread; on each loop, one at a time may wait for a descriptor. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

enum weir_fd_events { WEIR_FD_READABLE = 1, WEIR_FD_WRITABLE = 2 };

/* Wait until the descriptor is ready for one of the events (a combination of weir_fd_events), or
 * until the call ends; call may be NULL. An error on the descriptor makes it ready for all events.
 * On a fiber the descriptor is made non-blocking. It must not be closed meanwhile. OK: *out_ready
 * has the events that are ready. INVALID_ARGUMENT: the descriptor cannot be polled, as a regular
 * file cannot. RESOURCE_EXHAUSTED: no memory. Otherwise weir_call_code. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_fd_wait(
    weir_call *call, int fd, unsigned events, unsigned *out_ready);

WEIR_END_C
