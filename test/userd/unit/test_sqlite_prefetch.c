/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/sqlite_prefetch.c: pages are what they are without it. */
#include "folder.h"
#include "userd/sqlite_connection.h"
#include "userd/sqlite_prefetch.h"
#include <stdio.h>

#define ROWS 5000

/* Rows of many lengths, some longer than a page, in pages of a size. */
static void
make(const char *path, int page_size)
{
    struct store_cause cause;
    sqlite3 *db = sqlite_open(path, false, &cause);
    char sql[512];

    assert_non_null(db);
    snprintf(sql, sizeof(sql),
        "PRAGMA page_size = %d; PRAGMA journal_mode = WAL;"
        "CREATE TABLE items (id INTEGER PRIMARY KEY, body BLOB);"
        "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < %d)"
        "INSERT INTO items SELECT id, zeroblob(id * 7919 %% 300 + (id %% 500 = 0) * 100000) FROM "
        "ids",
        page_size, ROWS);
    assert_int_equal(sqlite_run(db, sql), SQLITE_OK);
    sqlite3_close(db); /* which empties the WAL */
}

static void
read_all(const char *path, const char *setting, struct sqlite_prefetch *prefetch)
{
    struct store_cause cause;
    sqlite3 *db = sqlite_open(path, true, &cause);
    int64_t length;
    char sql[128];

    assert_non_null(db);
    sqlite_prefetch_add(db, prefetch);
    assert_int_equal(sqlite_run(db, setting), SQLITE_OK);
    for (int id = 1; id <= ROWS; id++) {
        snprintf(sql, sizeof(sql), "SELECT length(body) FROM items WHERE id = %d", id);
        assert_true(sqlite_number(db, sql, &length));
        assert_int_equal(length, id * 7919 % 300 + (id % 500 == 0) * 100000);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
pages_of_any_size_are_read(void **state)
{
    static const int sizes[] = {512, 4096, 8192, 65536};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct sqlite_prefetch prefetch = {0};
        char name[32];

        snprintf(name, sizeof(name), "%d.db", sizes[i]);
        make(folder_file(state, name), sizes[i]);
        read_all(folder_file(state, name), "PRAGMA mmap_size = 1073741824", &prefetch);
        assert_non_null(prefetch.fetch);
    }
}

static void
a_file_that_is_not_mapped_is_read(void **state)
{
    struct sqlite_prefetch prefetch = {0};

    make(folder_file(state, "x.db"), 4096);
    read_all(folder_file(state, "x.db"), "PRAGMA mmap_size = 0", &prefetch);
}

static void
a_database_without_a_file_is_left_alone(void **state)
{
    struct sqlite_prefetch prefetch = {0};
    int64_t two;
    sqlite3 *db;

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite_prefetch_add(db, &prefetch);
    assert_null(prefetch.fetch);
    assert_true(sqlite_number(db, "SELECT 1 + 1", &two));
    assert_int_equal(two, 2);
    sqlite3_close(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(pages_of_any_size_are_read),
        test_in_folder(a_file_that_is_not_mapped_is_read),
        cmocka_unit_test(a_database_without_a_file_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
