/* SPDX-License-Identifier: Apache-2.0 */
/* In a large database a look-up ends in a page that is in no cache of the processor, and its binary
 * search waits for memory at each of its steps, for one line of the cache after the other. So when
 * SQLite asks for a page, all lines of it are asked for at once, which takes half as long. SQLite
 * asks by a method of the file (sqlite.org/c3ref/io_methods.html), which this one takes the place
 * of. */
#include "userd/sqlite_prefetch.h"

#include <stddef.h>

#define LINE 64

/* More than this, of a file that was not made by userd, would take longer than it spares. */
#define PAGE_MAX 8192

/* Its head and the first of its pointers to rows come first. Then every other line, since memory
 * often brings two. Inline, since gcc leaves out calls of what does nothing but this. */
static inline __attribute__((always_inline)) void
prefetch_page(const char *page, int size)
{
    __builtin_prefetch(page);
    __builtin_prefetch(page + LINE);
    for (int at = 2 * LINE; at < size; at += 2 * LINE)
        __builtin_prefetch(page + at);
    for (int at = 3 * LINE; at < size; at += 2 * LINE)
        __builtin_prefetch(page + at);
}

static int
fetch(sqlite3_file *file, sqlite3_int64 offset, int size, void **out_page)
{
    const struct sqlite_prefetch *prefetch =
        (const struct sqlite_prefetch *)(const void *)((const char *)file->pMethods -
                                                       offsetof(struct sqlite_prefetch, methods));
    int result = prefetch->fetch(file, offset, size, out_page);

    if (result == SQLITE_OK && *out_page != NULL && size <= PAGE_MAX && !prefetch->off)
        prefetch_page(*out_page, size);
    return result;
}

void
sqlite_prefetch_add(sqlite3 *db, struct sqlite_prefetch *prefetch)
{
    sqlite3_file *file = NULL;

    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK)
        return;
    if (file == NULL || file->pMethods == NULL || file->pMethods->iVersion < 3)
        return;
    prefetch->methods = *file->pMethods;
    prefetch->fetch = prefetch->methods.xFetch;
    prefetch->methods.xFetch = fetch;
    file->pMethods = &prefetch->methods;
}
