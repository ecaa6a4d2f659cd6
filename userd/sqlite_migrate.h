/* SPDX-License-Identifier: Apache-2.0 */
/* The schema versions of a SQLite database, and the migration from an older one. */
/* Threads: belongs to the thread that opens the store. */
#pragma once

#include "userd/sqlite_connection.h"

/* Step n, counted from 0, migrates from version n to n + 1. Released steps never change. */
struct sqlite_schema {
    const char *const *steps;
    int count;
};

extern const struct sqlite_schema sqlite_user_schema;

/* The version of a database; 0: it is empty. False: it belongs to another program, is newer than
 * `newest`, or cannot be read; cause says which. It must not be changed then. */
bool sqlite_version(sqlite3 *db, int newest, int64_t *out_version, struct store_cause *cause);

/* Migrate a database to the schema's version in one transaction. False: it is newer, belongs to
 * another program, or a step failed; nothing is changed and cause says why. */
bool sqlite_migrate(sqlite3 *db, const struct sqlite_schema *schema, struct store_cause *cause);
