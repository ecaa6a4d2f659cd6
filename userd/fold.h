/* SPDX-License-Identifier: Apache-2.0 */
/* Case folding: the key by which emails that differ only in case are the same. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stddef.h>

/* Size of the key of a text of len bytes, NUL included: two bytes may become three (U+023A). */
#define FOLD_SIZE(len) ((len) + (len) / 2 + 1)

/* Write the case-folded text, which must be valid UTF-8: Unicode's simple case folding, which maps
 * one code point to one and depends on no language. Composed and decomposed letters stay different.
 * Keys are stored, so a new Unicode version needs a migration. */
void fold_case(const char *text, size_t len, char *out_key);
