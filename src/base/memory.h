/* SPDX-License-Identifier: Apache-2.0 */
/* What the allocator keeps of memory that was freed. */
/* Threads: any. */
#pragma once

/* Give the pages that nothing is in back to the kernel. Takes milliseconds of a large heap, in
 * which other threads may have to wait for memory. Where the allocator knows no such thing,
 * nothing. */
void memory_pass_on(void);
