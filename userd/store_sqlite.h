/* SPDX-License-Identifier: Apache-2.0 */
/* The store in a SQLite file. */
/* Threads: see store.h. */
#pragma once

#include "userd/store.h"
#include <weir/pool.h>

/* Open the database at a path; it is created if it does not exist, and migrated if it is older.
 * Writes run on the pool, one job at a time; the pool is borrowed, and must be freed before the
 * store is closed. Lists that skip many users run on a thread of the store's own. NULL: it cannot
 * be opened, belongs to another program or is newer; nothing is changed, and cause says why. */
struct store *store_sqlite_open(const char *path, weir_pool *pool, struct store_cause *cause);
