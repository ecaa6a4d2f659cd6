/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that fails when a test says so; linked with --wrap=malloc and --wrap=calloc. */
/* Threads: one test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

/* How many allocations still succeed before one fails; negative: all do. */
static long allocations_left = -1;

static inline bool
fails_now(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

void *
__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

/* Run a test with the first allocation failing, then with the second, and so on, until it has no
 * more. */
static inline void
fail_each(void (*run)(void))
{
    for (long nth = 0;; nth++) {
        bool reached;

        allocations_left = nth;
        run();
        reached = allocations_left < 0;
        allocations_left = -1;
        if (!reached)
            return;
    }
}
