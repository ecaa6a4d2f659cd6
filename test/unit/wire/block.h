/* SPDX-License-Identifier: Apache-2.0 */
/* Header blocks for tests, as the decoder would have made them. */
/* Threads: one owner at a time. */
#pragma once

#include "http2/hpack.h"

#include <stdlib.h>

struct test_field {
    enum h2_token token;
    const char *value;
};

/* A list of struct test_field that ends where its value is NULL; freed with free. The readers go by
 * token, so the fields have no names. */
static inline struct h2_block *
block_of(const struct test_field *fields)
{
    struct h2_block *block;
    size_t count = 0;

    while (fields[count].value != NULL)
        count++;
    block = calloc(1, sizeof *block + count * sizeof block->fields[0]);
    if (block == NULL)
        abort();
    block->refs = 1;
    block->count = count;
    for (size_t i = 0; i < count; i++) {
        block->fields[i].token = fields[i].token;
        block->fields[i].name = weir_str_of("");
        block->fields[i].value = weir_str_of(fields[i].value);
    }
    return block;
}

#define BLOCK(...) block_of((const struct test_field[]){__VA_ARGS__, {H2_TOKEN_NONE, NULL}})
