/* SPDX-License-Identifier: Apache-2.0 */
/* A SQLite connection with userd's settings, and what its result codes mean for a store. */
/* Threads: a connection belongs to one thread at a time. */
#pragma once

#include "userd/store.h"
#include <sqlite3.h>

/* Open a file for reading and writing, created if it does not exist, or read-only. NULL: not
 * opened, cause says why. Closed with sqlite3_close. */
sqlite3 *sqlite_open(const char *path, bool read_only, struct store_cause *cause);

/* Run SQL whose rows are ignored. Returns an SQLite result code. */
int sqlite_run(sqlite3 *db, const char *sql);

/* The first column of the first row, a number. False: it failed. */
bool sqlite_number(sqlite3 *db, const char *sql, int64_t *out);

/* A statement that lives as long as its connection. NULL: it failed. */
sqlite3_stmt *sqlite_prepare(sqlite3 *db, const char *sql);

/* Set the cause to the connection's last error. cause may be NULL. */
void sqlite_cause(sqlite3 *db, struct store_cause *cause);

/* The status code of a fault. UNAVAILABLE: the database is locked or the disk is full;
 * RESOURCE_EXHAUSTED: no memory; otherwise INTERNAL. */
weir_code sqlite_fault(int result);
