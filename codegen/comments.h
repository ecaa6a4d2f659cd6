/* SPDX-License-Identifier: Apache-2.0 */
/* Comments of a .proto, carried over into C. */
/* Threads: pure functions. */
#pragma once

#include "request.h"

/* The comment before a service or method, or else the one behind it; NULL: there is none. */
const char *comments_of_service(const proto_file *file, struct pool *pool, size_t service);
const char *comments_of_method(
    const proto_file *file, struct pool *pool, size_t service, size_t method);

/* Add the comment, and below it the note, as one C comment, each line after `indent`. What would
 * end it, or make a compiler warn, is defused. Either may be NULL; nothing when both are. */
void comments_emit(struct text *out, const char *comment, const char *note, const char *indent);
