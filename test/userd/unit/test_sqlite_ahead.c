/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/sqlite_ahead.c: looking ahead changes no answer, whatever the file holds. */
#include "folder.h"
#include "userd/sqlite_migrate.h"
#include "userd/sqlite_reader.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define USERS 20000
#define PAGE 512 /* so that the tree is deep */

struct world {
    char path[512];
    sqlite3 *writer; /* as another process, too, would write */
    struct sqlite_readers readers;
    struct store_cause cause;
    atomic_bool looks_ahead;
    uint32_t random;
};

static uint32_t
draw(struct world *world, uint32_t end)
{
    world->random = world->random * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)world->random * end >> 32);
}

static void
write_sql(struct world *world, const char *sql)
{
    assert_int_equal(sqlite_run(world->writer, sql), SQLITE_OK);
}

static void
insert(struct world *world, int first, int count)
{
    char *sql = sqlite3_mprintf(
        "WITH RECURSIVE ids (id) AS (SELECT %d UNION ALL SELECT id + 1 FROM ids WHERE id < %d) "
        "INSERT INTO users (id, name, email, email_key, phone, created_at) "
        "SELECT id, 'Name ' || id, id || '@x', id || '@x', '+1', 7 FROM ids",
        first, first + count - 1);

    write_sql(world, sql);
    sqlite3_free(sql);
}

