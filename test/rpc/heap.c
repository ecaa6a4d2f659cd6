/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator tells of one arena only. So a program with this file in it has no other one,
 * whatever threads it starts. */
#include "heap.h"

#include <malloc.h>

__attribute__((constructor)) static void
share_one_arena(void)
{
    mallopt(M_ARENA_MAX, 1);
}

size_t
heap_in_use(void)
{
    const struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}
