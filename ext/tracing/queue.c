/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of spans from calls to the exporter. */
#include "tracing/queue.h"

#include <stdint.h>
#include <stdlib.h>

weir_code
queue_init(struct queue *queue, size_t size)
{
    struct queue_place *places = calloc(size, sizeof(*places));

    if (places == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < size; i++)
        atomic_init(&places[i].ticket, i);
    queue->places = places;
    queue->size = size;
    atomic_init(&queue->tail, 0);
    atomic_init(&queue->head, 0);
    return WEIR_OK;
}

void
queue_fini(struct queue *queue)
{
    free(queue->places);
}

bool
queue_push(struct queue *queue, const struct span *span)
{
    size_t at = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    struct queue_place *place;

    for (;;) {
        size_t ticket;

        place = &queue->places[at & (queue->size - 1)];
        ticket = atomic_load_explicit(&place->ticket, memory_order_acquire);
        if ((intptr_t)(ticket - at) < 0)
            return false;
        if (ticket == at && atomic_compare_exchange_weak_explicit(&queue->tail, &at, at + 1,
                                memory_order_relaxed, memory_order_relaxed))
            break;
        if (ticket != at)
            at = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    }
    place->span = *span;
    atomic_store_explicit(&place->ticket, at + 1, memory_order_release);
    return true;
}

bool
queue_take(struct queue *queue, struct span *out_span)
{
    size_t at = atomic_load_explicit(&queue->head, memory_order_relaxed);
    struct queue_place *place = &queue->places[at & (queue->size - 1)];

    if (atomic_load_explicit(&place->ticket, memory_order_acquire) != at + 1)
        return false;
    *out_span = place->span;
    atomic_store_explicit(&place->ticket, at + queue->size, memory_order_release);
    atomic_store_explicit(&queue->head, at + 1, memory_order_relaxed);
    return true;
}

size_t
queue_count(const struct queue *queue)
{
    size_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);

    return tail >= head ? tail - head : 0;
}
