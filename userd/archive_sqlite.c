/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk access to a SQLite database. Triggers count the users that are added. */
#include "userd/archive.h"
#include "userd/fold.h"
#include "userd/sqlite_migrate.h"
#include "userd/validate.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct sqlite_archive {
    struct archive archive;
    sqlite3 *db;
};

static sqlite3 *
db_of(struct archive *archive)
{
    return ((struct sqlite_archive *)archive)->db;
}

static bool
run(struct archive *archive, const char *sql, struct store_cause *cause)
{
    if (sqlite_run(db_of(archive), sql) == SQLITE_OK)
        return true;
    sqlite_cause(db_of(archive), cause);
    return false;
}

static const char *
text_of(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

/* NULL: cause says why. */
static sqlite3_stmt *
prepare(struct archive *archive, const char *sql, struct store_cause *cause)
{
    sqlite3_stmt *statement = sqlite_prepare(db_of(archive), sql);

    if (statement == NULL)
        sqlite_cause(db_of(archive), cause);
    return statement;
}

/* ---- reading ---- */

static bool
sqlite_begin_read(struct archive *archive, struct store_cause *cause)
{
    return run(archive, "BEGIN", cause);
}

static bool
sqlite_count(struct archive *archive, struct archive_counts *out_counts, struct store_cause *cause)
{
    if (sqlite_number(db_of(archive), "SELECT users FROM totals", &out_counts->users) &&
        sqlite_number(db_of(archive),
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'users'",
            &out_counts->last_id))
        return true;
    sqlite_cause(db_of(archive), cause);
    return false;
}

static bool
show_account(sqlite3_stmt *statement, archive_visit *visit, void *arg)
{
    const struct account account = {
        .user = {.id = sqlite3_column_int(statement, 0),
            .name = text_of(statement, 1),
            .email = text_of(statement, 2),
            .phone = text_of(statement, 3),
            .created_at = sqlite3_column_int64(statement, 4)},
        .password_hash = text_of(statement, 5),
        .roles = text_of(statement, 6),
        .epoch = sqlite3_column_int64(statement, 7),
    };

    return account.user.name != NULL && account.user.email != NULL && account.user.phone != NULL &&
           account.roles != NULL && visit(arg, &account);
}

/* Visit the rows of a statement, which is freed. */
static bool
each_row(struct archive *archive, sqlite3_stmt *statement,
    bool (*show)(sqlite3_stmt *statement, void *arg), void *arg, struct store_cause *cause)
{
    bool good = true;
    int result = SQLITE_DONE;

    while (good && (result = sqlite3_step(statement)) == SQLITE_ROW)
        good = show(statement, arg);
    if (good && result != SQLITE_DONE) {
        sqlite_cause(db_of(archive), cause);
        good = false;
    }
    sqlite3_finalize(statement);
    return good;
}

struct account_rows {
    archive_visit *visit;
    void *arg;
};

static bool
show_row(sqlite3_stmt *statement, void *arg)
{
    const struct account_rows *rows = arg;

    return show_account(statement, rows->visit, rows->arg);
}

static bool
sqlite_read(struct archive *archive, int32_t after, int limit, archive_visit *visit, void *arg,
    struct store_cause *cause)
{
    struct account_rows rows = {visit, arg};
    sqlite3_stmt *statement = prepare(archive,
        "SELECT id, name, email, phone, created_at, password_hash, roles, epoch FROM users"
        " WHERE id > ?1 ORDER BY id LIMIT ?2",
        cause);

    if (statement == NULL)
        return false;
    sqlite3_bind_int(statement, 1, after);
    sqlite3_bind_int(statement, 2, limit);
    return each_row(archive, statement, show_row, &rows, cause);
}

struct revocation_rows {
    archive_visit_revocation *visit;
    void *arg;
};

static bool
show_revocation(sqlite3_stmt *statement, void *arg)
{
    const struct revocation_rows *rows = arg;
    const struct archive_revocation revocation = {sqlite3_column_int(statement, 0),
        sqlite3_column_int64(statement, 1), sqlite3_column_int64(statement, 2)};

    return rows->visit(rows->arg, &revocation);
}

static bool
sqlite_read_revocations(
    struct archive *archive, archive_visit_revocation *visit, void *arg, struct store_cause *cause)
{
    struct revocation_rows rows = {visit, arg};
    sqlite3_stmt *statement = prepare(
        archive, "SELECT user_id, epoch, changed_at FROM revocations ORDER BY user_id", cause);

    return statement != NULL && each_row(archive, statement, show_revocation, &rows, cause);
}

/* ---- writing ---- */

static bool
sqlite_begin_write(struct archive *archive, struct store_cause *cause)
{
    return run(archive, "BEGIN IMMEDIATE", cause);
}

static void
bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC); /* NULL becomes SQL NULL */
}

