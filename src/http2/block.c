/* SPDX-License-Identifier: Apache-2.0 */
/* Header blocks: reference counting, and the memory pool they are allocated from. */
#include "http2/block.h"

#include <stdlib.h>

/* Pooled sizes are multiples of STEP up to LARGEST; larger blocks are allocated with malloc each
 * time. The free memory of a pool is bounded, so that an idle connection does not keep what a burst
 * of calls needed. */
enum { STEP = 256, LARGEST = 2048, CLASSES = LARGEST / STEP + 1, MAX_WAITING = 16384 };

/* Precedes every block in memory. */
struct home {
    struct block_pool *pool;
    struct home *next; /* in the pool's free list */
    size_t size;       /* of this and the block together */
};

struct block_pool {
    struct home *waiting[CLASSES];
    size_t waiting_bytes;
    size_t lent;    /* blocks not returned yet */
    uint64_t *held; /* counter of the bytes of blocks larger than LARGEST, or NULL */
    bool closed;
};

struct block_pool *
block_pool_new(void)
{
    return calloc(1, sizeof(struct block_pool));
}

void
block_pool_count(struct block_pool *pool, uint64_t *held)
{
    pool->held = held;
}

void
block_pool_trim(struct block_pool *pool)
{
    for (size_t i = 0; i < CLASSES; i++) {
        while (pool->waiting[i] != NULL) {
            struct home *home = pool->waiting[i];

            pool->waiting[i] = home->next;
            free(home);
        }
    }
    pool->waiting_bytes = 0;
}

void
block_pool_close(struct block_pool *pool)
{
    if (pool == NULL)
        return;
    block_pool_trim(pool);
    pool->closed = true;
    if (pool->lent == 0)
        free(pool);
}

static struct home *
home_of(struct h2_block *block)
{
    return (struct home *)(void *)block - 1;
}

/* Allocate a block of at least `size` bytes, fields uninitialised. NULL: no memory. */
static struct h2_block *
take(struct block_pool *pool, size_t size)
{
    size_t total = (sizeof(struct home) + size + STEP - 1) / STEP * STEP;
    struct home *home = total <= LARGEST ? pool->waiting[total / STEP] : NULL;

    if (home != NULL) {
        pool->waiting[total / STEP] = home->next;
        pool->waiting_bytes -= total;
    } else {
        home = malloc(total);
        if (home == NULL)
            return NULL;
        home->pool = pool;
        home->size = total;
        if (total > LARGEST && pool->held != NULL)
            *pool->held += total;
    }
    pool->lent++;
    return (struct h2_block *)(void *)(home + 1);
}

static void
give_back(struct home *home)
{
    struct block_pool *pool = home->pool;
    size_t class = home->size / STEP;

    pool->lent--;
    if (!pool->closed && home->size <= LARGEST && pool->waiting_bytes + home->size <= MAX_WAITING) {
        home->next = pool->waiting[class];
        pool->waiting[class] = home;
        pool->waiting_bytes += home->size;
        return;
    }
    if (home->size > LARGEST && pool->held != NULL)
        *pool->held -= home->size;
    free(home);
    if (pool->closed && pool->lent == 0)
        free(pool);
}

void
h2_block_free(struct h2_block *block)
{
    give_back(home_of(block));
}

const struct h2_field *
h2_block_find(const struct h2_block *block, enum h2_token token)
{
    for (size_t i = 0; i < block->count; i++) {
        if (block->fields[i].token == token)
            return &block->fields[i];
    }
    return NULL;
}

static void
point_at(struct block_writer *writer, struct h2_block *block)
{
    struct home *home = home_of(block);

    writer->block = block;
    writer->next = block->fields;
    writer->end = writer->low = (char *)home + home->size;
}

bool
block_begin(struct block_writer *writer, struct block_pool *pool, size_t size)
{
    struct h2_block *block =
        take(pool, size < sizeof(struct h2_block) ? sizeof(struct h2_block) : size);

    if (block == NULL)
        return false;
    memset(block, 0, sizeof(*block));
    block->refs = 1;
    writer->pool = pool;
    point_at(writer, block);
    return true;
}

/* The new place of a string, if it is one of those that moved. */
static const char *
moved(const char *text, const struct block_writer *from, const char *to_end)
{
    uintptr_t at = (uintptr_t)text;

    if (at < (uintptr_t)from->low || at > (uintptr_t)from->end)
        return text;
    return to_end - (from->end - text);
}

bool
block_grow(struct block_writer *writer, size_t more)
{
    struct block_writer from = *writer;
    size_t used = block_used(&from), strings = (size_t)(from.end - from.low);
    struct h2_block *block;

    if (more > PTRDIFF_MAX / 4 - used)
        return false;
    block = take(from.pool, used + more + used / 2);
    if (block == NULL)
        return false;
    memcpy(block, from.block, used - strings);
    point_at(writer, block);
    block_put(writer, from.low, strings);
    writer->next += from.next - from.block->fields;
    for (struct h2_field *field = block->fields; field < writer->next; field++) {
        field->name.data = moved(field->name.data, &from, writer->end);
        field->value.data = moved(field->value.data, &from, writer->end);
    }
    give_back(home_of(from.block));
    return true;
}
