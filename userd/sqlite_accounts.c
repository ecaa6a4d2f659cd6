/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in a SQLite file: columns of the users table; revocations have a table of their own. */
#include "userd/fold.h"
#include "userd/sqlite_store.h"
#include "userd/validate.h"

/* SQLite may return NULL if there is no memory. */
static const char *
column_text(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);

    return text == NULL ? "" : (const char *)text;
}

/* id, name, email, phone, created_at, password_hash, roles, epoch */
static weir_code
visit_row(sqlite3_stmt *row, account_visit *visit, void *arg)
{
    const struct account account = {
        .user = {.id = sqlite3_column_int(row, 0),
            .name = column_text(row, 1),
            .email = column_text(row, 2),
            .phone = column_text(row, 3),
            .created_at = sqlite3_column_int64(row, 4)},
        .password_hash = (const char *)sqlite3_column_text(row, 5),
        .roles = column_text(row, 6),
        .epoch = sqlite3_column_int64(row, 7),
    };

    return visit(arg, &account);
}

/* The query's parameter is bound already. */
static weir_code
find_with(struct sqlite_reader *reader, enum sqlite_query query, account_visit *visit, void *arg,
    struct store_cause *cause)
{
    sqlite3_stmt *statement = reader->queries[query];
    weir_code visited = WEIR_NOT_FOUND;
    int result = sqlite3_step(statement);
    weir_code code;

    if (result == SQLITE_ROW)
        visited = visit_row(statement, visit, arg);
    code = sqlite_reader_end(reader, query, result, cause);
    return code == WEIR_OK ? visited : code;
}

static weir_code
find_by_email(struct sqlite_reader *reader, const char *email, account_visit *visit, void *arg,
    struct store_cause *cause)
{
    char key[FOLD_SIZE(USER_EMAIL_MAX)];
    weir_code code;

    fold_case(email, strlen(email), key);
    sqlite3_bind_text(reader->queries[QUERY_ACCOUNT_BY_EMAIL], 1, key, -1, SQLITE_STATIC);
    code = find_with(reader, QUERY_ACCOUNT_BY_EMAIL, visit, arg, cause);
    sqlite3_clear_bindings(reader->queries[QUERY_ACCOUNT_BY_EMAIL]);
    return code;
}

static weir_code
account_find(struct store *store, weir_call *call, const char *email, int32_t id,
    account_visit *visit, void *arg, struct store_cause *cause)
{
    struct sqlite_readers *readers = &sqlite_store_of(store)->readers;
    struct sqlite_reader *reader;
    weir_code code;

    (void)call;
    if (email != NULL && strlen(email) > USER_EMAIL_MAX)
        return WEIR_NOT_FOUND;
    reader = sqlite_reader_borrow(readers, cause);
    if (reader == NULL)
        return WEIR_INTERNAL;
    if (email != NULL) {
        code = find_by_email(reader, email, visit, arg, cause);
    } else {
        sqlite3_bind_int(reader->queries[QUERY_ACCOUNT], 1, id);
        code = find_with(reader, QUERY_ACCOUNT, visit, arg, cause);
    }
    sqlite_reader_give_back(readers, reader, code == WEIR_OK || code == WEIR_NOT_FOUND);
    return code;
}

static weir_code
account_create(struct store *store, weir_call *call, const struct account *account, int32_t *out_id,
    struct store_cause *cause)
{
    struct sqlite_write *write = sqlite_write_new_account(WRITE_REGISTER, account);
    weir_code code = sqlite_store_write(store, call, write, cause);

    if (code == WEIR_OK)
        *out_id = write->user.id;
    sqlite_write_unref(write);
    return code;
}

static weir_code
account_set_password(struct store *store, weir_call *call, int32_t id, int64_t epoch,
    const char *password_hash, struct store_cause *cause)
{
    const struct account account = {
        .user = {.id = id}, .password_hash = password_hash, .epoch = epoch};
    struct sqlite_write *write = sqlite_write_new_account(WRITE_PASSWORD, &account);
    weir_code code = sqlite_store_write(store, call, write, cause);

    sqlite_write_unref(write);
    return code;
}

static weir_code
list_revoked_with(struct sqlite_reader *reader, const struct account_since *since,
    account_visit_revocation *visit, void *arg, struct store_cause *cause)
{
    sqlite3_stmt *statement = reader->queries[QUERY_REVOKED];
    weir_code visited = WEIR_OK, code;
    int result;

    sqlite3_bind_int64(statement, 1, since->moment);
    sqlite3_bind_int64(statement, 2, since->age);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && visited == WEIR_OK) {
        const struct account_revocation revocation = {
            sqlite3_column_int(statement, 0), sqlite3_column_int64(statement, 1)};

        visited = visit(arg, &revocation);
    }
    code = sqlite_reader_end(reader, QUERY_REVOKED, result, cause);
    return code == WEIR_OK ? visited : code;
}

/* The database's clock is this machine's. */
static weir_code
account_list_revoked(struct store *store, const struct account_since *since,
    account_visit_revocation *visit, void *arg, int64_t *out_now, struct store_cause *cause)
{
    struct sqlite_readers *readers = &sqlite_store_of(store)->readers;
    struct sqlite_reader *reader = sqlite_reader_borrow(readers, cause);
    weir_code code;

    if (reader == NULL)
        return WEIR_INTERNAL;
    *out_now = weir_unix_seconds();
    code = list_revoked_with(reader, since, visit, arg, cause);
    sqlite_reader_give_back(readers, reader, code == WEIR_OK);
    return code;
}

const struct account_ops sqlite_account_ops = {
    .find = account_find,
    .create = account_create,
    .set_password = account_set_password,
    .list_revoked = account_list_revoked,
};
