/* SPDX-License-Identifier: Apache-2.0 */
/* The names that protobuf-c gives to messages, enums and fields: what it leaves as it is although C
 * or C++ would not take it is amended, or refused with the reason. */
/* Threads: pure functions. */
#pragma once

#include "request.h"

/* Give an underscore at the end to the fields, in messages of any file, that would be a word of C
 * or C++ which protobuf-c does not know as one, or would have the name of the member that every
 * message begins with. */
void members_rename(struct request *request, struct pool *pool);

/* After members_rename: NULL, or in one line what of the files to generate protobuf-c has no code
 * for, or none that compiles. */
const char *members_check(const struct request *request, struct pool *pool);
