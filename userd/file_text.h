/* SPDX-License-Identifier: Apache-2.0 */
/* Small files: read as a whole, or newly created. */
/* Threads: safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The text of a file of at most 1 MiB, NUL-terminated; a file that contains a NUL is refused. The
 * caller frees it. NULL: errno says why. */
char *file_text_read(const char *path);

/* Create a file that does not exist yet, durably. mode as in open(2). False: errno says why. */
bool file_text_create(const char *path, const char *text, unsigned mode);
