/* SPDX-License-Identifier: Apache-2.0 */
/* Selects the kind of database by its URL. */
#include "userd/archive.h"

#include "userd/database.h"
#include <stdio.h>
#include <unistd.h>

struct archive *
archive_open(const char *url, enum archive_use use, struct store_cause *cause)
{
    char path[PATH_MAX], error[512];

    if (database_is_postgres(url))
        return archive_postgres_open(url, use, cause);
    if (!database_path(url, path, error)) {
        snprintf(cause->text, sizeof(cause->text), "%.250s", error);
        return NULL;
    }
    if (use == ARCHIVE_READ && access(path, F_OK) != 0) {
        snprintf(cause->text, sizeof(cause->text), "there is no file %.200s", path);
        return NULL;
    }
    return archive_sqlite_open(path, use, cause);
}
