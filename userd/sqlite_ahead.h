/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching into the processor's caches what several look-ups are about to read. */
/* Threads: those of the connection. */
#pragma once

#include "userd/store.h"
#include <sqlite3.h>

/* A smaller database lies in the caches anyway. */
#define AHEAD_PAGES_MIN 8192

/* Bytes of the file that are mapped: as many as SQLite can. */
#define SQLITE_MAPPED_MAX 2147418112

struct sqlite_ahead {
    sqlite3_file *file; /* NULL: it cannot be mapped */
    const sqlite3_io_methods *methods;
    uint32_t page_size;
    uint32_t root;              /* the page at which the tree of users begins */
    uint32_t mapped;            /* so many pages were mapped when one more was not */
    int32_t known[STORE_AHEAD]; /* those for whom it was done, in their order */
    uint32_t first, end;        /* of these nobody was looked up yet */
};

/* Before sqlite_prefetch_add. The connection outlives it. */
void sqlite_ahead_init(struct sqlite_ahead *ahead, sqlite3 *db);

/* Pages of the file, of which not all need to be mapped. 0: nobody knows. */
uint32_t sqlite_ahead_file_pages(const struct sqlite_ahead *ahead);

/* Fetch what looking up these users takes. A snapshot is open, of a database of so many pages. */
void sqlite_ahead_fetch(
    struct sqlite_ahead *ahead, uint32_t pages, const int32_t *ids, size_t count);

/* Was that done for this one? Said once. */
static inline bool
sqlite_ahead_knows(struct sqlite_ahead *ahead, int32_t id)
{
    if (ahead->first == ahead->end || ahead->known[ahead->first] != id)
        return false;
    ahead->first++;
    return true;
}
