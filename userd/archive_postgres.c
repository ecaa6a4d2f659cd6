/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk access to a PostgreSQL database. Inserts are pipelined, so that a batch takes one round
 * trip; they are counted in the first row of totals. */
#include "userd/archive.h"
#include "userd/fold.h"
#include "userd/postgres_migrate.h"
#include "userd/postgres_store.h"
#include "userd/validate.h"
#include <stdio.h>
#include <stdlib.h>

#define ADD "add"

/* Statements sent before their results are read: few, because otherwise both sides might wait for
 * the other to read. */
#define IN_FLIGHT 100

struct postgres_archive {
    struct archive archive;
    PGconn *pg;
};

static PGconn *
pg_of(struct archive *archive)
{
    return ((struct postgres_archive *)archive)->pg;
}

/* NULL: cause says why. Freed by PQclear. */
static PGresult *
ask(struct archive *archive, const char *sql, struct store_cause *cause)
{
    PGresult *result = PQexec(pg_of(archive), sql);
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return result;
    postgres_cause(pg_of(archive), cause);
    PQclear(result);
    return NULL;
}

static bool
run(struct archive *archive, const char *sql, struct store_cause *cause)
{
    PGresult *result = ask(archive, sql, cause);

    PQclear(result);
    return result != NULL;
}

/* ---- reading ---- */

static bool
pg_begin_read(struct archive *archive, struct store_cause *cause)
{
    return run(archive, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", cause);
}

static bool
pg_count(struct archive *archive, struct archive_counts *out_counts, struct store_cause *cause)
{
    PGresult *result = ask(archive,
        "SELECT (SELECT coalesce(sum(users), 0) FROM totals),"
        " CASE WHEN is_called THEN last_value ELSE 0 END FROM users_id_seq",
        cause);

    if (result == NULL)
        return false;
    out_counts->users = postgres_number(result, 0, 0);
    out_counts->last_id = postgres_number(result, 0, 1);
    PQclear(result);
    return true;
}

static bool
show_account(const PGresult *result, int row, archive_visit *visit, void *arg)
{
    const struct account account = {
        .user = postgres_user(result, row, 0),
        .password_hash = PQgetisnull(result, row, 5) ? NULL : PQgetvalue(result, row, 5),
        .roles = PQgetvalue(result, row, 6),
        .epoch = postgres_number(result, row, 7),
    };

    return visit(arg, &account);
}

static bool
pg_read(struct archive *archive, int32_t after, int limit, archive_visit *visit, void *arg,
    struct store_cause *cause)
{
    char sql[256];
    PGresult *result;
    bool good = true;

    snprintf(sql, sizeof(sql),
        "SELECT id, name, email, phone, created_at, password_hash, roles, epoch FROM users"
        " WHERE id > %d ORDER BY id LIMIT %d",
        (int)after, limit);
    result = ask(archive, sql, cause);
    if (result == NULL)
        return false;
    for (int row = 0; row < PQntuples(result) && good; row++)
        good = show_account(result, row, visit, arg);
    PQclear(result);
    return good;
}

static bool
pg_read_revocations(
    struct archive *archive, archive_visit_revocation *visit, void *arg, struct store_cause *cause)
{
    PGresult *result =
        ask(archive, "SELECT user_id, epoch, changed_at FROM revocations ORDER BY user_id", cause);
    bool good = result != NULL;

    for (int row = 0; good && row < PQntuples(result); row++) {
        const struct archive_revocation revocation = {(int32_t)postgres_number(result, row, 0),
            postgres_number(result, row, 1), postgres_number(result, row, 2)};

        good = visit(arg, &revocation);
    }
    PQclear(result);
    return good;
}

/* ---- writing ---- */

static bool
pg_begin_write(struct archive *archive, struct store_cause *cause)
{
    return run(archive, "BEGIN", cause);
}

static bool
send_account(PGconn *pg, const struct account *account)
{
    const struct user *user = &account->user;
    const struct postgres_number id = postgres_number_text(user->id),
                                 created_at = postgres_number_text(user->created_at),
                                 epoch = postgres_number_text(account->epoch);
    char key[FOLD_SIZE(USER_EMAIL_MAX)];
    const char *const values[] = {id.text, user->name, user->email, key, user->phone,
        created_at.text, account->password_hash, account->roles, epoch.text};

    fold_case(user->email, strlen(user->email), key);
    return PQsendQueryPrepared(pg, ADD, 9, values, NULL, NULL, 0) == 1;
}

/* Read the results of the statements in flight and of the Sync after them. */
static bool
take_results(PGconn *pg, struct store_cause *cause)
{
    bool good = true, synced = false;

    while (!synced) {
        PGresult *result = PQgetResult(pg);
        ExecStatusType status = PQresultStatus(result);

        if (result == NULL && PQstatus(pg) != CONNECTION_OK) {
            postgres_cause(pg, cause);
            return false;
        }
        synced = status == PGRES_PIPELINE_SYNC;
        if (result != NULL && !synced && status != PGRES_COMMAND_OK && good) {
            good = false;
            snprintf(cause->text, sizeof(cause->text), "%.200s",
                PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) == NULL
                    ? "lost"
                    : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        }
        PQclear(result);
    }
    return good;
}

static bool
send_some(PGconn *pg, const struct account *accounts, size_t count, struct store_cause *cause)
{
    bool sent = true;

    for (size_t i = 0; i < count && sent; i++)
        sent = send_account(pg, &accounts[i]);
    if (sent && PQpipelineSync(pg) == 1)
        return take_results(pg, cause);
    postgres_cause(pg, cause);
    return false;
}

static bool
send_all(PGconn *pg, const struct account *accounts, size_t count, struct store_cause *cause)
{
    bool good = PQenterPipelineMode(pg) == 1;

    for (size_t i = 0; i < count && good; i += IN_FLIGHT) {
        size_t some = count - i < IN_FLIGHT ? count - i : IN_FLIGHT;

        good = send_some(pg, &accounts[i], some, cause);
    }
    return PQexitPipelineMode(pg) == 1 && good;
}

/* Users may be added whose ids a running userd has counted as removed: make it count these blocks
 * anew (ranks.h). */
static bool
pg_add(struct archive *archive, const struct account *accounts, size_t count,
    struct store_cause *cause)
{
    char sql[160];

    snprintf(sql, sizeof(sql),
        "UPDATE totals SET users = users + %zu, removed = removed + 1 WHERE id = 0;"
        "UPDATE removals SET removed = removed + 1",
        count);
    return send_all(pg_of(archive), accounts, count, cause) && run(archive, sql, cause);
}

static bool
pg_add_revocation(
    struct archive *archive, const struct archive_revocation *revocation, struct store_cause *cause)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
        "INSERT INTO revocations VALUES (%d, %lld, %lld) ON CONFLICT (user_id)"
        " DO UPDATE SET epoch = excluded.epoch, changed_at = excluded.changed_at",
        (int)revocation->id, (long long)revocation->epoch, (long long)revocation->changed_at);
    return run(archive, sql, cause);
}

