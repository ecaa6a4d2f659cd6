/* SPDX-License-Identifier: Apache-2.0 */
/* A backup: a database as lines of JSON, of no kind of database; doc/BACKUP.md describes it. */
/* Threads: belongs to one thread, and blocks it. */
#pragma once

#include "userd/archive.h"

/* Some users more were "copied", "compared", ... */
struct archive_step {
    const char *what;
    int64_t before, done, all; /* users so done with before this step, and with it; of how many */
};

/* Told of each step. */
typedef void archive_progress(const struct archive_step *step);

/* Write a file that is not there yet, its owner's alone; it is whole and on the disk when it bears
 * its name. False: cause says why. */
bool archive_file_write(const char *path, struct archive *archive, archive_progress *progress,
    int64_t *out_users, struct store_cause *cause);

/* Is it a whole backup, unchanged since it was written? False: cause says why not. */
bool archive_file_check(const char *path, int64_t *out_users, struct store_cause *cause);

/* Put all of a checked file into the archive, whose transaction is the caller's. */
bool archive_file_read(const char *path, struct archive *archive, archive_progress *progress,
    struct store_cause *cause);
