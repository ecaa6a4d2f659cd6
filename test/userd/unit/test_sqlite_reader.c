/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/sqlite_reader.c and sqlite_wanted.c: what a look-up sees whose statement goes on.
 */
#include "folder.h"
#include "userd/sqlite_migrate.h"
#include "userd/sqlite_reader.h"
#include "userd/sqlite_wanted.h"
#include <stdio.h>

struct world {
    char path[512];
    sqlite3 *writer; /* as another process, too, would write */
    struct sqlite_readers readers;
    struct store_cause cause;
    atomic_bool looks_ahead;
};

static void
write_sql(struct world *world, const char *sql)
{
    assert_int_equal(sqlite_run(world->writer, sql), SQLITE_OK);
}

#define INSERT "INSERT INTO users (id, name, email, email_key, phone, created_at) "

/* Users 1 to 1000. */
static void
world_open(struct world *world, void **state)
{
    snprintf(world->path, sizeof(world->path), "%s", folder_file(state, "users.db"));
    world->writer = sqlite_open(world->path, false, &world->cause);
    assert_non_null(world->writer);
    write_sql(world, "PRAGMA journal_mode = WAL");
    assert_true(sqlite_migrate(world->writer, &sqlite_user_schema, &world->cause));
    write_sql(world,
        "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE "
        "id < 1000)" INSERT "SELECT id, 'Name ' || id, id || '@x', id || '@x', '+1', 7 FROM ids");
    sqlite_readers_init(&world->readers, world->path, &world->looks_ahead);
}

static void
world_close(struct world *world)
{
    sqlite_readers_fini(&world->readers);
    sqlite3_close(world->writer);
}

/* On the reader that served before: *out_name is empty where there is nobody. */
static weir_code
find(struct world *world, int32_t id, char out_name[64])
{
    struct sqlite_reader *reader = sqlite_reader_borrow(&world->readers, &world->cause);
    sqlite3_stmt *row;
    weir_code code;

    assert_non_null(reader);
    out_name[0] = '\0';
    code = sqlite_reader_find(reader, id, &row, &world->cause);
    if (code == WEIR_OK) {
        assert_int_equal(sqlite3_column_int(row, 0), id);
        assert_int_equal(sqlite3_column_int64(row, 4), 7);
        snprintf(out_name, 64, "%s", (const char *)sqlite3_column_text(row, 1));
    }
    sqlite_reader_give_back(&world->readers, reader, code == WEIR_OK || code == WEIR_NOT_FOUND);
    return code;
}

static void
assert_found(struct world *world, int32_t id, const char *want)
{
    char name[64];

    assert_int_equal(find(world, id, name), want == NULL ? WEIR_NOT_FOUND : WEIR_OK);
    assert_string_equal(name, want == NULL ? "" : want);
}

static void
users_are_found_in_any_order(void **state)
{
    static const int32_t nobody[] = {0, -1, 1001, INT32_MAX, INT32_MIN};
    struct world world;
    char name[64];

    world_open(&world, state);
    for (int32_t i = 0; i < 2000; i++) {
        int32_t id = i * 7919 % 1000 + 1;
        snprintf(name, sizeof(name), "Name %d", id);
        assert_found(&world, id, name);
        assert_found(&world, id, name);
        assert_found(&world, nobody[i % (int32_t)COUNT(nobody)], NULL);
    }
    world_close(&world);
}

static void
each_commit_is_seen(void **state)
{
    struct world world;
    char sql[256], name[64];

    world_open(&world, state);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "Changed %d", i);
        snprintf(sql, sizeof(sql), "UPDATE users SET name = '%s' WHERE id = 5", name);
        write_sql(&world, sql);
        assert_found(&world, 5, name);
        write_sql(&world, "DELETE FROM users WHERE id = 5");
        assert_found(&world, 5, NULL);
        write_sql(&world, INSERT "VALUES (5, 'Back', '5@x', '5@x', '', 7)");
        assert_found(&world, 5, "Back");
    }
    world_close(&world);
}

/* A text that is longer than the one before needs more memory, and a shorter one has its own end.
 */
static void
texts_keep_their_lengths(void **state)
{
    struct world world;

    world_open(&world, state);
    write_sql(&world, "UPDATE users SET name = 'A name that is not so short, of sixty characters' "
                      "WHERE id = 2; UPDATE users SET name = '' WHERE id = 3");
    for (int i = 0; i < 3; i++) {
        assert_found(&world, 1, "Name 1");
        assert_found(&world, 2, "A name that is not so short, of sixty characters");
        assert_found(&world, 3, "");
    }
    world_close(&world);
}

/* Another userd, of a newer version, may add columns while this one runs. */
static void
another_schema_is_no_obstacle(void **state)
{
    struct world world;

    world_open(&world, state);
    assert_found(&world, 1, "Name 1");
    write_sql(&world, "ALTER TABLE users ADD COLUMN extra TEXT");
    assert_found(&world, 1, "Name 1");
    write_sql(&world, "UPDATE users SET name = 'New', extra = 'x' WHERE id = 1");
    assert_found(&world, 1, "New");
    world_close(&world);
}

static bool
truncates(struct world *world)
{
    int64_t busy;

    sqlite3_busy_timeout(world->writer, 0);
    assert_true(sqlite_number(world->writer, "PRAGMA wal_checkpoint(TRUNCATE)", &busy));
    return busy == 0;
}

