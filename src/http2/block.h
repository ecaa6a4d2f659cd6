/* SPDX-License-Identifier: Apache-2.0 */
/* Construction of header blocks by the decoder, and their memory pool. */
/* Threads: a pool, its decoder and the last reference to each block belong to one thread. */
#pragma once

#include "base/copy.h"
#include "http2/hpack.h"

/* Free lists of blocks by size. A pool is freed once it is closed and all its blocks are returned.
 */
struct block_pool;

/* NULL: no memory. */
struct block_pool *block_pool_new(void);

/* Count the bytes of large blocks in *held, which must outlive them. */
void block_pool_count(struct block_pool *pool, uint64_t *held);

/* Free its unused memory. */
void block_pool_trim(struct block_pool *pool);

/* Close the pool; blocks in use stay valid. Accepts NULL. */
void block_pool_close(struct block_pool *pool);

/* A block under construction. Its memory is filled from both ends:
 *
 *   block | fields grow up ->       <- strings grow down |
 *                            ^       ^                   ^
 *                          next     low                 end     */
struct block_writer {
    struct block_pool *pool;
    struct h2_block *block; /* count is set by block_end */
    struct h2_field *next;
    char *low, *end;
};

/* Start a block with `size` bytes of memory in total. False: no memory. */
bool block_begin(struct block_writer *writer, struct block_pool *pool, size_t size);

/* The slow path of block_room: allocates larger memory. */
bool block_grow(struct block_writer *writer, size_t more);

/* Make room for `more` bytes of fields and strings. False: no memory. */
static inline bool
block_room(struct block_writer *writer, size_t more)
{
    return (size_t)(writer->low - (char *)writer->next) >= more || block_grow(writer, more);
}

/* Append bytes, for which there must be room. */
static inline const char *
block_put(struct block_writer *writer, const void *bytes, size_t len)
{
    writer->low -= len;
    copy_bytes((uint8_t *)writer->low, bytes, len);
    return writer->low;
}

/* Bytes used, as counted by block_begin. */
static inline size_t
block_used(const struct block_writer *writer)
{
    size_t fields = (size_t)((const char *)writer->next - (const char *)writer->block);

    return fields + (size_t)(writer->end - writer->low);
}

/* Remove all fields and strings. */
static inline void
block_clear(struct block_writer *writer)
{
    writer->next = writer->block->fields;
    writer->low = writer->end;
}

/* Finish the block. */
static inline struct h2_block *
block_end(struct block_writer *writer)
{
    writer->block->count = (size_t)(writer->next - writer->block->fields);
    return writer->block;
}
