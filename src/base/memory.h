/* SPDX-License-Identifier: Apache-2.0 */
/* What the allocator keeps of memory that was freed. */
/* Threads: any. */
#pragma once

#include <stddef.h>

/* Give the pages that nothing is in back to the kernel. Takes milliseconds of a large heap, in
 * which other threads may have to wait for memory. Where the allocator knows no such thing,
 * nothing. */
void memory_pass_on(void);

/* Bytes of the process that are resident, and not because somebody has allocated them: what the
 * allocator keeps, beside stacks, code and the like. Takes 10 us, or 0.4 s where a million pieces
 * of the heap are free, in which other threads may have to wait for memory. 0: nobody knows. */
size_t memory_slack(void);
