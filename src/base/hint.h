/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler hints for the hot path, mostly for functions outside it. A caller saves fewer registers
 * if such a function is not inlined into it. */
/* Threads: none of its own. */
#pragma once

/* Rarely called. */
#define COLD __attribute__((cold, noinline))

/* Called often, but not on the hot path. */
#define APART __attribute__((noinline))

/* Part of a function on the hot path: must be inlined, even if the compiler's heuristics (large
 * frames, several callers) are against it. */
#define INLINE inline __attribute__((always_inline))
