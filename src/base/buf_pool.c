/* SPDX-License-Identifier: Apache-2.0 */
/* A stack of memory blocks, linked through the blocks. */
#include "base/buf_pool.h"

#include "base/poison.h"
#include <stdlib.h>

struct buf_pooled {
    struct buf_pooled *next; /* used less recently */
    size_t cap;
};

void
buf_pool_take(struct buf_pool *pool, struct buf *buf)
{
    struct buf_pooled *first = pool->first;

    if (first == NULL)
        return;
    pool->first = first->next;
    poison_lift(first, first->cap);
    if (--pool->count < pool->least)
        pool->least = pool->count;
    *buf = (struct buf){.data = (uint8_t *)first, .cap = first->cap};
}

void
buf_pool_give(struct buf_pool *pool, struct buf *buf)
{
    struct buf_pooled *first = (struct buf_pooled *)(void *)buf->data;

    if (buf->cap < sizeof(*first)) {
        buf_fini(buf);
        return;
    }
    *first = (struct buf_pooled){pool->first, buf->cap};
    pool->first = first;
    poison(first + 1, first->cap - sizeof(*first));
    pool->count++;
    *buf = (struct buf)BUF_EMPTY;
}

/* Free all but the most recently used. */
static void
keep(struct buf_pool *pool, size_t warmest)
{
    struct buf_pooled **link = &pool->first, *rest;

    for (size_t i = 0; i < warmest; i++)
        link = &(*link)->next;
    while ((rest = *link) != NULL) {
        *link = rest->next;
        free(rest);
        pool->count--;
    }
}

void
buf_pool_trim(struct buf_pool *pool)
{
    keep(pool, pool->count - pool->least);
    pool->least = pool->count;
}

void
buf_pool_fini(struct buf_pool *pool)
{
    keep(pool, 0);
    pool->least = 0;
}
