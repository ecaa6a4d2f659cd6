/* SPDX-License-Identifier: Apache-2.0 */
/* In a large database, a look-up ends in a page that is not in the processor's caches, and each
 * step of its binary search waits for memory, for one cache line after the other. So when SQLite
 * fetches a page, all of its lines are prefetched at once, which takes half as long. SQLite fetches
 * pages by a method of the file (sqlite.org/c3ref/io_methods.html), which is replaced here. */
#include "userd/sqlite_prefetch.h"

#include <stddef.h>

#define LINE 64

/* Larger pages, in a file that userd did not create, would cost more time than is saved. */
#define PAGE_MAX 8192

/* The header and the first cell pointers first; then every other line, because memory often
 * delivers two. Inline, because gcc drops calls of functions that only prefetch. */
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
