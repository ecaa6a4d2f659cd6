/* SPDX-License-Identifier: Apache-2.0 */
/* What a call that failed may have done all the same: its request went out, and no answer says what
 * became of it. */
/* Threads: belongs to the thread that starts the program; the interceptor runs on the channel's
 * loop while that thread waits. */
#pragma once

#include <weir/interceptor.h>

/* Have the call's attempts watched, before it starts. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code doubt_begin(weir_call *call);

/* The interceptor that watches; further in than the retries. Suspends. */
extern weir_interceptor doubt_watch;

/* What goes behind the error of a call that failed, which should have changed something. Static;
 * "": it has changed nothing. */
const char *doubt_of(const weir_call *call);
