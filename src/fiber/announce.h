/* SPDX-License-Identifier: Apache-2.0 */
/* Telling AddressSanitizer, ThreadSanitizer and valgrind about stacks and switches. */
/* Threads: as for the stacks themselves. */
#pragma once

#include <stddef.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define ANNOUNCE_ASAN 1
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define ANNOUNCE_TSAN 1
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define ANNOUNCE_VALGRIND 1
#endif

/* How the tools identify a stack. */
struct announced_stack {
    const void *bottom;
    size_t size;
    unsigned valgrind_id;
#ifdef ANNOUNCE_ASAN
    void *fake_stack;
#endif
#ifdef ANNOUNCE_TSAN
    void *tsan_fiber;
#endif
};

static inline void
announce_new(struct announced_stack *stack)
{
#ifdef ANNOUNCE_VALGRIND
    stack->valgrind_id =
        (unsigned)VALGRIND_STACK_REGISTER(stack->bottom, (const char *)stack->bottom + stack->size);
#endif
#ifdef ANNOUNCE_TSAN
    stack->tsan_fiber = __tsan_create_fiber(0);
#endif
    (void)stack;
}

static inline void
announce_free(struct announced_stack *stack)
{
#ifdef ANNOUNCE_VALGRIND
    VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#endif
#ifdef ANNOUNCE_TSAN
    __tsan_destroy_fiber(stack->tsan_fiber);
#endif
#ifdef ANNOUNCE_ASAN
    ASAN_UNPOISON_MEMORY_REGION(stack->bottom, stack->size);
#endif
    (void)stack;
}

/* Call right before a switch. Always inlined: ThreadSanitizer counts calls and returns per stack.
 */
static inline __attribute__((always_inline)) void
announce_leave(struct announced_stack *from, struct announced_stack *to)
{
#ifdef ANNOUNCE_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->size);
#endif
#ifdef ANNOUNCE_TSAN
    from->tsan_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    (void)from;
    (void)to;
}

/* Call right after a switch: `stack` was entered from `from`, whose bounds become known here. */
static inline __attribute__((always_inline)) void
announce_arrive(struct announced_stack *stack, struct announced_stack *from)
{
#ifdef ANNOUNCE_ASAN
    __sanitizer_finish_switch_fiber(stack->fake_stack, &from->bottom, &from->size);
#endif
    (void)stack;
    (void)from;
}
