/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler is told of the hot path: which functions are not on it. A caller into which
 * such a function is not inlined saves fewer registers, each time it is called. */
/* Threads: none of its own. */
#pragma once

/* Seldom called. */
#define COLD __attribute__((cold, noinline))

/* Called often enough, but not by those who are in a hurry. */
#define APART __attribute__((noinline))

/* A part of one function on the hot path that has a name of its own: where compilers count large
 * frames or several callers against it, they are wrong. */
#define INLINE inline __attribute__((always_inline))
