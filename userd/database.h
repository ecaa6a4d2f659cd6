/* SPDX-License-Identifier: Apache-2.0 */
/* Which database: its URL, and where it is when none is given. */
/* Threads: belongs to the thread that starts the program; reads the environment. */
#pragma once

#include <limits.h>
#include <stdbool.h>

/* What a good URL is, for messages. */
#define DATABASE_FORMS "sqlite:PATH"

bool database_url_valid(const char *url);

/* The absolute path of the file that a valid URL names. Without a URL: userd/users.db in the user's
 * data folder (XDG Base Directory Specification), made with the folders above it, for the user
 * alone. False: error (a line of at most 512 bytes) says why there is none. */
bool database_path(const char *url, char out_path[PATH_MAX], char error[512]);
