/* SPDX-License-Identifier: Apache-2.0 */
/* Parses JSON to a tree of values, in memory that is freed all at once. */
/* Threads: one owner at a time. */
#pragma once

#include <weir/value.h>

struct tree_block;

struct tree {
    struct tree_block *blocks;
};

/* Zeroed, aligned for any type. NULL: no memory. */
void *tree_alloc(struct tree *tree, size_t size);
void tree_fini(struct tree *tree);

/* Parse a text that is an object or a list. INVALID_ARGUMENT: it is neither. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_CHECK weir_code tree_read(struct tree *tree, const char *json, size_t len,
    const struct weir_value **out_root, struct weir_value_error *error);
