/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of a mapped database are fetched from memory into the processor's caches as a whole. */
/* Threads: those of the connection. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

struct sqlite_prefetch {
    sqlite3_io_methods methods; /* the file's, except for one */
    int (*fetch)(sqlite3_file *file, sqlite3_int64 offset, int size, void **out_page);
    bool off; /* the pages to come are in the caches already */
};

/* Prefetch the pages that a connection reads; does nothing if its file cannot be mapped. The
 * prefetch, all zero, is borrowed until the connection is closed. */
void sqlite_prefetch_add(sqlite3 *db, struct sqlite_prefetch *prefetch);
