/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of HPACK share: bytes from hexadecimal text, and blocks written down as text. */
/* Threads: one test. */
#pragma once

#include "http2/hpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STR(literal) ((weir_str){literal, sizeof(literal) - 1})
#define FIELD(name, value, indexing)                                                  \
    {                                                                                 \
        {name, sizeof(name) - 1}, {value, sizeof(value) - 1}, H2_TOKEN_NONE, indexing \
    }

static inline uint8_t
nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The bytes of a text like "82 8684", in memory of their own, so that a sanitizer sees its bounds.
 */
static inline uint8_t *
unhex(const char *hex, size_t *out_len)
{
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    size_t len = 0;

    assert_non_null(bytes);
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        bytes[len++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
        hex += 2;
    }
    bytes = realloc(bytes, len > 0 ? len : 1);
    assert_non_null(bytes);
    *out_len = len;
    return bytes;
}

static inline enum hpack_result
decode_hex(struct hpack_decoder *decoder, const char *hex, struct h2_block **out_block)
{
    size_t len;
    uint8_t *bytes = unhex(hex, &len);
    enum hpack_result result = hpack_decode(decoder, bytes, len, out_block);

    free(bytes);
    return result;
}

/* A block as "name: value" lines. */
static inline const char *
block_text(const struct h2_block *block)
{
    static char text[65536];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < block->count; i++) {
        const struct h2_field *field = &block->fields[i];

        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s: %.*s\n",
            (int)field->name.len, field->name.data, (int)field->value.len, field->value.data);
    }
    return text;
}

/* A decoded block, which must be sound. */
static inline struct h2_block *
decode_ok(struct hpack_decoder *decoder, const char *hex)
{
    struct h2_block *block = NULL;

    assert_int_equal(decode_hex(decoder, hex, &block), HPACK_OK);
    assert_non_null(block);
    return block;
}

/* The hexadecimal text is a block with these fields. */
static inline void
expect_fields(struct hpack_decoder *decoder, const char *hex, const char *lines)
{
    struct h2_block *block = decode_ok(decoder, hex);

    assert_string_equal(block_text(block), lines);
    h2_block_unref(block);
}

static inline void
expect_broken(const char *hex)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 16384);
    struct h2_block *block = NULL;

    assert_non_null(decoder);
    assert_int_equal(decode_hex(decoder, hex, &block), HPACK_BROKEN);
    assert_null(block);
    hpack_decoder_free(decoder);
}
