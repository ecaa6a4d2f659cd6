/* SPDX-License-Identifier: Apache-2.0 */
/* The counts by which a list that skips many finds its first user (ranks.h), in SQLite. */
/* Threads: as ranks.h; the reader belongs to the caller. */
#pragma once

#include "userd/ranks.h"
#include "userd/sqlite_reader.h"

/* Ids in a block, by which the triggers count removals (sqlite_migrate.c). */
#define SQLITE_BLOCK 256

/* Where a list of all begins in a reader's snapshot, after counting what the counts lack. OK, or as
 * sqlite_reader_end. */
weir_code sqlite_count_start(struct ranks *ranks, struct sqlite_reader *reader, int64_t skip,
    struct ranks_start *out_start, struct store_cause *cause);
