/* SPDX-License-Identifier: Apache-2.0 */
/* Stack memory, with a guard area below it. */
/* Threads: one owner at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How a loop's stacks are guarded; determined when the first one is created. */
enum stack_guard { STACK_GUARD_UNKNOWN, STACK_GUARD_MADVISE, STACK_GUARD_MPROTECT };

/*   base        bottom                                  bottom + size
 *   |  guard    |  usable, touched from the right       |             */
struct stack {
    char *base, *bottom;
    size_t size;
};

/* Map a stack of at least `size` usable bytes. False: no address space or too many mappings. */
bool stack_map(size_t size, enum stack_guard *guard, struct stack *out_stack);

/* False: the kernel would have to split a mapping but the limit is reached; the stack stays mapped.
 */
bool stack_unmap(const struct stack *stack);
