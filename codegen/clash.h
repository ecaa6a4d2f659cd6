/* SPDX-License-Identifier: Apache-2.0 */
/* Detects collisions of C names, with the .proto elements that they come from. */
/* Threads: one thread uses a list. */
#pragma once

#include "memory.h"

struct clash_list {
    struct pool *pool; /* holds the list and its names */
    struct clash_name *names;
    size_t count, cap;
};

/* Add a name; borrows both strings. */
void clash_add(struct clash_list *list, const char *name, const char *owner);

/* Returns NULL, or one line about two owners with the same name, the first in order of names. Sorts
 * the list. */
const char *clash_find(struct clash_list *list);
