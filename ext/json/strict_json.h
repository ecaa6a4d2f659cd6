/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from others: an object, no name twice, no deeper than any of ours. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* What is nested deeper is refused: the parser takes stack for each level, and a fiber has little.
 */
#define STRICT_JSON_DEPTH 16

/* An object or a list, to be freed with json_decref. NULL: it is neither, or no memory. error may
 * be NULL. */
json_t *strict_json_either(const char *text, size_t len, json_error_t *error);

/* The object, to be freed with json_decref. NULL: it is none, or no memory. error may be NULL. */
json_t *strict_json(const char *text, size_t len, json_error_t *error);

/* A member that is a text, NULL when it is none or absent. Borrowed. */
const char *strict_json_text(const json_t *object, const char *name);
