/* SPDX-License-Identifier: Apache-2.0 */
/* Case folding: the key under which an email is taken, whatever its case. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stddef.h>

/* Room for the key of a text of len bytes, NUL included: two bytes may become three (U+023A). */
#define FOLD_SIZE(len) ((len) + (len) / 2 + 1)

/* Write text, valid UTF-8, with its letters folded to one case: the simple folding of Unicode, one
 * letter to one letter, which is of no language. Composed and decomposed letters stay different.
 * Keys are stored: a new version of this needs a migration. */
void fold_case(const char *text, size_t len, char *out_key);
