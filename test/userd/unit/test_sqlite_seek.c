/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/sqlite_seek.c: many threads, writes meanwhile, too many at once, faults. */
#include "store_fixture.h"
#include "userd/sqlite_seek.h"
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>

#define USERS 6000
#define LISTERS 8
#define LISTS 50

/* Users 1 to USERS. */
static void
fill(const char *path)
{
    sqlite3 *db;
    char sql[256];

    snprintf(sql, sizeof(sql),
        "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < %d)"
        "INSERT INTO users (id, name, email, email_key, phone, created_at) SELECT id, 'U', id || "
        "'@x', id || '@x', '', 0 FROM ids",
        USERS);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ---- many at once ---- */

struct page {
    int32_t first;
    int64_t count;
};

static weir_code
visit_page(void *arg, const struct user *user)
{
    struct page *page = arg;

    if (page->count++ == 0)
        page->first = user->id;
    return WEIR_OK;
}

/* Users are removed from the front meanwhile, so the nth user after the first is the nth of all. */
static void *
list_far_out(void *arg)
{
    const struct user_range range = {.skip = 4999, .limit = 5000};
    struct store *store = arg;

    for (int i = 0; i < LISTS; i++) {
        struct page page = {0};
        struct store_cause cause;
        int64_t all;
        if (store->ops->list(store, NULL, &range, visit_page, &page, &all, &cause) != WEIR_OK)
            return "list";
        if (page.count != all - 4999 || page.first != USERS - all + 5000)
            return "page and total are of different moments";
    }
    return NULL;
}

/* GetUser and writes go on, and each page is of the moment of its total. */
static void
pages_and_totals_are_of_one_moment(void **state)
{
    pthread_t threads[LISTERS];
    struct fixture fixture;
    struct store_cause cause;
    struct seen seen;

    assert_true(fixture_open(&fixture, state));
    fill(fixture.path);
    for (int i = 0; i < LISTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, list_far_out, fixture.store), 0);
    for (int32_t id = 1; id <= 100; id++) {
        assert_int_equal(find(fixture.store, id, &seen), WEIR_OK);
        assert_int_equal(fixture.store->ops->remove(fixture.store, NULL, id, &cause), WEIR_OK);
        assert_int_equal(find(fixture.store, id, &seen), WEIR_NOT_FOUND);
    }
    for (int i = 0; i < LISTERS; i++) {
        void *failure;
        pthread_join(threads[i], &failure);
        assert_null(failure);
    }
    assert_int_equal(total(fixture.store), USERS - 100);
    fixture_close(&fixture);
}

/* ---- a thread that is held up ---- */

static void
hold(void *arg)
{
    atomic_bool *open = arg;

    while (!atomic_load(open))
        sched_yield();
}

struct asker {
    struct sqlite_seeker *seeker;
    weir_code code;
    struct user_range rest;
};

static void *
ask(void *arg)
{
    const struct user_range range = {.skip = 2000, .limit = 10};
    struct asker *asker = arg;
    struct sqlite_reader *reader;
    struct store_cause cause;

    asker->code = sqlite_seek(asker->seeker, NULL, &range, &asker->rest, &reader, &cause);
    if (asker->code == WEIR_OK)
        sqlite_reader_give_back(asker->seeker->readers, reader, true);
    return NULL;
}

struct bench {
    struct fixture fixture;
    struct sqlite_readers readers;
    struct sqlite_seeker seeker;
    atomic_bool looks_ahead;
};

static void
bench_open(struct bench *bench, void *const *state)
{
    struct store_cause cause;

    assert_true(fixture_open(&bench->fixture, state));
    fill(bench->fixture.path);
    sqlite_readers_init(&bench->readers, bench->fixture.path, &bench->looks_ahead);
    assert_true(sqlite_seeker_init(&bench->seeker, &bench->readers, &cause));
}

static void
bench_close(struct bench *bench)
{
    sqlite_seeker_fini(&bench->seeker);
    sqlite_readers_fini(&bench->readers);
    fixture_close(&bench->fixture);
}

static void
what_waits_is_bounded(void **state)
{
    const struct user_range range = {.skip = 2000, .limit = 10};
    atomic_bool open = false;
    struct bench bench;
    struct sqlite_reader *reader = NULL;
    struct user_range rest;
    struct store_cause cause;
    struct asker askers[600];
    pthread_t threads[600];
    int refused = 0;

    bench_open(&bench, state);
    assert_int_equal(weir_pool_submit(bench.seeker.pool, hold, &open), WEIR_OK);
    for (int i = 0; i < 600; i++) {
        askers[i] = (struct asker){.seeker = &bench.seeker};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    while (atomic_load(&bench.seeker.waiting) < 512)
        sched_yield();
    assert_int_equal(
        sqlite_seek(&bench.seeker, NULL, &range, &rest, &reader, &cause), WEIR_RESOURCE_EXHAUSTED);
    assert_null(reader);
    atomic_store(&open, true);
    for (int i = 0; i < 600; i++) {
        pthread_join(threads[i], NULL);
        if (askers[i].code == WEIR_OK)
            assert_int_equal(askers[i].rest.after, 2000);
        else
            refused++;
    }
    assert_in_range(refused, 0, 600 - 512);
    assert_int_equal(atomic_load(&bench.seeker.waiting), 0);
    bench_close(&bench);
}

/* ---- faults ---- */

static void
what_cannot_be_read_is_a_fault(void **state)
{
    atomic_bool looks_ahead = false;
    const struct user_range range = {.skip = 2000, .limit = 10};
    struct sqlite_readers readers;
    struct sqlite_seeker seeker;
    struct sqlite_reader *reader = NULL;
    struct user_range rest;
    struct store_cause cause = {""};

    sqlite_readers_init(&readers, folder_file(state, "absent.db"), &looks_ahead);
    assert_true(sqlite_seeker_init(&seeker, &readers, &cause));
    assert_int_equal(sqlite_seek(&seeker, NULL, &range, &rest, &reader, &cause), WEIR_INTERNAL);
    assert_non_null(strstr(cause.text, "unable to open database file"));
    assert_null(reader);
    sqlite_seeker_fini(&seeker);
    sqlite_readers_fini(&readers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(pages_and_totals_are_of_one_moment),
        test_in_folder(what_waits_is_bounded),
        test_in_folder(what_cannot_be_read_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
