/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: blocks that double in size, freed together. */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    size_t size; /* of the usable memory */
};

enum { FIRST_MALLOC = 1024, HEAD = ARENA_ALIGN(sizeof(struct arena_block)) };

/* How many bytes `p` is short of alignment for any type. */
static size_t
misfit(const void *p)
{
    return (size_t)(-(uintptr_t)p & (_Alignof(max_align_t) - 1));
}

void
arena_init(struct arena *arena, void *first, size_t first_size)
{
    size_t skip = misfit(first);

    if (skip > first_size)
        skip = first_size;
    arena->blocks = NULL;
    arena->first = first == NULL ? NULL : (char *)first + skip;
    arena->first_end = first == NULL ? NULL : (char *)first + first_size;
    arena_reset(arena);
}

void
arena_free_blocks(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    while (block != NULL) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
    arena->blocks = NULL;
}

void
arena_fini(struct arena *arena)
{
    arena_free_blocks(arena);
    poison_lift(arena->first, (size_t)(arena->first_end - arena->first));
    arena->next = arena->end = NULL;
}

/* The size of the next block: twice the last, and at least `wanted`. 0: overflow. */
static size_t
next_size(const struct arena *arena, size_t wanted)
{
    size_t last =
        arena->blocks == NULL ? (size_t)(arena->first_end - arena->first) : arena->blocks->size;
    size_t size = last < FIRST_MALLOC / 2 ? FIRST_MALLOC : ARENA_ALIGN(last) * 2;

    if (wanted > PTRDIFF_MAX - HEAD - _Alignof(max_align_t))
        return 0;
    return size < wanted ? ARENA_ALIGN(wanted) : size;
}

void *
arena_alloc_block(struct arena *arena, size_t size)
{
    size_t room = next_size(arena, size);
    struct arena_block *block = room == 0 ? NULL : malloc(HEAD + room);
    char *piece;

    if (block == NULL)
        return NULL;
    block->next = arena->blocks;
    block->size = room;
    arena->blocks = block;
    piece = (char *)block + HEAD;
    arena->next = piece + (size == 0 ? ARENA_ALIGN(1) : ARENA_ALIGN(size));
    arena->end = piece + room;
    poison(piece + size, room - size);
    return piece;
}

void *
arena_zalloc(struct arena *arena, size_t size)
{
    void *piece = arena_alloc(arena, size);

    if (piece != NULL)
        memset(piece, 0, size);
    return piece;
}

char *
arena_dup(struct arena *arena, weir_str text)
{
    char *copy = text.len == SIZE_MAX ? NULL : arena_alloc(arena, text.len + 1);

    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

char *
arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    char *text;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        return NULL;
    text = arena_alloc(arena, (size_t)len + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)len + 1, format, args);
    return text;
}
