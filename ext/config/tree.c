/* SPDX-License-Identifier: Apache-2.0 */
/* Converts jansson's values to ours. */
#include "config/tree.h"

#include "json/strict_json.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- memory ---- */

struct tree_block {
    struct tree_block *next;
    max_align_t memory[];
};

void *
tree_alloc(struct tree *tree, size_t size)
{
    struct tree_block *block = calloc(1, sizeof(*block) + size);

    if (block == NULL)
        return NULL;
    block->next = tree->blocks;
    tree->blocks = block;
    return block->memory;
}

void
tree_fini(struct tree *tree)
{
    struct tree_block *block, *next;

    for (block = tree->blocks; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    tree->blocks = NULL;
}

static const char *
copy_text(struct tree *tree, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = tree_alloc(tree, size);

    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

/* ---- values; as deep as strict_json allows ---- */

static bool convert(struct tree *tree, const json_t *json, struct weir_value *value);

static bool
convert_list(struct tree *tree, const json_t *json, struct weir_value *value)
{
    size_t count = json_array_size(json);
    struct weir_value *items = tree_alloc(tree, count * sizeof(*items));

    value->kind = WEIR_VALUE_LIST;
    value->items = items;
    value->count = count;
    for (size_t i = 0; items != NULL && i < count; i++) {
        items[i].parent = value;
        if (!convert(tree, json_array_get(json, i), &items[i]))
            return false;
    }
    return items != NULL;
}

static bool
convert_object(struct tree *tree, json_t *json, struct weir_value *value)
{
    size_t count = json_object_size(json);
    struct weir_value *items = tree_alloc(tree, count * sizeof(*items)), *item = items;
    const char *key;
    json_t *member;

    value->kind = WEIR_VALUE_OBJECT;
    value->items = items;
    value->count = count;
    if (items == NULL)
        return false;
    json_object_foreach(json, key, member)
    {
        item->parent = value;
        item->name = copy_text(tree, key);
        if (item->name == NULL || !convert(tree, member, item))
            return false;
        item++;
    }
    return true;
}

/* False: no memory. */
static bool
convert(struct tree *tree, const json_t *json, struct weir_value *value)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return convert_object(tree, (json_t *)(uintptr_t)json, value);
    case JSON_ARRAY:
        return convert_list(tree, json, value);
    case JSON_STRING:
        value->kind = WEIR_VALUE_TEXT;
        value->text = copy_text(tree, json_string_value(json));
        return value->text != NULL;
    case JSON_INTEGER:
    case JSON_REAL:
        value->kind = WEIR_VALUE_NUMBER;
        value->number = json_number_value(json);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        value->kind = WEIR_VALUE_BOOL;
        value->truth = json_is_true(json);
        return true;
    case JSON_NULL:
        value->kind = WEIR_VALUE_NULL;
    }
    return true;
}

static weir_code
refuse(const json_error_t *reason, struct weir_value_error *error)
{
    if (error == NULL)
        return WEIR_INVALID_ARGUMENT;
    if (reason->position > 0)
        snprintf(error->text, sizeof(error->text), "line %d, column %d: %s", reason->line,
            reason->column, reason->text);
    else
        snprintf(error->text, sizeof(error->text), "%s", reason->text);
    return WEIR_INVALID_ARGUMENT;
}

weir_code
tree_read(struct tree *tree, const char *json, size_t len, const struct weir_value **out_root,
    struct weir_value_error *error)
{
    struct weir_value *root = tree_alloc(tree, sizeof(*root));
    json_error_t reason;
    json_t *parsed;
    bool good;

    if (root == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    parsed = strict_json_either(json, len, &reason);
    if (parsed == NULL)
        return refuse(&reason, error);
    good = convert(tree, parsed, root);
    json_decref(parsed);
    *out_root = root;
    return good ? WEIR_OK : WEIR_RESOURCE_EXHAUSTED;
}
