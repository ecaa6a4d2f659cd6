/* SPDX-License-Identifier: Apache-2.0 */
/* Lexical elements of HTTP/1.1 (RFC 9110, section 5.6; RFC 3986). */
/* Threads: pure functions. */
#pragma once

#include <weir/base.h>

/* A token: a method or a field name. */
bool http1_is_token(weir_str text);

/* A field value: VCHAR, whitespace and obs-text; no control characters (RFC 9110, section 5.5). */
bool http1_is_value(weir_str text);

/* The characters of a request target, and of a Host field's authority. */
bool http1_is_target(weir_str text);
bool http1_is_authority(weir_str text);

/* Equality, case-insensitive. */
bool http1_is_word(weir_str text, const char *word);

/* Is the word a member of the comma-separated list? */
bool http1_list_has(weir_str list, const char *word);

/* The text without surrounding whitespace. */
weir_str http1_trim(weir_str text);

/* The index of a character, text.len if absent. */
size_t http1_find(weir_str text, char wanted);

/* Parse a decimal number. False: invalid, or 2^63 or more. */
bool http1_decimal(weir_str text, uint64_t *out_number);
