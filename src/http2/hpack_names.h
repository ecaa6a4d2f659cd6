/* SPDX-License-Identifier: Apache-2.0 */
/* Known header names, and validation of names and values (RFC 9113). */
/* Threads: pure functions and constants. */
#pragma once

#include "http2/hpack.h"

/* Flaws of a field. Stored with the entries of both tables, so that each is validated once. */
enum {
    HPACK_BAD_NAME = 1,  /* the name is malformed */
    HPACK_BAD_VALUE = 2, /* the value is malformed */
    HPACK_BLANK_ENDS = 4 /* the value has whitespace at its ends, to be stripped */
};

struct hpack_known_name {
    const char *name;
    uint8_t len;
    uint8_t token;  /* enum h2_token */
    uint8_t number; /* the first entry of the static table with this name; 0: none */
};

/* Look up a known name. NULL: unknown. */
const struct hpack_known_name *hpack_name_lookup(weir_str name);

/* Returns the token of a name, and HPACK_BAD_NAME or 0. */
enum h2_token hpack_name_judge(weir_str name, uint8_t *out_flaws);

/* Returns HPACK_BAD_VALUE, HPACK_BLANK_ENDS or 0. */
uint8_t hpack_value_judge(enum h2_token token, weir_str value);

/* RFC 7541, appendix A; indices start at 1. */
enum { HPACK_STATIC_COUNT = 61 };

struct hpack_static_field {
    struct h2_field field; /* as in a block */
    uint8_t flaws;
};

extern const struct hpack_static_field hpack_static_table[HPACK_STATIC_COUNT + 1];

/* The entry of the static table with this value, given the first one with its name. 0: none. */
uint32_t hpack_static_match(uint32_t first, weir_str value);
