/* SPDX-License-Identifier: Apache-2.0 */
/* Spans on their way from the calls to the exporter: a ring with a ticket at each place, so that
 * nobody holds a lock. A place whose ticket is its position may be written, one whose ticket is one
 * more may be read; reading it sets the ticket for the next round. */
/* Threads: any may push, one at a time takes. */
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

/* Add a copy. False: it is full. */
bool queue_push(struct queue *queue, const struct span *span);

/* The oldest span. False: there is none. */
bool queue_take(struct queue *queue, struct span *out_span);

/* How many wait, about. */
size_t queue_count(const struct queue *queue);
