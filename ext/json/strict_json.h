/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parsing of untrusted JSON: unique names, bounded depth. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Maximum nesting: the parser uses stack for each level, of which a fiber has little. */
#define STRICT_JSON_DEPTH 16

/* Parse an object or a list, to be freed with json_decref. NULL: it is neither, or no memory. error
 * may be NULL. */
json_t *strict_json_either(const char *text, size_t len, json_error_t *error);

/* Parse an object, to be freed with json_decref. NULL: not an object, or no memory. error may be
 * NULL. */
json_t *strict_json(const char *text, size_t len, json_error_t *error);

/* A string member, borrowed. NULL: absent, or not a string. */
const char *strict_json_text(const json_t *object, const char *name);
