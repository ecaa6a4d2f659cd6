/* SPDX-License-Identifier: Apache-2.0 */
/* Work that a call of bench-echo waits for: a fixed time on one of a few threads, as a database or
 * a password's hash takes it. It makes a server with a capacity that is known. */
/* Threads: made and freed by the thread that runs the server; calls of any loop do work. */
#pragma once

#include <weir/pool.h>

struct work {
    weir_pool *pool; /* NULL: there is none */
    int64_t time;    /* nanoseconds */
};

/* time 0: no work. RESOURCE_EXHAUSTED: no threads. */
WEIR_CHECK weir_code work_init(struct work *work, int64_t time, unsigned threads);
void work_fini(struct work *work);

/* Suspends. */
WEIR_CHECK weir_code work_do(const struct work *work, weir_call *call);
