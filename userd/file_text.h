/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, read whole and written for the first time. */
/* Threads: safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The text of a file of at most 1 MiB, ending in NUL; one with a NUL in it is none. The caller
 * frees it. NULL: errno says why. */
char *file_text_read(const char *path);

/* Make a file that is not there, durably. mode as of open. False: errno says why. */
bool file_text_create(const char *path, const char *text, unsigned mode);
