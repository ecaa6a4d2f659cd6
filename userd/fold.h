/* SPDX-License-Identifier: Apache-2.0 */
/* Case folding: the key under which an email is taken, whatever its case. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stddef.h>

/* Room for the key of a text of len bytes, NUL included: folding never lengthens UTF-8 in the
 * scripts that it knows. */
#define FOLD_SIZE(len) ((len) + 1)

/* Write text, valid UTF-8, with its letters folded to one case. Simple folding (one letter to one
 * letter) of the Latin, Greek, Cyrillic and Armenian scripts and of full-width Latin; other letters
 * stay as they are. Keys are stored: a new version of this needs a migration. */
void fold_case(const char *text, size_t len, char *out_key);
