/* SPDX-License-Identifier: Apache-2.0 */
/* Prefetching the pages that several look-ups are about to read into the processor's caches. */
/* Threads: those of the connection. */
#pragma once

#include "userd/store.h"
#include <sqlite3.h>

/* A smaller database is in the caches anyway. */
#define AHEAD_PAGES_MIN 8192

/* Bytes of the file that are mapped: the maximum of SQLite. */
#define SQLITE_MAPPED_MAX 2147418112

struct sqlite_ahead {
    sqlite3_file *file; /* NULL: the file cannot be mapped */
    const sqlite3_io_methods *methods;
    uint32_t page_size;
    uint32_t root;   /* the root page of the table of users */
    uint32_t mapped; /* number of mapped pages when a page was last found not to be mapped */
    int32_t known[STORE_AHEAD]; /* ids that were prefetched, in their order */
    uint32_t first, end;        /* the part of `known` that was not looked up yet */
};

/* Before sqlite_prefetch_add. The connection outlives it. */
void sqlite_ahead_init(struct sqlite_ahead *ahead, sqlite3 *db);

/* Pages of the file, which may not all be mapped. 0: unknown. */
uint32_t sqlite_ahead_file_pages(const struct sqlite_ahead *ahead);

/* Prefetch what the look-ups of these users will read. A snapshot is open, of a database of so many
 * pages. */
void sqlite_ahead_fetch(
    struct sqlite_ahead *ahead, uint32_t pages, const int32_t *ids, size_t count);

/* Was this user prefetched? True only once for each prefetch. */
static inline bool
sqlite_ahead_knows(struct sqlite_ahead *ahead, int32_t id)
{
    if (ahead->first == ahead->end || ahead->known[ahead->first] != id)
        return false;
    ahead->first++;
    return true;
}
