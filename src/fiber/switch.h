/* SPDX-License-Identifier: Apache-2.0 */
/* Switching stacks: the one thing that fibers need from the machine. */
/* Threads: a context is left and entered by one thread at a time. */
#pragma once

#include <stddef.h>

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(WEIR_FIBER_UCONTEXT)
#define FIBER_SWITCH_ASSEMBLY 1
#else
#include <ucontext.h>
#endif

/* Where a stack was left: the callee-saved registers are on it. */
struct fiber_context {
#ifdef FIBER_SWITCH_ASSEMBLY
    void *sp;
#else
    ucontext_t ucontext;
    void (*entry)(void *arg);
    void *arg;
#endif
};

/* Make the first switch to this context call entry(arg), which never returns, on a stack that
 * begins at `bottom` and is `size` bytes long, both multiples of 16. */
void fiber_context_init(
    struct fiber_context *context, void *bottom, size_t size, void (*entry)(void *arg), void *arg);

/* Leave one context, go on in another. Returns when something switches back. The floating-point
 * control registers are not switched: who changes the rounding mode puts it back before parking. */
void fiber_context_switch(struct fiber_context *from, struct fiber_context *to);