static void
world_open(struct world *world, void **state)
{
    *world = (struct world){.random = 1};
    snprintf(world->path, sizeof(world->path), "%s", folder_file(state, "users.db"));
    world->writer = sqlite_open(world->path, false, &world->cause);
    assert_non_null(world->writer);
    write_sql(world, "PRAGMA page_size = 512");
    write_sql(world, "PRAGMA journal_mode = WAL");
    write_sql(world, "PRAGMA wal_autocheckpoint = 0");
    assert_true(sqlite_migrate(world->writer, &sqlite_user_schema, &world->cause));
    insert(world, 1, USERS);
    write_sql(world, "PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite_readers_init(&world->readers, world->path, &world->looks_ahead);
}

static void
world_close(struct world *world)
{
    sqlite_readers_fini(&world->readers);
    sqlite3_close(world->writer);
}

static struct sqlite_reader *
borrow(struct world *world)
{
    struct sqlite_reader *reader = sqlite_reader_borrow(&world->readers, &world->cause);

    assert_non_null(reader);
    return reader;
}

static weir_code
find_with(struct world *world, struct sqlite_reader *reader, int32_t id)
{
    sqlite3_stmt *row;
    weir_code code = sqlite_reader_find(reader, id, &row, &world->cause);
    char want[32];

    if (code == WEIR_OK) {
        snprintf(want, sizeof(want), "Name %d", (int)id);
        assert_int_equal(sqlite3_column_int(row, 0), id);
        assert_string_equal(sqlite3_column_text(row, 1), want);
    }
    return code;
}

static void
look_ahead(struct world *world, const int32_t *ids, size_t count)
{
    struct sqlite_reader *reader = borrow(world);

    sqlite_reader_look_ahead(reader, ids, count);
    sqlite_reader_give_back(&world->readers, reader, true);
}

static weir_code
find(struct world *world, int32_t id)
{
    struct sqlite_reader *reader = borrow(world);
    weir_code code = find_with(world, reader, id);

    sqlite_reader_give_back(&world->readers, reader, code == WEIR_OK || code == WEIR_NOT_FOUND);
    return code;
}

static bool
is_there(struct world *world, int32_t id)
{
    char *sql = sqlite3_mprintf("SELECT count(*) FROM users WHERE id = %d", (int)id);
    int64_t count = 0;

    assert_true(sqlite_number(world->writer, sql, &count));
    sqlite3_free(sql);
    return count == 1;
}

/* Look ahead, and look up, some that are drawn: nearly all are there, or nobody ever was. */
static void
check_some(struct world *world)
{
    int32_t ids[STORE_AHEAD];

    for (size_t i = 0; i < STORE_AHEAD; i++)
        ids[i] = (int32_t)draw(world, USERS + USERS / 4);
    ids[draw(world, STORE_AHEAD)] = INT32_MAX;
    ids[draw(world, STORE_AHEAD)] = INT32_MIN;
    look_ahead(world, ids, STORE_AHEAD);
    for (size_t i = 0; i < STORE_AHEAD; i++)
        assert_int_equal(find(world, ids[i]), is_there(world, ids[i]) ? WEIR_OK : WEIR_NOT_FOUND);
}

/* But into the last page of the file. */
static void
test_it_finds_the_way(void **state)
{
    struct world world;
    struct sqlite_reader *reader;
    const int32_t gone[] = {-1, 0, 700, 14994, INT32_MAX};

    world_open(&world, state);
    write_sql(&world, "DELETE FROM users WHERE id % 7 = 0 AND id < 15000");
    write_sql(&world, "PRAGMA wal_checkpoint(TRUNCATE)");
    reader = borrow(&world);
    assert_int_equal(find_with(&world, reader, 1), WEIR_OK);
    for (int32_t id = 1; id + STORE_AHEAD * 5 < USERS; id += STORE_AHEAD * 5) {
        int32_t ids[STORE_AHEAD];

        for (int32_t i = 0; i < STORE_AHEAD; i++)
            ids[i] = id + i * 5;
        sqlite_reader_look_ahead(reader, ids, STORE_AHEAD);
        for (size_t i = 0; i < STORE_AHEAD; i++)
            assert_true(sqlite_ahead_knows(&reader->ahead, ids[i]));
        assert_false(sqlite_ahead_knows(&reader->ahead, ids[0]));
    }
    sqlite_reader_look_ahead(reader, gone, COUNT(gone));
    assert_false(sqlite_ahead_knows(&reader->ahead, -1));
    assert_true(sqlite_ahead_knows(&reader->ahead, 700));
    assert_true(sqlite_ahead_knows(&reader->ahead, 14994));
    sqlite_reader_give_back(&world.readers, reader, true);
    world_close(&world);
}

/* Before the snapshot is there nobody keeps the file as it is. */
static void
test_nothing_without_a_snapshot(void **state)
{
    struct world world;
    struct sqlite_reader *reader;
    const int32_t id = 5;

    world_open(&world, state);
    reader = borrow(&world);
    sqlite_reader_look_ahead(reader, &id, 1);
    assert_false(sqlite_ahead_knows(&reader->ahead, id));
    sqlite_reader_give_back(&world.readers, reader, true);
    world_close(&world);
}

static void
test_it_is_for_large_databases(void **state)
{
    struct world world;
    char sql[64];

    world_open(&world, state);
    find(&world, 1);
    assert_false(world.looks_ahead);
    for (int first = USERS + 1; first < 5 * USERS; first += USERS)
        insert(&world, first, USERS);
    find(&world, 1); /* all of it is in the WAL yet */
    assert_true(world.looks_ahead);
    snprintf(sql, sizeof(sql), "DELETE FROM users WHERE id > %d", 100);
    write_sql(&world, sql);
    write_sql(&world, "VACUUM");
    find(&world, 1);
    assert_false(world.looks_ahead);
    world_close(&world);
}

/* Which moves pages, makes the file longer and shorter, and leaves the newest in the WAL. */
static void
test_others_write_meanwhile(void **state)
{
    static const char *const writes[] = {
        "DELETE FROM users WHERE id % 11 = 3 AND id > 9000",
        "PRAGMA wal_checkpoint(PASSIVE)",
        "UPDATE users SET phone = phone || hex(randomblob(40)) WHERE id % 3 = 0",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "DELETE FROM users WHERE id BETWEEN 500 AND 15000",
        "VACUUM",
        "PRAGMA wal_checkpoint(PASSIVE)",
    };
    struct world world;

    world_open(&world, state);
    for (size_t i = 0; i < COUNT(writes); i++) {
        for (int turn = 0; turn < 50; turn++)
            check_some(&world);
        sqlite_readers_release(&world.readers); /* lest they hold up the checkpoint */
        write_sql(&world, writes[i]);
    }
    insert(&world, USERS + 1, USERS / 4);
    for (int turn = 0; turn < 50; turn++)
        check_some(&world);
    world_close(&world);
}

/* Nor does a snapshot that began before. */
static void
test_a_checkpoint_beside_a_snapshot(void **state)
{
    struct world world;
    struct sqlite_reader *reader;
    int32_t ids[STORE_AHEAD];

    world_open(&world, state);
    reader = borrow(&world);
    assert_int_equal(find_with(&world, reader, 1), WEIR_OK);
    write_sql(&world, "DELETE FROM users WHERE id > 100");
    write_sql(&world, "VACUUM");
    write_sql(&world, "PRAGMA wal_checkpoint(PASSIVE)");
    for (int turn = 0; turn < 1000; turn++) {
        for (size_t i = 0; i < STORE_AHEAD; i++)
            ids[i] = (int32_t)draw(&world, USERS) + 1;
        sqlite_reader_look_ahead(reader, ids, STORE_AHEAD);
        for (size_t i = 0; i < STORE_AHEAD; i++)
            assert_int_equal(find_with(&world, reader, ids[i]), WEIR_OK);
    }
    sqlite_reader_give_back(&world.readers, reader, true);
    world_close(&world);
}

/* Bytes of all values, or the least and greatest more often than others. */
static void
spoil_page(struct world *world, int fd, uint32_t page)
{
    static const uint8_t kinds[] = {5, 13, 0, 0xFF};
    uint8_t bytes[PAGE];

    assert_int_equal(pread(fd, bytes, PAGE, (off_t)page * PAGE), PAGE);
    for (size_t i = 0; i < PAGE; i++)
        if (draw(world, 4) == 0)
            bytes[i] =
                draw(world, 2) == 0 ? (uint8_t)draw(world, 256) : (draw(world, 2) == 0 ? 0xFF : 0);
    bytes[0] = kinds[draw(world, 8) == 0 ? draw(world, 4) : 0];
    bytes[3] = 0;
    bytes[4] = (uint8_t)draw(world, 256);
    assert_int_equal(pwrite(fd, bytes, PAGE, (off_t)page * PAGE), PAGE);
}

/* The file is broken beneath a reader that goes on; what SQLite makes of it is not the matter. */
static void
test_a_broken_file(void **state)
{
    struct world world;
    struct sqlite_reader *reader;
    int32_t ids[STORE_AHEAD];
    int fd;

    world_open(&world, state);
    reader = borrow(&world);
    assert_int_equal(find_with(&world, reader, 1), WEIR_OK);
    fd = open(world.path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    for (int turn = 0; turn < 2000; turn++) {
        spoil_page(&world, fd, reader->ahead.root - 1);
        for (int i = 0; i < 20; i++)
            spoil_page(&world, fd, 1 + draw(&world, reader->pages - 1));
        for (size_t i = 0; i < STORE_AHEAD; i++)
            ids[i] =
                (int32_t)(draw(&world, 2) == 0 ? draw(&world, USERS) : draw(&world, INT32_MAX));
        sqlite_reader_look_ahead(reader, ids, STORE_AHEAD);
    }
    close(fd);
    sqlite_reader_give_back(&world.readers, reader, false);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(test_it_finds_the_way),
        test_in_folder(test_nothing_without_a_snapshot),
        test_in_folder(test_it_is_for_large_databases),
        test_in_folder(test_others_write_meanwhile),
        test_in_folder(test_a_checkpoint_beside_a_snapshot),
        test_in_folder(test_a_broken_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
