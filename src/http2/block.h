/* SPDX-License-Identifier: Apache-2.0 */
/* How decoders make header blocks, and where the memory of those comes from. */
/* Threads: a pool, its decoder and the last reference to each block are one thread's. */
#pragma once

#include "base/copy.h"
#include "http2/hpack.h"

/* Free lists of blocks by size. A pool lives until it is closed and the last of its blocks is back.
 */
struct block_pool;

/* NULL: no memory. */
struct block_pool *block_pool_new(void);

/* Count the bytes of large blocks in *held, which outlives them. */
void block_pool_count(struct block_pool *pool, uint64_t *held);

/* Free the memory that waits in it. */
void block_pool_trim(struct block_pool *pool);

/* The owner needs it no longer. Accepts NULL. */
void block_pool_close(struct block_pool *pool);

/* A block that is being made. Its memory is filled from both ends:
 *
 *   block | fields grow up ->       <- strings grow down |
 *                            ^       ^                   ^
 *                          next     low                 end     */
struct block_writer {
    struct block_pool *pool;
    struct h2_block *block; /* its count is set by block_end */
    struct h2_field *next;
    char *low, *end;
};

/* Start a block with room for `size` bytes in all. False: no memory. */
bool block_begin(struct block_writer *writer, struct block_pool *pool, size_t size);

/* The slow half of block_room: a larger piece of memory. */
bool block_grow(struct block_writer *writer, size_t more);

/* Room for `more` bytes of fields and strings. False: no memory. */
static inline bool
block_room(struct block_writer *writer, size_t more)
{
    return (size_t)(writer->low - (char *)writer->next) >= more || block_grow(writer, more);
}

/* Put bytes into the block, for which there must be room. */
static inline const char *
block_put(struct block_writer *writer, const void *bytes, size_t len)
{
    writer->low -= len;
    copy_bytes((uint8_t *)writer->low, bytes, len);
    return writer->low;
}

/* The bytes used, of what block_begin counts. */
static inline size_t
block_used(const struct block_writer *writer)
{
    size_t fields = (size_t)((const char *)writer->next - (const char *)writer->block);

    return fields + (size_t)(writer->end - writer->low);
}

/* Forget the fields and strings put so far. */
static inline void
block_clear(struct block_writer *writer)
{
    writer->next = writer->block->fields;
    writer->low = writer->end;
}

/* The block is whole. */
static inline struct h2_block *
block_end(struct block_writer *writer)
{
    writer->block->count = (size_t)(writer->next - writer->block->fields);
    return writer->block;
}
