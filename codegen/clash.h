/* SPDX-License-Identifier: Apache-2.0 */
/* Names in C, and what in the .proto each comes from: two of one name are an error. */
/* Threads: one thread uses a list. */
#pragma once

#include "memory.h"

struct clash_list {
    struct pool *pool; /* the list and its names are in it */
    struct clash_name *names;
    size_t count, cap;
};

/* Borrows both. */
void clash_add(struct clash_list *list, const char *name, const char *owner);

/* NULL, or in one line which two owners would have one name; of several the first in the order of
 * names. Sorts the list. */
const char *clash_find(struct clash_list *list);
