/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: memory that is allocated piece by piece and freed all at once. */
/* Threads: one owner at a time. */
#pragma once

#include "base/hint.h"
#include "base/poison.h"
#include <stdarg.h>
#include <weir/base.h>

/* Bump allocator. The first block may be the owner's own memory; further blocks come from malloc
 * and double in size. Alignment is that of max_align_t. */
struct arena {
    char *next, *end;
    struct arena_block *blocks; /* from malloc, newest first */
    char *first, *first_end;    /* the owner's block, aligned; may be NULL */
};

/* Borrows `first` until fini. */
void arena_init(struct arena *arena, void *first, size_t first_size);
void arena_fini(struct arena *arena);

/* Free the blocks from malloc. */
APART void arena_free_blocks(struct arena *arena);

/* Free all pieces; keeps the owner's block, frees the others. */
static inline void
arena_reset(struct arena *arena)
{
    if (arena->blocks != NULL)
        arena_free_blocks(arena);
    arena->next = arena->first;
    arena->end = arena->first_end;
    poison(arena->first, (size_t)(arena->first_end - arena->first));
}

/* The slow path of arena_alloc: a new block. NULL: no memory. */
void *arena_alloc_block(struct arena *arena, size_t size);

#define ARENA_ALIGN(size) (((size) + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1))

/* Allocate from the current block. NULL: it has no room. */
static inline void *
arena_alloc_here(struct arena *arena, size_t size)
{
    size_t rounded = ARENA_ALIGN(size + (size == 0));
    char *piece = arena->next;

    if (size > PTRDIFF_MAX || rounded > (size_t)(arena->end - piece))
        return NULL;
    if (piece == NULL)
        __builtin_unreachable(); /* there is room, so next is set; lets callers check only once */
    arena->next = piece + rounded;
    poison_lift(piece, size);
    return piece;
}

/* Uninitialised; not NULL for size 0. NULL: no memory, or size overflow. */
static inline void *
arena_alloc(struct arena *arena, size_t size)
{
    void *piece = arena_alloc_here(arena, size);

    return piece != NULL ? piece : arena_alloc_block(arena, size);
}

/* Zeroed. NULL: no memory. */
void *arena_zalloc(struct arena *arena, size_t size);

/* A NUL-terminated copy. NULL: no memory. */
char *arena_dup(struct arena *arena, weir_str text);

/* NULL: no memory. */
char *arena_vprintf(struct arena *arena, const char *format, va_list args) WEIR_PRINTF(2, 0);
