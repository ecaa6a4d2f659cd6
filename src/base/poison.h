/* SPDX-License-Identifier: Apache-2.0 */
/* Poisoning of unused memory: AddressSanitizer reports any access to it; a no-op in other builds.
 * Unpoison memory before handing it to another owner; free() does so itself. */
/* Threads: as for the memory. */
#pragma once

#include <stddef.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define POISON_WORKS 1
#endif

static inline void
poison(const void *memory, size_t size)
{
#ifdef POISON_WORKS
    ASAN_POISON_MEMORY_REGION(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}

static inline void
poison_lift(const void *memory, size_t size)
{
#ifdef POISON_WORKS
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}
