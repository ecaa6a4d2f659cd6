/* SPDX-License-Identifier: Apache-2.0 */
/* The schema versions of a SQLite database. user_version is the number of steps that were made;
 * application_id tells our files from those of other programs. */
#include "userd/sqlite_migrate.h"

#include <stdio.h>

#define APPLICATION_ID 0x57656972 /* "Weir" */

/* Emails are unique by a key that is folded in C (fold.h), because SQLite only folds ASCII. To
 * count all rows SQLite would read all pages, so triggers keep the total in a table, whichever
 * program writes. */
static const char *const steps[] = {
    "CREATE TABLE users ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 2147483647),"
    "  name TEXT NOT NULL,"
    "  email TEXT NOT NULL,"
    "  email_key TEXT NOT NULL UNIQUE,"
    "  phone TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE totals ("
    "  id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  users INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO totals (id, users) VALUES (1, 0);"
    "CREATE TRIGGER users_counted AFTER INSERT ON users BEGIN"
    "  UPDATE totals SET users = users + 1 WHERE id = 1;"
    "END;"
    "CREATE TRIGGER users_uncounted AFTER DELETE ON users BEGIN"
    "  UPDATE totals SET users = users - 1 WHERE id = 1;"
    "END;",
    /* Accounts. Triggers record the revocation when any program changes a password or deletes a
       user, and keep it while a token may be valid. */
    "ALTER TABLE users ADD COLUMN password_hash TEXT;"
    "ALTER TABLE users ADD COLUMN roles TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE users ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE revocations ("
    "  user_id INTEGER PRIMARY KEY,"
    "  epoch INTEGER NOT NULL,"
    "  changed_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX revocations_by_time ON revocations (changed_at);"
    "CREATE TRIGGER password_changed AFTER UPDATE OF epoch ON users BEGIN"
    "  DELETE FROM revocations WHERE changed_at < unixepoch() - 2678400;"
    "  INSERT OR REPLACE INTO revocations VALUES (NEW.id, NEW.epoch, unixepoch());"
    "END;"
    "CREATE TRIGGER account_deleted AFTER DELETE ON users WHEN OLD.password_hash IS NOT NULL BEGIN"
    "  INSERT OR REPLACE INTO revocations VALUES (OLD.id, 9223372036854775807, unixepoch());"
    "END;",
    /* Removals, in total and per block of 256 ids; see ranks.h. */
    "ALTER TABLE totals ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE removals (block INTEGER PRIMARY KEY, removed INTEGER NOT NULL) STRICT;"
    "DROP TRIGGER users_uncounted;"
    "CREATE TRIGGER users_uncounted AFTER DELETE ON users BEGIN"
    "  UPDATE totals SET users = users - 1, removed = removed + 1 WHERE id = 1;"
    "  INSERT INTO removals VALUES (OLD.id >> 8, 1)"
    "    ON CONFLICT (block) DO UPDATE SET removed = removed + 1;"
    "END;",
};

const struct sqlite_schema sqlite_user_schema = {steps, sizeof(steps) / sizeof(steps[0])};

static bool
read_versions(sqlite3 *db, int64_t *out_version, int64_t *out_application, int64_t *out_objects)
{
    return sqlite_number(db, "PRAGMA user_version", out_version) &&
           sqlite_number(db, "PRAGMA application_id", out_application) &&
           sqlite_number(db, "SELECT count(*) FROM sqlite_schema", out_objects);
}

bool
sqlite_version(sqlite3 *db, int newest, int64_t *out_version, struct store_cause *cause)
{
    int64_t application, objects;

    if (!read_versions(db, out_version, &application, &objects)) {
        sqlite_cause(db, cause);
        return false;
    }
    if (application != APPLICATION_ID && (application != 0 || *out_version != 0 || objects != 0)) {
        snprintf(cause->text, sizeof(cause->text), "it is the database of another program");
        return false;
    }
    if (*out_version > newest || *out_version < 0) {
        snprintf(cause->text, sizeof(cause->text),
            "it is of version %lld, this userd knows versions up to %d; use a newer userd",
            (long long)*out_version, newest);
        return false;
    }
    return true;
}

/* PRAGMA has no parameters. */
static int
set_pragma(sqlite3 *db, const char *name, int value)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA %s = %d", name, value);
    return sqlite_run(db, sql);
}

/* Inside a transaction, so that of two programs that start at the same time only one migrates. */
static bool
migrate_locked(sqlite3 *db, const struct sqlite_schema *schema, struct store_cause *cause)
{
    int64_t version;
    int result = SQLITE_OK;

    if (!sqlite_version(db, schema->count, &version, cause))
        return false;
    for (int64_t i = version; i < schema->count && result == SQLITE_OK; i++)
        result = sqlite_run(db, schema->steps[i]);
    if (result == SQLITE_OK)
        result = set_pragma(db, "application_id", APPLICATION_ID);
    if (result == SQLITE_OK)
        result = set_pragma(db, "user_version", schema->count);
    if (result == SQLITE_OK)
        result = sqlite_run(db, "COMMIT");
    if (result != SQLITE_OK)
        sqlite_cause(db, cause);
    return result == SQLITE_OK;
}

bool
sqlite_migrate(sqlite3 *db, const struct sqlite_schema *schema, struct store_cause *cause)
{
    int64_t version;

    if (!sqlite_version(db, schema->count, &version, cause))
        return false;
    if (version == schema->count)
        return true;
    if (sqlite_run(db, "BEGIN IMMEDIATE") != SQLITE_OK) {
        sqlite_cause(db, cause);
        return false;
    }
    if (migrate_locked(db, schema, cause))
        return true;
    sqlite_run(db, "ROLLBACK");
    return false;
}
