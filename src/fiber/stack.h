/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for stacks, with a guard below it. */
/* Threads: none of its own; the owner sees to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How a loop's stacks are guarded; found out when the first one is made. */
enum stack_guard { STACK_GUARD_UNKNOWN, STACK_GUARD_MADVISE, STACK_GUARD_MPROTECT };

/*   base        bottom                                  bottom + size
 *   |  guard    |  usable, touched from the right       |             */
struct stack {
    char *base, *bottom;
    size_t size;
};

/* Map a stack of at least `size` usable bytes. False: no address space or too many mappings. */
bool stack_map(size_t size, enum stack_guard *guard, struct stack *out_stack);

/* False: the kernel would have had to split a mapping and may not; the stack is as it was. */
bool stack_unmap(const struct stack *stack);