static int
add_one(sqlite3_stmt *statement, const struct account *account)
{
    const struct user *user = &account->user;
    char key[FOLD_SIZE(USER_EMAIL_MAX)];

    fold_case(user->email, strlen(user->email), key);
    sqlite3_bind_int(statement, 1, user->id);
    bind_text(statement, 2, user->name);
    bind_text(statement, 3, user->email);
    bind_text(statement, 4, key);
    bind_text(statement, 5, user->phone);
    sqlite3_bind_int64(statement, 6, user->created_at);
    bind_text(statement, 7, account->password_hash);
    bind_text(statement, 8, account->roles);
    sqlite3_bind_int64(statement, 9, account->epoch);
    sqlite3_step(statement);
    return sqlite3_reset(statement);
}

/* Users may be added whose ids a running userd has counted as removed: make it count these blocks
 * anew (ranks.h). */
static bool
recount(struct archive *archive, struct store_cause *cause)
{
    return run(archive,
        "UPDATE totals SET removed = removed + 1; UPDATE removals SET removed = removed + 1",
        cause);
}

static bool
sqlite_add(struct archive *archive, const struct account *accounts, size_t count,
    struct store_cause *cause)
{
    sqlite3_stmt *statement = prepare(archive,
        "INSERT INTO users (id, name, email, email_key, phone, created_at, password_hash, roles,"
        " epoch) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        cause);
    int result = statement == NULL ? SQLITE_ERROR : SQLITE_OK;

    for (size_t i = 0; i < count && result == SQLITE_OK; i++)
        result = add_one(statement, &accounts[i]);
    if (statement != NULL && result != SQLITE_OK)
        sqlite_cause(db_of(archive), cause);
    sqlite3_finalize(statement);
    return result == SQLITE_OK && recount(archive, cause);
}

static bool
sqlite_add_revocation(
    struct archive *archive, const struct archive_revocation *revocation, struct store_cause *cause)
{
    char sql[160];

    snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO revocations VALUES (%d, %lld, %lld)",
        (int)revocation->id, (long long)revocation->epoch, (long long)revocation->changed_at);
    return run(archive, sql, cause);
}

static bool
sqlite_reserve(struct archive *archive, int64_t last_id, struct store_cause *cause)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'users', 0 WHERE NOT EXISTS"
        " (SELECT 1 FROM sqlite_sequence WHERE name = 'users');"
        "UPDATE sqlite_sequence SET seq = max(seq, %lld) WHERE name = 'users'",
        (long long)last_id);
    return run(archive, sql, cause);
}

static bool
sqlite_commit(struct archive *archive, struct store_cause *cause)
{
    return run(archive, "COMMIT", cause);
}

/* ---- opening and closing ---- */

static bool
sqlite_archive_version(
    struct archive *archive, int64_t *out_version, int *out_newest, struct store_cause *cause)
{
    *out_newest = sqlite_user_schema.count;
    return sqlite_version(db_of(archive), sqlite_user_schema.count, out_version, cause);
}

static void
sqlite_archive_close(struct archive *archive)
{
    sqlite3_close(db_of(archive));
    free(archive);
}

static const struct archive_ops sqlite_archive_ops = {
    .begin_read = sqlite_begin_read,
    .count = sqlite_count,
    .read = sqlite_read,
    .read_revocations = sqlite_read_revocations,
    .begin_write = sqlite_begin_write,
    .add = sqlite_add,
    .add_revocation = sqlite_add_revocation,
    .reserve = sqlite_reserve,
    .commit = sqlite_commit,
    .version = sqlite_archive_version,
    .close = sqlite_archive_close,
};

/* A file that is created here is accessible only to its owner. */
static sqlite3 *
open_file(const char *path, enum archive_use use, struct store_cause *cause)
{
    mode_t mask = umask(0077);
    sqlite3 *db = sqlite_open(path, use == ARCHIVE_READ, cause);

    umask(mask);
    if (db == NULL || use == ARCHIVE_READ || sqlite_migrate(db, &sqlite_user_schema, cause))
        return db;
    sqlite3_close(db);
    return NULL;
}

struct archive *
archive_sqlite_open(const char *path, enum archive_use use, struct store_cause *cause)
{
    sqlite3 *db = open_file(path, use, cause);
    struct sqlite_archive *self = db == NULL ? NULL : calloc(1, sizeof(*self));

    if (self == NULL) {
        if (db != NULL)
            snprintf(cause->text, sizeof(cause->text), "out of memory");
        sqlite3_close(db);
        return NULL;
    }
    *self = (struct sqlite_archive){.archive.ops = &sqlite_archive_ops, .db = db};
    return (struct archive *)self;
}
