/* SPDX-License-Identifier: Apache-2.0 */
/* Behind --wrap. */
#include "heap.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
uint64_t __wrap_random_u64(void);

void *
__wrap_malloc(size_t size)
{
    return heap_fails_now() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return heap_fails_now() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
    return heap_fails_now() ? NULL : __real_realloc(old, size);
}

uint64_t
__wrap_random_u64(void)
{
    struct chance *chance = heap_chance();

    return (uint64_t)chance_below(chance, UINT32_MAX) << 32 | chance_below(chance, UINT32_MAX);
}
