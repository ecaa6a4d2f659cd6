/* SPDX-License-Identifier: Apache-2.0 */
/* Which database: its URL, and its default location. */
/* Threads: belongs to the thread that starts the program; reads the environment. */
#pragma once

#include "usercommon/flags.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The valid forms of a URL, for messages. */
#define DATABASE_FORMS "sqlite:PATH or postgres://HOST/NAME"

bool database_url_valid(const char *url);

/* The reader of a flag whose value is such a URL. */
bool database_read_url(const struct flag *flag, const char *text, void *field);

/* Does a valid URL name a PostgreSQL database? NULL means the default, which is SQLite. */
bool database_is_postgres(const char *url);

/* A valid PostgreSQL URL in a form that may be logged: without user, password and options. */
void database_show(const char *url, char *out, size_t size);

/* The absolute path of the file that a valid SQLite URL names. Without a URL: userd/users.db in the
 * user's data folder (XDG Base Directory Specification); missing folders are created, accessible
 * only to the user. False: error (a line of at most 512 bytes) says why there is no path. */
bool database_path(const char *url, char out_path[PATH_MAX], char error[512]);
