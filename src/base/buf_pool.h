/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of buffers that are empty, for whichever buffer needs some next. */
/* Threads: one owner at a time. */
#pragma once

#include "base/buf.h"

/* Last in, first out: what was used last is still in the processor's cache. */
struct buf_pool {
    struct buf_pooled *first; /* each lies at the beginning of the memory that it stands for */
    size_t count, least;      /* least: since the last trim */
};

/* For a buffer without memory. Where the pool has none, the buffer stays without. */
void buf_pool_take(struct buf_pool *pool, struct buf *buf);

/* The memory of a buffer that is empty; afterwards it has none. */
void buf_pool_give(struct buf_pool *pool, struct buf *buf);

/* Free as much as lay unused since the last time. */
void buf_pool_trim(struct buf_pool *pool);

/* Free all; it may be used again. */
void buf_pool_fini(struct buf_pool *pool);
