/* SPDX-License-Identifier: Apache-2.0 */
/* glibc gives back by itself only what lies at the end of the heap. */
#include "base/memory.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

void
memory_pass_on(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}
