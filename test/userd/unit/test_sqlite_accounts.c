/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the migration that brings accounts; test_store_accounts.c has the operations. */
#include "store_fixture.h"
#include "userd/account_store.h"
#include "userd/sqlite_migrate.h"

static weir_code
see_password(void *arg, const struct account *account)
{
    bool *has_password = arg;

    *has_password = account->password_hash != NULL;
    return WEIR_OK;
}

/* Users of the first version are users without a password. */
static void
older_databases_get_accounts(void **state)
{
    const struct sqlite_schema first = {sqlite_user_schema.steps, 1};
    const char *path = folder_file(state, "users.db");
    struct store_cause cause;
    sqlite3 *db = sqlite_open(path, false, &cause);
    bool has_password = true;
    struct seen seen;
    struct fixture fixture;

    assert_non_null(db);
    assert_true(sqlite_migrate(db, &first, &cause));
    assert_int_equal(
        sqlite_run(db, "INSERT INTO users VALUES (7, 'Old', 'old@x', 'old@x', '', 1)"), SQLITE_OK);
    sqlite3_close(db);
    assert_true(fixture_open(&fixture, state));
    assert_int_equal(find(fixture.store, 7, &seen), WEIR_OK);
    assert_string_equal(seen.name, "Old");
    assert_int_equal(fixture.store->accounts->find(
                         fixture.store, NULL, "OLD@x", 0, see_password, &has_password, &cause),
        WEIR_OK);
    assert_false(has_password);
    assert_int_equal(total(fixture.store), 1);
    fixture_close(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {test_in_folder(older_databases_get_accounts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
