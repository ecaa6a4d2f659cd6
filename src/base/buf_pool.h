/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of buffer memory: empty buffers return it, others take it. */
/* Threads: one owner at a time. */
#pragma once

#include "base/buf.h"

/* Last in, first out: the most recently used memory is still in the processor's cache. */
struct buf_pool {
    struct buf_pooled *first; /* each at the beginning of its own memory */
    size_t count, least;      /* least: minimum since the last trim */
};

/* Give memory to a buffer that has none, if the pool has any. */
void buf_pool_take(struct buf_pool *pool, struct buf *buf);

/* Return the memory of an empty buffer, which then has none. */
void buf_pool_give(struct buf_pool *pool, struct buf *buf);

/* Free as much as was unused since the last trim. */
void buf_pool_trim(struct buf_pool *pool);

/* Free all; the pool may be used again. */
void buf_pool_fini(struct buf_pool *pool);
