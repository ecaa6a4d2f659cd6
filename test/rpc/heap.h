/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the program has from its allocator. */
/* Threads: safe from any thread. */
#pragma once

#include <stddef.h>

/* Bytes in use, of all threads. 0 under AddressSanitizer, whose allocator does not tell. */
size_t heap_in_use(void);
