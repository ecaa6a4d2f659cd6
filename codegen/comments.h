/* SPDX-License-Identifier: Apache-2.0 */
/* Converts comments of a .proto to C. */
/* Threads: pure functions. */
#pragma once

#include "request.h"

/* The leading comment of a service or method, or else the trailing one. NULL: none. */
const char *comments_of_service(const proto_file *file, struct pool *pool, size_t service);
const char *comments_of_method(
    const proto_file *file, struct pool *pool, size_t service, size_t method);

/* Add the comment, and the note after it, as one C comment, each line indented by `indent`. Text
 * that would end the comment or cause a compiler warning is escaped. Either may be NULL; if both
 * are, nothing is added. */
void comments_emit(struct text *out, const char *comment, const char *note, const char *indent);
