/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/store_sqlite.c: what is of SQLite alone; test_store.c has the operations. */
#include "store_fixture.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ids 1 to 5000 but for those that are multiples of 5: 4000 users. */
static void
fill_with_gaps(const char *path)
{
    static const char sql[] =
        "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < 5000)"
        "INSERT INTO users (id, name, email, email_key, phone, created_at) SELECT id, 'U', id || "
        "'@x', id || '@x', '', 0 FROM ids WHERE id % 5 > 0";
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
ranges_far_out_are_the_right_ones(void **state)
{
    static const struct {
        struct user_range range;
        size_t count;
        int32_t first, last;
    } cases[] = {
        {{.skip = 1000, .limit = 8}, 8, 1251, 1259},
        {{.skip = 1001, .limit = 8}, 8, 1252, 1261},
        {{.skip = 2000, .limit = 1}, 1, 2501, 2501},
        {{.skip = 3990, .limit = 64}, 10, 4988, 4999},
        {{.skip = 3999, .limit = 64}, 1, 4999, 4999},
        {{.skip = 4000, .limit = 64}, 0, 0, 0},
        {{.skip = INT64_C(214748364600), .limit = 64}, 0, 0, 0},
        {{.after = 1250, .skip = 2000, .limit = 4}, 4, 3751, 3754},
        {{.after = 4000, .skip = 2000, .limit = 4}, 0, 0, 0},
    };
    struct store_cause cause;
    struct fixture fixture;

    assert_true(fixture_open(&fixture, state));
    fill_with_gaps(fixture.path);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ids ids = {0};
        int64_t all = 0;
        assert_int_equal(fixture.store->ops->list(
                             fixture.store, NULL, &cases[i].range, collect, &ids, &all, &cause),
            WEIR_OK);
        assert_int_equal(all, 4000);
        assert_int_equal(ids.count, cases[i].count);
        if (ids.count > 0) {
            assert_int_equal(ids.items[0], cases[i].first);
            assert_int_equal(ids.items[ids.count - 1], cases[i].last);
        }
    }
    fixture_close(&fixture);
}

/* ---- files ---- */

static void
users_survive_reopening(void **state)
{
    struct fixture fixture;
    struct seen seen;
    struct stat status;
    int32_t id;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(create(fixture.store, "Ann", "ann@x", &id), WEIR_OK);
    fixture_close(&fixture);
    assert_int_equal(stat(fixture.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(fixture_open(&fixture, state));
    assert_int_equal(find(fixture.store, id, &seen), WEIR_OK);
    assert_int_equal(create(fixture.store, "Bea", "ANN@x", &id), WEIR_ALREADY_EXISTS);
    fixture_close(&fixture);
}

static void
the_file_is_safe_by_its_settings(void **state)
{
    struct fixture fixture;
    sqlite3 *db;
    sqlite3_stmt *statement;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
    sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &statement, NULL);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(statement, 0), "wal");
    sqlite3_finalize(statement);
    sqlite3_close(db);
    fixture_close(&fixture);
}

/* Another process's commit is seen by readers that keep their snapshots. */
static void
commits_of_others_are_seen_at_once(void **state)
{
    struct fixture fixture;
    struct seen seen = {0};
    sqlite3 *db;
    int32_t id;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(create(fixture.store, "Ann", "ann@x", &id), WEIR_OK);
    assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
    for (int i = 0; i < 100; i++) {
        char sql[128], name[16];
        snprintf(name, sizeof(name), "Ann %d", i);
        snprintf(sql, sizeof(sql), "UPDATE users SET name = '%s' WHERE id = %d", name, id);
        assert_int_equal(find(fixture.store, id, &seen), WEIR_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(find(fixture.store, id, &seen), WEIR_OK);
        assert_string_equal(seen.name, name);
    }
    assert_int_equal(sqlite3_exec(db, "DELETE FROM users", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(total(fixture.store), 0);
    sqlite3_close(db);
    fixture_close(&fixture);
}

/* A file that cannot be a database stays as it is. */
static void
assert_refused(void *const *state, const char *content, size_t len, const char *why)
{
    struct fixture fixture;
    char *after;
    size_t after_len;

    folder_write(folder_file(state, "users.db"), content, len);
    assert_false(fixture_open(&fixture, state));
    assert_string_equal(fixture.cause.text, why);
    after = folder_read(fixture.path, &after_len);
    assert_int_equal(after_len, len);
    assert_memory_equal(after, content, len);
    free(after);
}

static void
other_files_are_refused_untouched(void **state)
{
    static const char text[4096] = "This is a letter, not a database.";
    char broken[4096] = "SQLite format 3";

    assert_refused(state, text, sizeof(text), "file is not a database");
    memset(broken + 16, 0xFF, sizeof(broken) - 16);
    assert_refused(state, broken, sizeof(broken), "file is not a database");
}

static void
a_damaged_page_is_an_error_not_a_crash(void **state)
{
    struct fixture fixture;
    struct seen seen;
    char *data;
    size_t len;
    int32_t id;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(create(fixture.store, "Ann", "ann@x", &id), WEIR_OK);
    fixture_close(&fixture);
    data = folder_read(fixture.path, &len);
    memset(data + 4096, 0xA5, len - 4096);
    folder_write(fixture.path, data, len);
    free(data);
    if (!fixture_open(&fixture, state))
        return;
    assert_int_equal(find(fixture.store, id, &seen), WEIR_INTERNAL);
    assert_int_equal(create(fixture.store, "Bea", "bea@x", &id), WEIR_INTERNAL);
    fixture_close(&fixture);
}

static void
a_folder_in_its_place_is_refused(void **state)
{
    struct fixture fixture;

    assert_int_equal(mkdir(folder_file(state, "users.db"), 0700), 0);
    assert_false(fixture_open(&fixture, state));
    assert_non_null(strstr(fixture.cause.text, "unable to open database file"));
}

/* What stands in the way of a new file is named. */
static void
what_is_no_folder_is_refused(void **state)
{
    struct store_cause cause;
    weir_pool *pool;

    folder_write(folder_file(state, "file"), "", 0);
    assert_int_equal(weir_pool_new(1, &pool), WEIR_OK);
    assert_null(store_sqlite_open(folder_file(state, "file/users.db"), pool, &cause));
    assert_string_equal(cause.text, "unable to open database file (Not a directory)");
    assert_null(store_sqlite_open(folder_file(state, "absent/users.db"), pool, &cause));
    assert_string_equal(cause.text, "unable to open database file (No such file or directory)");
    weir_pool_free(pool);
}

/* Root may write everywhere, so the test becomes somebody else meanwhile. */
static void
a_folder_without_permission_is_refused(void **state)
{
    struct fixture fixture;
    bool root = geteuid() == 0;

    assert_int_equal(chmod(*state, 0555), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    assert_false(fixture_open(&fixture, state));
    assert_string_equal(fixture.cause.text, "unable to open database file (Permission denied)");
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(access(fixture.path, F_OK), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(ranges_far_out_are_the_right_ones),
        test_in_folder(users_survive_reopening),
        test_in_folder(the_file_is_safe_by_its_settings),
        test_in_folder(commits_of_others_are_seen_at_once),
        test_in_folder(other_files_are_refused_untouched),
        test_in_folder(a_damaged_page_is_an_error_not_a_crash),
        test_in_folder(a_folder_in_its_place_is_refused),
        test_in_folder(what_is_no_folder_is_refused),
        test_in_folder(a_folder_without_permission_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
