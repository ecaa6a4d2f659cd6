/* SPDX-License-Identifier: Apache-2.0 */
/* Which database: its URL, and where it is when none is given. */
/* Threads: belongs to the thread that starts the program; reads the environment. */
#pragma once

#include "usercommon/flags.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* What a good URL is, for messages. */
#define DATABASE_FORMS "sqlite:PATH or postgres://HOST/NAME"

bool database_url_valid(const char *url);

/* The reader of a flag whose value is such a URL. */
bool database_read_url(const struct flag *flag, const char *text, void *field);

/* Is it PostgreSQL that a valid URL names? NULL names the default, which is not. */
bool database_is_postgres(const char *url);

/* A valid URL of PostgreSQL as a log may have it: no user, no password, no options. */
void database_show(const char *url, char *out, size_t size);

/* The absolute path of the file that a valid URL of SQLite names. Without a URL: userd/users.db in
 * the user's data folder (XDG Base Directory Specification), made with the folders above it, for
 * the user alone. False: error (a line of at most 512 bytes) says why there is none. */
bool database_path(const char *url, char out_path[PATH_MAX], char error[512]);
