/* SPDX-License-Identifier: Apache-2.0 */
/* The counts that tell a list that skips many users where to start (ranks.h), for SQLite. */
/* Threads: as ranks.h; the reader belongs to the caller. */
#pragma once

#include "userd/ranks.h"
#include "userd/sqlite_reader.h"

/* Ids per block; the triggers count removals in these blocks (sqlite_migrate.c). */
#define SQLITE_BLOCK 256

/* Where a list of all starts in a reader's snapshot, after counting blocks that are missing. OK, or
 * as sqlite_reader_end. */
weir_code sqlite_count_start(struct ranks *ranks, struct sqlite_reader *reader, int64_t skip,
    struct ranks_start *out_start, struct store_cause *cause);
