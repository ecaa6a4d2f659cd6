/* SPDX-License-Identifier: Apache-2.0 */
/* What header names mean, and which names and values RFC 9113 allows. */
/* Threads: pure functions and constants. */
#pragma once

#include "http2/hpack.h"

/* What is wrong with a field. Kept beside the entries of a table, so that it is found out once. */
enum {
    HPACK_BAD_NAME = 1,  /* malformed, whatever its value */
    HPACK_BAD_VALUE = 2, /* malformed by its value */
    HPACK_BLANK_ENDS = 4 /* the value has blanks at its ends, which are no part of it */
};

struct hpack_known_name {
    const char *name;
    uint8_t len;
    uint8_t token;  /* enum h2_token */
    uint8_t number; /* the first entry of the static table with this name, 0 when there is none */
};

/* What is known of a name, NULL when nothing is. */
const struct hpack_known_name *hpack_name_lookup(weir_str name);

/* The token of a name, and HPACK_BAD_NAME or 0. */
enum h2_token hpack_name_judge(weir_str name, uint8_t *out_flaws);

/* HPACK_BAD_VALUE, HPACK_BLANK_ENDS or 0. */
uint8_t hpack_value_judge(enum h2_token token, weir_str value);

/* RFC 7541, appendix A, from 1 on. */
enum { HPACK_STATIC_COUNT = 61 };

struct hpack_static_field {
    struct h2_field field; /* as a block has it */
    uint8_t flaws;
};

extern const struct hpack_static_field hpack_static_table[HPACK_STATIC_COUNT + 1];

/* The entry of the static table that is this field, given the first with its name; 0: there is
 * none. */
uint32_t hpack_static_match(uint32_t first, weir_str value);
