/* SPDX-License-Identifier: Apache-2.0 */
/* The export policy: spans are sent in batches, retried after a transient failure, dropped after a
 * permanent one. Uses no clock and no network. */
/* Threads: one; the counters may be read by any. */
#pragma once

#include "tracing/queue.h"

/* Send spans within `timeout` nanoseconds. out_rejected: how many of them the collector rejected
 * although the result is OK. */
typedef weir_code exporter_send(
    void *self, const struct span *spans, size_t count, int64_t timeout, size_t *out_rejected);

struct exporter {
    struct queue *queue; /* borrowed */
    exporter_send *send;
    void *self;
    size_t batch;
    int64_t interval, timeout;

    struct span *spans; /* the batch being sent */
    size_t held;
    int64_t due, backoff;
    atomic_uint_fast64_t exported, dropped;
};

/* The caller has set the fields above the gap. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code exporter_init(struct exporter *exporter, int64_t now);
void exporter_fini(struct exporter *exporter);

/* Send a batch if one is due. Returns when to call it again, which may be now; call it earlier when
 * the queue has a full batch. Suspends. */
int64_t exporter_step(struct exporter *exporter, int64_t now);

/* Send a batch even if not due, within `timeout` nanoseconds. False: nothing is left; after a
 * failure the rest was dropped. Suspends. */
bool exporter_flush(struct exporter *exporter, int64_t timeout);
