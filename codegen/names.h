/* SPDX-License-Identifier: Apache-2.0 */
/* How names of a .proto become names in C: Weir's own, and those that protobuf-c gave to messages.
 */
/* Threads: pure functions. */
#pragma once

#include "memory.h"

/* [A-Za-z_][A-Za-z0-9_]*, and a list of those with dots between them. */
bool names_is_identifier(const char *name);
bool names_is_dotted(const char *name);

/* Would it, as a member's name, be a keyword of C or C++, or a macro of the system's headers that
 * has no arguments? */
bool names_is_word(const char *name);

/* The same, or one of the compiler's own. */
bool names_is_reserved(const char *name);

/* "userName" -> "username", as protobuf-c does with fields. */
char *names_lower(struct pool *pool, const char *name);

/* "a.b.Outer.Inner" -> "A__B__Outer__Inner", the type that protobuf-c makes. */
char *names_message_type(struct pool *pool, const char *full_name);

/* "a.b.GetHTTPUser" -> "a__b__get_httpuser", to which protobuf-c appends "__descriptor". */
char *names_message_lower(struct pool *pool, const char *full_name);

/* "a.b.GetHTTPUser" -> "A__B__GET_HTTPUSER", to which protobuf-c appends "__INIT". */
char *names_message_upper(struct pool *pool, const char *full_name);

/* "a.b.Service" -> "a_b_Service". */
char *names_prefix(struct pool *pool, const char *full_name);

/* "a/user-data.proto" -> "a_user_data_proto_file". */
char *names_file_symbol(struct pool *pool, const char *path);

/* "a/user.proto" -> "a/user", as protobuf-c cuts it. */
char *names_file_stem(struct pool *pool, const char *path);
