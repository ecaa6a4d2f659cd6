/* SPDX-License-Identifier: Apache-2.0 */
/* The lock-free queue of spans from calls to the exporter: a ring with a sequence number (ticket)
 * in each slot. A slot whose ticket equals its position may be written, one whose ticket is one
 * more may be read; reading sets the ticket for the next round. */
/* Threads: any may push, one at a time may take. */
#pragma once

#include "tracing/span.h"
#include <stdatomic.h>

struct queue_place {
    atomic_size_t ticket;
    struct span span;
};

struct queue {
    struct queue_place *places;
    size_t size; /* a power of two */
    _Alignas(64) atomic_size_t tail;
    _Alignas(64) atomic_size_t head;
};

/* RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code queue_init(struct queue *queue, size_t size);
void queue_fini(struct queue *queue);

/* Add a copy. False: the queue is full. */
bool queue_push(struct queue *queue, const struct span *span);

/* Take the oldest span. False: the queue is empty. */
bool queue_take(struct queue *queue, struct span *out_span);

/* The approximate number of queued spans. */
size_t queue_count(const struct queue *queue);
