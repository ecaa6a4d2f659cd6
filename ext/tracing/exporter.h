/* SPDX-License-Identifier: Apache-2.0 */
/* When spans are sent, and what becomes of them: in batches, again after a failure that may pass,
 * dropped after one that will not. Sees no clock and no network. */
/* Threads: one; the counters may be read from any. */
#pragma once

#include "tracing/queue.h"

/* Send spans within `timeout` nanoseconds. out_rejected: how many of them the collector did not
 * take although the result is OK. */
typedef weir_code exporter_send(
    void *self, const struct span *spans, size_t count, int64_t timeout, size_t *out_rejected);

struct exporter {
    struct queue *queue; /* borrowed */
    exporter_send *send;
    void *self;
    size_t batch;
    int64_t interval, timeout;

    struct span *spans; /* room for a batch: the one that is being sent */
    size_t held;
    int64_t due, backoff;
    atomic_uint_fast64_t exported, dropped;
};

/* The fields above the gap are set. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code exporter_init(struct exporter *exporter, int64_t now);
void exporter_fini(struct exporter *exporter);

/* Send a batch if it is time for one. Returns when to come again, which may be now; a full batch in
 * the queue makes it earlier. Suspends. */
int64_t exporter_step(struct exporter *exporter, int64_t now);

/* Send a batch whether or not it is time, within `timeout`. False: there is nothing left; after a
 * failure the rest has been dropped. Suspends. */
bool exporter_flush(struct exporter *exporter, int64_t timeout);
