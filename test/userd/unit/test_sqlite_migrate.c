/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/sqlite_migrate.c. */
#include "folder.h"
#include "userd/sqlite_migrate.h"
#include <stdio.h>
#include <stdlib.h>

static const char *const steps[] = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);",
    "ALTER TABLE users ADD COLUMN phone TEXT; UPDATE users SET phone = 'none';",
    "CREATE INDEX users_by_name ON users (name);",
};
static const char *const broken_steps[] = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);",
    "CREATE TABLE extra (id INTEGER); CREATE TABLE users (id INTEGER);",
};

static sqlite3 *
open_file(void *const *state)
{
    struct store_cause cause = {""};
    sqlite3 *db = sqlite_open(folder_file(state, "x.db"), false, &cause);

    assert_string_equal(cause.text, "");
    assert_non_null(db);
    return db;
}

static bool
migrate_to(sqlite3 *db, int version, struct store_cause *cause)
{
    const struct sqlite_schema schema = {steps, version};

    return sqlite_migrate(db, &schema, cause);
}

static int64_t
number(sqlite3 *db, const char *sql)
{
    int64_t result = -1;

    assert_true(sqlite_number(db, sql, &result));
    return result;
}

static void
makes_a_new_database(void **state)
{
    sqlite3 *db = open_file(state);
    struct store_cause cause;

    assert_true(sqlite_migrate(db, &sqlite_user_schema, &cause));
    assert_int_equal(number(db, "PRAGMA user_version"), sqlite_user_schema.count);
    assert_int_equal(number(db, "SELECT users FROM totals"), 0);
    assert_true(sqlite_migrate(db, &sqlite_user_schema, &cause));
    sqlite3_close(db);
}

static void
brings_older_versions_up(void **state)
{
    sqlite3 *db = open_file(state);
    struct store_cause cause;

    assert_true(migrate_to(db, 1, &cause));
    assert_int_equal(sqlite_run(db, "INSERT INTO users (name) VALUES ('Ann')"), SQLITE_OK);
    assert_true(migrate_to(db, 3, &cause));
    assert_int_equal(number(db, "PRAGMA user_version"), 3);
    assert_int_equal(number(db, "SELECT count(*) FROM users WHERE phone = 'none'"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'index'"), 1);
    sqlite3_close(db);
}

static void
refuses_a_newer_version_untouched(void **state)
{
    sqlite3 *db = open_file(state);
    struct store_cause cause;
    char *before, *after;
    size_t before_len, after_len;

    assert_true(migrate_to(db, 3, &cause));
    sqlite3_close(db);
    before = folder_read(folder_file(state, "x.db"), &before_len);
    db = open_file(state);
    assert_false(migrate_to(db, 2, &cause));
    assert_string_equal(
        cause.text, "it is of version 3, this userd knows versions up to 2; use a newer userd");
    sqlite3_close(db);
    after = folder_read(folder_file(state, "x.db"), &after_len);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len);
    free(before);
    free(after);
}

static void
a_step_that_fails_undoes_all(void **state)
{
    const struct sqlite_schema schema = {broken_steps, 2};
    sqlite3 *db = open_file(state);
    struct store_cause cause;

    assert_true(migrate_to(db, 1, &cause));
    assert_false(sqlite_migrate(db, &schema, &cause));
    assert_string_equal(cause.text, "table users already exists");
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_true(sqlite3_get_autocommit(db));
    sqlite3_close(db);
}

static void
leaves_other_programs_alone(void **state)
{
    static const char *const others[] = {
        "CREATE TABLE songs (id INTEGER)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"};

    for (size_t i = 0; i < COUNT(others); i++) {
        sqlite3 *db = open_file(state);
        struct store_cause cause;
        assert_int_equal(sqlite_run(db, others[i]), SQLITE_OK);
        assert_false(migrate_to(db, 3, &cause));
        assert_string_equal(cause.text, "it is the database of another program");
        sqlite3_close(db);
        assert_int_equal(remove(folder_file(state, "x.db")), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(makes_a_new_database),
        test_in_folder(brings_older_versions_up),
        test_in_folder(refuses_a_newer_version_untouched),
        test_in_folder(a_step_that_fails_undoes_all),
        test_in_folder(leaves_other_programs_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
