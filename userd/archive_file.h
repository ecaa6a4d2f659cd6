/* SPDX-License-Identifier: Apache-2.0 */
/* A backup file: a database as JSON lines, independent of the kind of database; see doc/BACKUP.md.
 */
/* Threads: belongs to one thread, and blocks it. */
#pragma once

#include "userd/archive.h"

/* Called with the number of users copied so far, and of all. */
typedef void archive_progress(int64_t done, int64_t all);

/* Create a file that only its owner can access. It must not exist; it gets its name when it is
 * complete and durable. False: cause says why. */
bool archive_file_write(const char *path, struct archive *archive, archive_progress *progress,
    int64_t *out_users, struct store_cause *cause);

/* Is it a complete backup, unchanged since it was written? False: cause says why not. */
bool archive_file_check(const char *path, int64_t *out_users, struct store_cause *cause);

/* Load a checked file into the archive; the transaction is the caller's. */
bool archive_file_read(const char *path, struct archive *archive, archive_progress *progress,
    struct store_cause *cause);
