/* SPDX-License-Identifier: Apache-2.0 */
/* Conversion of names of a .proto to C names: Weir's, and those of protobuf-c. */
/* Threads: pure functions. */
#pragma once

#include "memory.h"

/* Is it an identifier, [A-Za-z_][A-Za-z0-9_]*; or identifiers separated by dots? */
bool names_is_identifier(const char *name);
bool names_is_dotted(const char *name);

/* Is it, as a member's name, a keyword of C or C++, or an object-like macro of the system's
 * headers? */
bool names_is_word(const char *name);

/* The same, or an identifier reserved for the implementation? */
bool names_is_reserved(const char *name);

/* "userName" -> "username", as protobuf-c names fields. */
char *names_lower(struct pool *pool, const char *name);

/* "a.b.Outer.Inner" -> "A__B__Outer__Inner", protobuf-c's type. */
char *names_message_type(struct pool *pool, const char *full_name);

/* "a.b.GetHTTPUser" -> "a__b__get_httpuser", to which protobuf-c appends "__descriptor". */
char *names_message_lower(struct pool *pool, const char *full_name);

/* "a.b.GetHTTPUser" -> "A__B__GET_HTTPUSER", to which protobuf-c appends "__INIT". */
char *names_message_upper(struct pool *pool, const char *full_name);

/* "a.b.Service" -> "a_b_Service". */
char *names_prefix(struct pool *pool, const char *full_name);

/* "a/user-data.proto" -> "a_user_data_proto_file". */
char *names_file_symbol(struct pool *pool, const char *path);

/* "a/user.proto" -> "a/user", as in protobuf-c. */
char *names_file_stem(struct pool *pool, const char *path);
