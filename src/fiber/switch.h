/* SPDX-License-Identifier: Apache-2.0 */
/* Stack switching, the machine-dependent part of fibers. */
/* Threads: one thread at a time per context. */
#pragma once

#include <stddef.h>

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(WEIR_FIBER_UCONTEXT)
#define FIBER_SWITCH_ASSEMBLY 1
#else
#include <ucontext.h>
#endif

/* The saved state of a suspended stack; the callee-saved registers are on the stack. */
struct fiber_context {
#ifdef FIBER_SWITCH_ASSEMBLY
    void *sp;
#else
    ucontext_t ucontext;
    void (*entry)(void *arg);
    void *arg;
#endif
};

/* Prepare a context whose first switch calls entry(arg), which must not return, on the stack at
 * `bottom` of `size` bytes, both multiples of 16. */
void fiber_context_init(
    struct fiber_context *context, void *bottom, size_t size, void (*entry)(void *arg), void *arg);

/* Switch from one context to another; returns when switched back. Floating-point control registers
 * are not switched: restore a changed rounding mode before parking. */
void fiber_context_switch(struct fiber_context *from, struct fiber_context *to);
