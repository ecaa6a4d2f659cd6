/* SPDX-License-Identifier: Apache-2.0 */
/* Freed memory that the allocator keeps. */
/* Threads: any. */
#pragma once

#include <stddef.h>

/* Return unused pages to the kernel. Takes milliseconds for a large heap, during which other
 * threads may block in malloc. Does nothing if the allocator does not support it. */
void memory_pass_on(void);

/* Resident bytes of the process that are not allocated: freed memory that the allocator keeps, plus
 * stacks, code and the like. Takes 10 us, or 0.4 s with a million free chunks in the heap, during
 * which other threads may block in malloc. 0: unknown. */
size_t memory_slack(void);
