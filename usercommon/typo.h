/* SPDX-License-Identifier: Apache-2.0 */
/* Suggestions for misspelled names. */
/* Threads: safe from any thread. */
#pragma once

#include <stddef.h>

struct typo {
    const char *text; /* as the user wrote it; borrowed */
    size_t len;
    const char *meant; /* the nearest name so far; NULL: none is near */
    size_t edits;      /* edit distance between the two */
};

void typo_begin(struct typo *typo, const char *text, size_t len);

/* Compare with one of the valid names, which is borrowed. */
void typo_compare(struct typo *typo, const char *name);
