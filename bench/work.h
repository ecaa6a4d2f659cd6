/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated work for calls of bench-echo: each waits for a fixed time on one of a few threads, like
 * a database query or a password hash, so that the server's capacity is known. */
/* Threads: made and freed by the thread that runs the server; calls on any loop may use it. */
#pragma once

#include <weir/pool.h>

struct work {
    weir_pool *pool; /* NULL: no work */
    int64_t time;    /* nanoseconds */
};

/* time 0: no work. RESOURCE_EXHAUSTED: no threads. */
WEIR_CHECK weir_code work_init(struct work *work, int64_t time, unsigned threads);
void work_fini(struct work *work);

/* Suspends. */
WEIR_CHECK weir_code work_do(const struct work *work, weir_call *call);
