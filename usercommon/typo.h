/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody probably meant who wrote a name that there is not. */
/* Threads: safe from any thread. */
#pragma once

#include <stddef.h>

struct typo {
    const char *text; /* as it was written; borrowed */
    size_t len;
    const char *meant; /* the nearest name so far; NULL: none is near */
    size_t edits;      /* that make one of the other */
};

void typo_begin(struct typo *typo, const char *text, size_t len);

/* Look at one of the names that there are, which is borrowed. */
void typo_compare(struct typo *typo, const char *name);
