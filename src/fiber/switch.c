/* SPDX-License-Identifier: Apache-2.0 */
/* Initial frames of new stacks, and a portable switch for machines without an assembly version. */

#include "fiber/switch.h"
#include <stdint.h>
#include <string.h>

#if defined(FIBER_SWITCH_ASSEMBLY)

/* The entry point of a new stack, in fiber/switch_*.S: calls the function in register ENTRY with
 * that in ARGUMENT. */
void fiber_context_enter(void);

/* The frame popped by fiber_context_switch, lowest address first. */
#if defined(__x86_64__)
struct first_frame {
    uintptr_t r15, r14, r13, r12, rbx, rbp, return_address;
    uintptr_t caller; /* of fiber_context_enter; none */
};
#define ENTRY r12
#define ARGUMENT r13
#define RETURN_ADDRESS return_address
#else
struct first_frame {
    uintptr_t x19, x20, x21_to_x29[9], x30;
    double d8_to_d15[8];
};
#define ENTRY x19
#define ARGUMENT x20
#define RETURN_ADDRESS x30
#endif

void
fiber_context_init(
    struct fiber_context *context, void *bottom, size_t size, void (*entry)(void *arg), void *arg)
{
    struct first_frame *frame = (void *)((char *)bottom + size - sizeof(*frame));

    memset(frame, 0, sizeof(*frame));
    frame->ENTRY = (uintptr_t)entry;
    frame->ARGUMENT = (uintptr_t)arg;
    frame->RETURN_ADDRESS = (uintptr_t)fiber_context_enter;
    context->sp = frame;
}

#else

/* makecontext passes only ints, so the pointer is split into two. */
static void
enter(unsigned high, unsigned low)
{
    struct fiber_context *context = (void *)(uintptr_t)((uint64_t)high << 32 | (uint64_t)low);

    context->entry(context->arg);
}

void
fiber_context_init(
    struct fiber_context *context, void *bottom, size_t size, void (*entry)(void *arg), void *arg)
{
    uint64_t self = (uintptr_t)context;

    getcontext(&context->ucontext);
    context->ucontext.uc_stack.ss_sp = bottom;
    context->ucontext.uc_stack.ss_size = size;
    context->ucontext.uc_link = NULL;
    context->entry = entry;
    context->arg = arg;
    makecontext(
        &context->ucontext, (void (*)(void))enter, 2, (unsigned)(self >> 32), (unsigned)self);
}

void
fiber_context_switch(struct fiber_context *from, struct fiber_context *to)
{
    swapcontext(&from->ucontext, &to->ucontext);
}

#endif
