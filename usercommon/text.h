/* SPDX-License-Identifier: Apache-2.0 */
/* Untrusted text on a terminal: a safe form of it, and its width. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stddef.h>

/* A copy that can neither control the terminal nor change the direction of text: such code points
 * are written as \u{1b}, bytes that are not UTF-8 as U+FFFD. The caller frees it; NULL: no memory.
 */
char *text_visible(const char *text);

/* A copy in which bytes that are not UTF-8 are U+FFFD. The caller frees it; NULL: no memory. */
char *text_repaired(const char *text);

/* The width of a visible text in terminal columns. */
size_t text_width(const char *visible);
