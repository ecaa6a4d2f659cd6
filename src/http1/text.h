/* SPDX-License-Identifier: Apache-2.0 */
/* Characters and words of HTTP/1.1 (RFC 9110, 5.6; RFC 3986). */
/* Threads: pure functions. */
#pragma once

#include <weir/base.h>

/* A token: a method, the name of a field. */
bool http1_is_token(weir_str text);

/* The value of a field: VCHAR, blanks and obs-text; none of the controls (RFC 9110, 5.5). */
bool http1_is_value(weir_str text);

/* What a request target, or the authority of a Host field, is made of. */
bool http1_is_target(weir_str text);
bool http1_is_authority(weir_str text);

/* Without regard to case. */
bool http1_is_word(weir_str text, const char *word);

/* Is the word a member of the comma-separated list? */
bool http1_list_has(weir_str list, const char *word);

/* Without the blanks around it. */
weir_str http1_trim(weir_str text);

/* The place of a character, text.len when there is none. */
size_t http1_find(weir_str text, char wanted);

/* Digits and nothing else, as a number. False: it is none, or 2^63 or more. */
bool http1_decimal(weir_str text, uint64_t *out_number);
