/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in PostgreSQL: columns of the users table. Revocations have a table of their own, which
 * is filled by the statements that change a password or delete a user. */
#include "userd/fold.h"
#include "userd/postgres_store.h"
#include "userd/validate.h"

/* id, name, email, phone, created_at, password_hash, roles, epoch */
static weir_code
visit_account(const PGresult *result, account_visit *visit, void *arg)
{
    const struct account account = {
        .user = postgres_user(result, 0, 0),
        .password_hash = PQgetisnull(result, 0, 5) ? NULL : PQgetvalue(result, 0, 5),
        .roles = PQgetvalue(result, 0, 6),
        .epoch = postgres_number(result, 0, 7),
    };

    return visit(arg, &account);
}

static weir_code
account_find(struct store *store, weir_call *call, const char *email, int32_t id,
    account_visit *visit, void *arg, struct store_cause *cause)
{
    const struct postgres_number number = postgres_number_text(id);
    char key[FOLD_SIZE(USER_EMAIL_MAX)];
    const struct postgres_values values = {{email == NULL ? number.text : key}, 1};
    PGresult *result;
    weir_code code = WEIR_NOT_FOUND;

    if (email != NULL && strlen(email) > USER_EMAIL_MAX)
        return code;
    if (email != NULL)
        fold_case(email, strlen(email), key);
    WEIR_TRY(postgres_store_run(postgres_store_of(store), call,
        email == NULL ? POSTGRES_ACCOUNT : POSTGRES_ACCOUNT_BY_EMAIL, &values, &result, cause));
    if (PQntuples(result) > 0)
        code = visit_account(result, visit, arg);
    PQclear(result);
    return code;
}

static weir_code
account_create(struct store *store, weir_call *call, const struct account *account, int32_t *out_id,
    struct store_cause *cause)
{
    struct postgres_store *self = postgres_store_of(store);
    const struct user *user = &account->user;
    const struct postgres_number created_at = postgres_number_text(user->created_at);
    const struct postgres_number shard = postgres_next_shard(self);
    char key[FOLD_SIZE(USER_EMAIL_MAX)];
    const struct postgres_values values = {
        {user->name, user->email, key, user->phone, created_at.text, account->password_hash,
            account->roles, shard.text},
        8};
    PGresult *result;
    weir_code code = WEIR_ALREADY_EXISTS;

    fold_case(user->email, strlen(user->email), key);
    WEIR_TRY(postgres_store_run(self, call, POSTGRES_REGISTER, &values, &result, cause));
    if (PQntuples(result) > 0) {
        *out_id = (int32_t)postgres_number(result, 0, 0);
        postgres_reads_note(&self->reads, *out_id);
        code = WEIR_OK;
    }
    PQclear(result);
    return code;
}

static weir_code
account_set_password(struct store *store, weir_call *call, int32_t id, int64_t epoch,
    const char *password_hash, struct store_cause *cause)
{
    const struct postgres_number number = postgres_number_text(id);
    const struct postgres_number before = postgres_number_text(epoch);
    const struct postgres_values values = {{number.text, before.text, password_hash}, 3};
    PGresult *result;
    weir_code code;

    WEIR_TRY(postgres_store_run(
        postgres_store_of(store), call, POSTGRES_PASSWORD, &values, &result, cause));
    code = PQntuples(result) > 0 ? WEIR_OK : WEIR_NOT_FOUND;
    PQclear(result);
    return code;
}

/* Without revocations, one row has only the clock. */
static weir_code
account_list_revoked(struct store *store, const struct account_since *since,
    account_visit_revocation *visit, void *arg, int64_t *out_now, struct store_cause *cause)
{
    const struct postgres_number moment = postgres_number_text(since->moment);
    const struct postgres_number age = postgres_number_text(since->age);
    const struct postgres_values values = {{moment.text, age.text}, 2};
    PGresult *result;
    weir_code code = WEIR_OK;

    WEIR_TRY(postgres_store_run(
        postgres_store_of(store), NULL, POSTGRES_REVOKED, &values, &result, cause));
    for (int row = 0; row < PQntuples(result) && code == WEIR_OK; row++) {
        const struct account_revocation revocation = {
            (int32_t)postgres_number(result, row, 1), postgres_number(result, row, 2)};

        *out_now = postgres_number(result, row, 0);
        if (!PQgetisnull(result, row, 1))
            code = visit(arg, &revocation);
    }
    PQclear(result);
    return code;
}

const struct account_ops postgres_account_ops = {
    .find = account_find,
    .create = account_create,
    .set_password = account_set_password,
    .list_revoked = account_list_revoked,
};
