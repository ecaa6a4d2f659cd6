/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/sqlite_writer.c: writes of many threads, faults, the size of the WAL. */
#include "store_fixture.h"
#include "userd/sqlite_connection.h"
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 16
#define WRITES 60

/* ---- many threads ---- */

struct creator {
    struct store *store;
    int number;
    int32_t ids[WRITES];
    atomic_int *taken; /* how many creators got the email that all of them want */
};

static void *
create_many(void *arg)
{
    struct creator *creator = arg;

    for (int i = 0; i < WRITES; i++) {
        char email[64];
        int32_t id;
        snprintf(email, sizeof(email), "u%d.%d@x", creator->number, i);
        if (create(creator->store, "U", email, &creator->ids[i]) != WEIR_OK)
            return "a create failed";
        snprintf(email, sizeof(email), "WANTED%d@x", i);
        if (create(creator->store, "W", email, &id) == WEIR_OK)
            atomic_fetch_add(creator->taken, 1);
    }
    return NULL;
}

static void
start_creators(struct store *store, struct creator creators[THREADS], pthread_t threads[THREADS],
    atomic_int *taken)
{
    for (int i = 0; i < THREADS; i++) {
        creators[i] = (struct creator){.store = store, .number = i, .taken = taken};
        assert_int_equal(pthread_create(&threads[i], NULL, create_many, &creators[i]), 0);
    }
}

/* Every email has one owner; every creator's users are there under the ids it was told. */
static void
creators_at_once_lose_nothing(void **state)
{
    static struct creator creators[THREADS];
    static bool used[THREADS * WRITES + WRITES + 1];
    pthread_t threads[THREADS];
    atomic_int taken = 0;
    struct fixture fixture;

    memset(used, 0, sizeof(used));
    assert_true(fixture_open(&fixture, state));
    start_creators(fixture.store, creators, threads, &taken);
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        pthread_join(threads[i], &failure);
        assert_null(failure);
    }
    assert_int_equal(taken, WRITES);
    assert_int_equal(total(fixture.store), THREADS * WRITES + WRITES);
    for (int i = 0; i < THREADS * WRITES; i++) {
        struct seen seen;
        char email[64];
        int32_t id = creators[i / WRITES].ids[i % WRITES];
        assert_in_range(id, 1, THREADS * WRITES + WRITES);
        assert_false(used[id]);
        used[id] = true;
        snprintf(email, sizeof(email), "u%d.%d@x", i / WRITES, i % WRITES);
        assert_int_equal(find(fixture.store, id, &seen), WEIR_OK);
        assert_string_equal(seen.email, email);
    }
    fixture_close(&fixture);
}

/* ---- all kinds of operations at once ---- */

struct mixer {
    struct store *store;
    int number;
    atomic_bool *stop;
};

/* Creates, changes, reads back and removes its own users: every answer is known. */
static void *
mix(void *arg)
{
    struct mixer *mixer = arg;
    struct store *store = mixer->store;
    struct store_cause cause;
    struct seen seen;
    char email[64];

    for (int i = 0; i < WRITES; i++) {
        struct user_change change = {.name = "Bea"};
        int32_t id;
        snprintf(email, sizeof(email), "m%d.%d@x", mixer->number, i);
        if (create(store, "Ann", email, &id) != WEIR_OK || find(store, id, &seen) != WEIR_OK ||
            strcmp(seen.name, "Ann") != 0)
            return "create";
        change.id = id;
        if (store->ops->update(store, NULL, &change, seen_visit, &seen, &cause) != WEIR_OK ||
            find(store, id, &seen) != WEIR_OK || strcmp(seen.name, "Bea") != 0)
            return "update";
        if (store->ops->remove(store, NULL, id, &cause) != WEIR_OK ||
            find(store, id, &seen) != WEIR_NOT_FOUND)
            return "remove";
    }
    return NULL;
}

/* In each answer total and range are of one moment: ids that are skipped are counted, too. */
static void *
list_until_stopped(void *arg)
{
    const struct user_range range = {.limit = 1000};
    struct mixer *mixer = arg;

    while (!atomic_load(mixer->stop)) {
        struct store_cause cause;
        struct seen seen;
        int64_t all;
        if (mixer->store->ops->list(mixer->store, NULL, &range, seen_visit, &seen, &all, &cause) !=
            WEIR_OK)
            return "list";
        if (all < 0 || all > THREADS)
            return "total";
    }
    return NULL;
}

static void
what_was_answered_is_seen(void **state)
{
    struct mixer mixers[THREADS];
    pthread_t threads[THREADS];
    atomic_bool stop = false;
    struct fixture fixture;
    void *failure;

    assert_true(fixture_open(&fixture, state));
    for (int i = 0; i < THREADS; i++) {
        mixers[i] = (struct mixer){fixture.store, i, &stop};
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < 2 ? list_until_stopped : mix, &mixers[i]), 0);
    }
    for (int i = THREADS - 1; i >= 0; i--) {
        if (i == 1)
            atomic_store(&stop, true);
        pthread_join(threads[i], &failure);
        assert_null(failure);
    }
    assert_int_equal(total(fixture.store), 0);
    fixture_close(&fixture);
}

