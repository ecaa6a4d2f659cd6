/* SPDX-License-Identifier: Apache-2.0 */
/* The names that protobuf-c gives to messages, enums and fields: those that are invalid in C or C++
 * are changed, or rejected with the reason. */
/* Threads: pure functions. */
#pragma once

#include "request.h"

/* Append an underscore to the names of fields, in messages of any file, that are reserved words of
 * C or C++ unknown to protobuf-c, or that collide with the base member of every message. */
void members_rename(struct request *request, struct pool *pool);

/* Call it after members_rename. Returns NULL, or one line about an element of the files to generate
 * for which protobuf-c has no code, or none that compiles. */
const char *members_check(const struct request *request, struct pool *pool);
