/* SPDX-License-Identifier: Apache-2.0 */
/* Text of others on a terminal: what it may show, and how wide that is. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stddef.h>

/* A copy in which nothing can drive the terminal or turn the direction of writing: such code points
 * are written as \u{1b}, bytes that are no UTF-8 as U+FFFD. The caller frees it; NULL: no memory.
 */
char *text_visible(const char *text);

/* A copy in which bytes that are no UTF-8 are U+FFFD. The caller frees it; NULL: no memory. */
char *text_repaired(const char *text);

/* How many columns of a terminal a visible text takes. */
size_t text_width(const char *visible);