/* ---- faults ---- */

/* Create until it fails; how many were created. */
static int
create_until_fault(struct store *store, const char *prefix, struct store_cause *cause)
{
    char name[257], email[64];
    weir_code code;
    int count = 0;

    memset(name, 'n', 256);
    name[256] = '\0';
    do {
        const struct user user = {.name = name, .email = email, .phone = ""};
        int32_t id;
        snprintf(email, sizeof(email), "%s%d@x", prefix, count);
        code = store->ops->create(store, NULL, &user, &id, cause);
    } while (code == WEIR_OK && ++count < 100000);
    assert_int_equal(code, WEIR_INTERNAL);
    return count;
}

/* A limit on the size of files stands for a full disk. */
static void
a_full_disk_loses_nothing(void **state)
{
    struct rlimit before, small;
    struct store_cause cause = {""};
    struct fixture fixture;
    int32_t id;
    int count;

    signal(SIGXFSZ, SIG_IGN);
    assert_true(fixture_open(&fixture, state));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 400000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    count = create_until_fault(fixture.store, "u", &cause);
    assert_true(count > 10);
    assert_true(cause.text[0] != '\0');
    assert_int_equal(total(fixture.store), count);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(create(fixture.store, "U", "space@x", &id), WEIR_OK);
    assert_int_equal(total(fixture.store), count + 1);
    fixture_close(&fixture);
    assert_true(fixture_open(&fixture, state));
    assert_int_equal(total(fixture.store), count + 1);
    fixture_close(&fixture);
}

static void
what_is_full_is_unavailable(void **state)
{
    struct store_cause cause = {""};
    sqlite3 *db = sqlite_open(folder_file(state, "x.db"), false, &cause);
    int result = SQLITE_OK;

    assert_non_null(db);
    assert_int_equal(
        sqlite_run(db, "PRAGMA max_page_count = 20; CREATE TABLE items (body BLOB)"), SQLITE_OK);
    for (int i = 0; i < 100 && result == SQLITE_OK; i++)
        result = sqlite_run(db, "INSERT INTO items VALUES (zeroblob(3000))");
    assert_int_equal(result, SQLITE_FULL);
    assert_int_equal(sqlite_fault(result), WEIR_UNAVAILABLE);
    sqlite3_close(db);
}

/* Somebody else's transaction is waited for, for a while; then the write fails and leaves nothing
 * behind. */
static void
a_locked_database_is_unavailable(void **state)
{
    const struct user user = {.name = "U", .email = "u@x", .phone = ""};
    struct store_cause cause = {""};
    struct fixture fixture;
    sqlite3 *db;
    int32_t id;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        fixture.store->ops->create(fixture.store, NULL, &user, &id, &cause), WEIR_UNAVAILABLE);
    assert_string_equal(cause.text, "database is locked");
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(create(fixture.store, "U", "u@x", &id), WEIR_OK);
    assert_int_equal(id, 1);
    sqlite3_close(db);
    fixture_close(&fixture);
}

static void
ids_end_at_the_largest_int32(void **state)
{
    struct fixture fixture;
    sqlite3 *db;
    int32_t id = 0;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO sqlite_sequence VALUES ('users', 2147483646)",
                         NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(create(fixture.store, "L", "last@x", &id), WEIR_OK);
    assert_int_equal(id, INT32_MAX);
    assert_int_equal(create(fixture.store, "U", "u@x", &id), WEIR_OUT_OF_RANGE);
    assert_int_equal(create(fixture.store, "U", "LAST@x", &id), WEIR_OUT_OF_RANGE);
    assert_int_equal(total(fixture.store), 1);
    sqlite3_close(db);
    fixture_close(&fixture);
}

/* ---- the WAL ---- */

/* Readers that are used all the time do not keep the WAL from being moved into the database. */
static void
the_wal_stays_small_while_others_read(void **state)
{
    struct fixture fixture;
    struct stat status;
    struct seen seen;
    char path[600];

    assert_true(fixture_open(&fixture, state));
    for (int i = 0; i < 3000; i++) {
        char email[64];
        int32_t id;
        snprintf(email, sizeof(email), "u%d@x", i);
        assert_int_equal(create(fixture.store, "U", email, &id), WEIR_OK);
        assert_int_equal(find(fixture.store, id, &seen), WEIR_OK);
    }
    snprintf(path, sizeof(path), "%s-wal", fixture.path);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < 2 * 1000 * 4200);
    fixture_close(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(creators_at_once_lose_nothing),
        test_in_folder(what_was_answered_is_seen),
        test_in_folder(a_full_disk_loses_nothing),
        test_in_folder(what_is_full_is_unavailable),
        test_in_folder(a_locked_database_is_unavailable),
        test_in_folder(ids_end_at_the_largest_int32),
        test_in_folder(the_wal_stays_small_while_others_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
