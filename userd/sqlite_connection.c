/* SPDX-License-Identifier: Apache-2.0 */
/* A SQLite connection with userd's settings. */
#include "userd/sqlite_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* How long to wait for another process, in milliseconds. A write waits on a worker thread; a read,
 * which only waits while another process opens or closes the database, waits on a loop. */
#define WRITE_TIMEOUT_MS 5000
#define READ_TIMEOUT_MS 100

/* synchronous=FULL: a commit is durable when it returns, also in WAL mode. temp_store: a
 * statement's rollback journal stays in memory. */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA temp_store = MEMORY;";

/* The errno of an open that failed. If a file cannot be created, SQLite tries to open it read-only
 * and keeps that error, ENOENT. In that case the folder's permissions are checked again. */
static int
open_errno(sqlite3 *db, const char *path)
{
    int system = db == NULL ? 0 : sqlite3_system_errno(db);
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";

    if (system != ENOENT)
        return system;
    if (slash != NULL)
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 ? system : errno;
}

/* system: an errno; 0: none. */
static void
describe(sqlite3 *db, int result, int system, struct store_cause *cause)
{
    const char *text = db == NULL ? sqlite3_errstr(result) : sqlite3_errmsg(db);

    if (system != 0 && (result & 0xFF) == SQLITE_CANTOPEN)
        snprintf(cause->text, sizeof(cause->text), "%s (%s)", text, strerror(system));
    else
        snprintf(cause->text, sizeof(cause->text), "%s", text);
}

sqlite3 *
sqlite_open(const char *path, bool read_only, struct store_cause *cause)
{
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    sqlite3 *db = NULL;
    int result =
        sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (result == SQLITE_OK) {
        sqlite3_busy_timeout(db, read_only ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS);
        result = sqlite_run(db, settings);
    }
    if (result == SQLITE_OK)
        return db;
    describe(db, result, open_errno(db, path), cause);
    sqlite3_close(db);
    return NULL;
}

int
sqlite_run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

bool
sqlite_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement;
    bool found = false;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
        found = true;
    }
    return sqlite3_finalize(statement) == SQLITE_OK && found;
}

sqlite3_stmt *
sqlite_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        return NULL;
    return statement;
}

void
sqlite_cause(sqlite3 *db, struct store_cause *cause)
{
    if (cause != NULL)
        describe(db, sqlite3_extended_errcode(db), sqlite3_system_errno(db), cause);
}

weir_code
sqlite_fault(int result)
{
    switch (result & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
        return WEIR_UNAVAILABLE;
    case SQLITE_NOMEM:
        return WEIR_RESOURCE_EXHAUSTED;
    default:
        return WEIR_INTERNAL;
    }
}