static bool
pg_reserve(struct archive *archive, int64_t last_id, struct store_cause *cause)
{
    char sql[160];

    snprintf(sql, sizeof(sql),
        "SELECT setval('users_id_seq', greatest(%lld, CASE WHEN is_called THEN last_value ELSE 1"
        " END)) FROM users_id_seq",
        (long long)last_id);
    return last_id == 0 || run(archive, sql, cause);
}

static bool
pg_commit(struct archive *archive, struct store_cause *cause)
{
    return run(archive, "COMMIT", cause);
}

/* ---- opening and closing ---- */

static bool
pg_archive_version(
    struct archive *archive, int64_t *out_version, int *out_newest, struct store_cause *cause)
{
    return postgres_version(pg_of(archive), out_version, out_newest, cause);
}

static void
pg_archive_close(struct archive *archive)
{
    PQfinish(pg_of(archive));
    free(archive);
}

static const struct archive_ops postgres_archive_ops = {
    .begin_read = pg_begin_read,
    .count = pg_count,
    .read = pg_read,
    .read_revocations = pg_read_revocations,
    .begin_write = pg_begin_write,
    .add = pg_add,
    .add_revocation = pg_add_revocation,
    .reserve = pg_reserve,
    .commit = pg_commit,
    .version = pg_archive_version,
    .close = pg_archive_close,
};

static bool
prepare_to_fill(struct archive *archive, struct store_cause *cause)
{
    PGresult *result = PQprepare(pg_of(archive), ADD,
        "INSERT INTO users (id, name, email, email_key, phone, created_at, password_hash, roles,"
        " epoch) VALUES ($1::int4, $2, $3, $4, $5, $6::int8, $7, $8, $9::int8)",
        0, NULL);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

    if (!good)
        postgres_cause(pg_of(archive), cause);
    PQclear(result);
    return good;
}

struct archive *
archive_postgres_open(const char *url, enum archive_use use, struct store_cause *cause)
{
    struct postgres_archive *self;

    if (use == ARCHIVE_FILL && !postgres_migrate(url, cause))
        return NULL;
    self = calloc(1, sizeof(*self));
    if (self == NULL) {
        snprintf(cause->text, sizeof(cause->text), "out of memory");
        return NULL;
    }
    self->archive.ops = &postgres_archive_ops;
    self->pg = postgres_connect_plainly(url, cause);
    if (self->pg != NULL && (use == ARCHIVE_READ || prepare_to_fill(&self->archive, cause)))
        return &self->archive;
    pg_archive_close(&self->archive);
    return NULL;
}
