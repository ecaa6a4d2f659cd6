/* SPDX-License-Identifier: Apache-2.0 */
#include "clash.h"

#include <stdlib.h>
#include <string.h>

struct clash_name {
    const char *name, *owner;
};

#define FIRST_CAP 64

void
clash_add(struct clash_list *list, const char *name, const char *owner)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? FIRST_CAP : 2 * list->cap;
        struct clash_name *names = pool_alloc(list->pool, cap, sizeof *names);

        if (list->count > 0)
            memcpy(names, list->names, list->count * sizeof *names);
        list->names = names;
        list->cap = cap;
    }
    list->names[list->count++] = (struct clash_name){name, owner};
}

static int
compare(const void *a, const void *b)
{
    const struct clash_name *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : strcmp(x->owner, y->owner);
}

const char *
clash_find(struct clash_list *list)
{
    if (list->count > 0)
        qsort(list->names, list->count, sizeof *list->names, compare);
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(list->names[i - 1].name, list->names[i].name) == 0)
            return pool_printf(list->pool, "%s and %s would both be called %s in C",
                list->names[i - 1].owner, list->names[i].owner, list->names[i].name);
    return NULL;
}
