/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a failed call may have been executed all the same: its request was sent, but no response
 * tells the outcome. */
/* Threads: belongs to the thread that starts the program; the interceptor runs on the channel's
 * loop while that thread waits. */
#pragma once

#include <weir/interceptor.h>

/* Have the call's attempts observed; before it starts. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code doubt_begin(weir_call *call);

/* The interceptor that observes them; further in than the retries. Suspends. */
extern weir_interceptor doubt_watch;

/* The text to append to the error of a failed call that changes something. Static; "": nothing was
 * changed. */
const char *doubt_of(const weir_call *call);
