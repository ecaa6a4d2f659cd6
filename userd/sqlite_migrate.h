/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of a SQLite database, and the way from an older one to ours. */
/* Threads: belongs to the thread that opens the store. */
#pragma once

#include "userd/sqlite_connection.h"

/* The nth step makes version n + 1 of version n. Steps that were released never change. */
struct sqlite_schema {
    const char *const *steps;
    int count;
};

extern const struct sqlite_schema sqlite_user_schema;

/* The version of a database, 0: it is empty. False: it is another program's or newer than `newest`,
 * or cannot be read, and cause says so: hands off. */
bool sqlite_version(sqlite3 *db, int newest, int64_t *out_version, struct store_cause *cause);

/* Bring a database to the schema's version in one transaction. False: it is of a newer version, or
 * not ours, or a step failed; nothing is changed and cause says why. */
bool sqlite_migrate(sqlite3 *db, const struct sqlite_schema *schema, struct store_cause *cause);