static void
an_idle_reader_lets_the_wal_go(void **state)
{
    struct world world;

    world_open(&world, state);
    assert_found(&world, 1, "Name 1");
    write_sql(&world, "UPDATE users SET name = 'New' WHERE id = 1");
    assert_false(truncates(&world)); /* the statement goes on in its snapshot */
    sqlite_readers_release(&world.readers);
    assert_true(truncates(&world));
    assert_found(&world, 1, "New");
    world_close(&world);
}

static void
sweep(struct world *world, bool want_kept)
{
    pthread_mutex_lock(&world->readers.lock);
    sqlite_readers_sweep(&world->readers);
    assert_int_equal(world->readers.kept, want_kept);
    pthread_mutex_unlock(&world->readers.lock);
}

static void
a_sweep_spares_who_was_borrowed_since(void **state)
{
    static const char *const names[] = {"Name 1", "b", "c", "d"};
    struct world world;
    char sql[128];

    world_open(&world, state);
    sweep(&world, false);
    for (int i = 0; i < 3; i++) {
        assert_found(&world, 1, names[i]);
        assert_true(world.readers.kept);
        sweep(&world, true);
        snprintf(sql, sizeof(sql), "UPDATE users SET name = '%s' WHERE id = 1", names[i + 1]);
        write_sql(&world, sql);
        assert_false(truncates(&world));
        sweep(&world, false);
        assert_true(truncates(&world));
    }
    assert_found(&world, 1, names[3]);
    world_close(&world);
}

/* Readers come back to the head of the list, so that those behind may be out of work for long. */
static void
a_sweep_looks_at_each_reader(void **state)
{
    struct sqlite_reader *both[2];
    struct world world;
    int64_t total;

    world_open(&world, state);
    for (int i = 0; i < 2; i++) {
        both[i] = sqlite_reader_borrow(&world.readers, &world.cause);
        assert_int_equal(sqlite_reader_number(both[i], QUERY_TOTAL, &total, &world.cause), WEIR_OK);
    }
    sweep(&world, false); /* both are in use */
    for (int i = 0; i < 2; i++)
        sqlite_reader_give_back(&world.readers, both[i], true);
    for (int i = 0; i < 2; i++) {
        sweep(&world, true);
        assert_found(&world, 1, "Name 1");
    }
    assert_true(both[1]->snapshot);
    assert_false(both[0]->snapshot);
    world_close(&world);
}

/* No other query is in the way of the statement, nor ends it. */
static void
other_queries_go_on_beside_it(void **state)
{
    struct sqlite_reader *reader;
    struct world world;
    sqlite3_stmt *row;
    int64_t total;

    world_open(&world, state);
    reader = sqlite_reader_borrow(&world.readers, &world.cause);
    assert_non_null(reader);
    for (int32_t id = 1; id <= 3; id++) {
        assert_int_equal(sqlite_reader_find(reader, id, &row, &world.cause), WEIR_OK);
        assert_int_equal(sqlite_reader_number(reader, QUERY_TOTAL, &total, &world.cause), WEIR_OK);
        assert_int_equal(total, 1000);
        assert_int_equal(sqlite3_column_int(row, 0), id);
    }
    sqlite_reader_give_back(&world.readers, reader, true);
    world_close(&world);
}

/* The table is in the outer loop, and the users are found by their key. */
static void
the_plan_is_a_search(void **state)
{
    struct sqlite_reader *reader;
    struct world world;
    sqlite3_stmt *plan;
    char sql[512], text[512] = "";

    world_open(&world, state);
    reader = sqlite_reader_borrow(&world.readers, &world.cause);
    assert_non_null(reader);
    snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sqlite3_sql(reader->queries[QUERY_FIND]));
    assert_int_equal(sqlite3_prepare_v2(reader->db, sql, -1, &plan, NULL), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%s;", sqlite3_column_text(plan, 3));
    }
    sqlite3_finalize(plan);
    assert_non_null(strstr(text, "SCAN wanted VIRTUAL TABLE"));
    assert_non_null(strstr(text, "SEARCH users USING INTEGER PRIMARY KEY (rowid=?)"));
    sqlite_reader_give_back(&world.readers, reader, true);
    world_close(&world);
}

static void
rows_say_what_the_variable_says(void **state)
{
    sqlite3_stmt *statement;
    int32_t id = 0;
    sqlite3 *db;

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite_wanted_add(db, &id), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT id FROM wanted", -1, &statement, NULL), SQLITE_OK);
    for (id = -5; id < 5; id++) {
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), id);
    }
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO wanted VALUES (1)", NULL, NULL, NULL),
        SQLITE_ERROR); /* it may not be modified */
    sqlite3_close(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(users_are_found_in_any_order),
        test_in_folder(each_commit_is_seen),
        test_in_folder(texts_keep_their_lengths),
        test_in_folder(another_schema_is_no_obstacle),
        test_in_folder(an_idle_reader_lets_the_wal_go),
        test_in_folder(a_sweep_spares_who_was_borrowed_since),
        test_in_folder(a_sweep_looks_at_each_reader),
        test_in_folder(other_queries_go_on_beside_it),
        test_in_folder(the_plan_is_a_search),
        cmocka_unit_test(rows_say_what_the_variable_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
