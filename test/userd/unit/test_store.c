/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation of a store (store.h), the same for each kind: in SQLite, and in PostgreSQL where
 * WEIR_POSTGRES says so; see store_fixture.h. */
#include "store_fixture.h"
#include "userd/postgres_store.h"
#include "userd/store_postgres.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/loop.h>

/* ---- operations ---- */

static void
created_users_are_found(void **state)
{
    const struct user user = {
        .name = "Zoë 李 😀", .email = "Zoe@Example.org", .phone = "+49", .created_at = 1700000001};
    struct store_cause cause;
    struct fixture fixture;
    struct seen seen = {0};
    int32_t id = 0;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(fixture.store->ops->create(fixture.store, NULL, &user, &id, &cause), WEIR_OK);
    assert_int_equal(id, 1);
    assert_int_equal(find(fixture.store, id, &seen), WEIR_OK);
    assert_int_equal(seen.id, 1);
    assert_int_equal(seen.created_at, 1700000001);
    assert_string_equal(seen.name, user.name);
    assert_string_equal(seen.email, user.email);
    assert_string_equal(seen.phone, user.phone);
    fixture_close(&fixture);
}

static void
absent_ids_are_not_found(void **state)
{
    static const int32_t ids[] = {0, 1, -1, INT32_MAX, INT32_MIN};
    struct store_cause cause;
    struct fixture fixture;
    struct seen seen;

    assert_true(fixture_open(&fixture, state));
    for (size_t i = 0; i < COUNT(ids); i++) {
        const struct user_change change = {.id = ids[i], .name = "x"};
        assert_int_equal(find(fixture.store, ids[i], &seen), WEIR_NOT_FOUND);
        assert_int_equal(
            fixture.store->ops->update(fixture.store, NULL, &change, seen_visit, &seen, &cause),
            WEIR_NOT_FOUND);
        assert_int_equal(
            fixture.store->ops->remove(fixture.store, NULL, ids[i], &cause), WEIR_NOT_FOUND);
    }
    fixture_close(&fixture);
}

#define MANY 3000

/* Three of four are new; each entry tells what became of it, the ids follow their order. */
static void
many_are_created_in_their_order(void **state)
{
    static struct user_entry entries[MANY];
    static char emails[MANY][32];
    struct store_cause cause;
    struct fixture fixture;
    struct seen seen;
    int32_t last = 0;

    assert_true(fixture_open(&fixture, state));
    for (int i = 0; i < MANY; i++) {
        snprintf(emails[i], sizeof(emails[i]), "u%d@x", i % 4 == 3 ? i - 1 : i);
        entries[i] =
            (struct user_entry){{.name = "N", .email = emails[i], .phone = ""}, WEIR_UNKNOWN};
    }
    assert_int_equal(
        fixture.store->ops->create_many(fixture.store, NULL, entries, MANY, &cause), WEIR_OK);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(entries[i].code, i % 4 == 3 ? WEIR_ALREADY_EXISTS : WEIR_OK);
        if (i % 4 == 3)
            continue;
        assert_true(entries[i].user.id > last);
        last = entries[i].user.id;
        assert_int_equal(find(fixture.store, last, &seen), WEIR_OK);
        assert_string_equal(seen.email, emails[i]);
    }
    assert_int_equal(total(fixture.store), MANY / 4 * 3);
    assert_int_equal(
        fixture.store->ops->create_many(fixture.store, NULL, NULL, 0, &cause), WEIR_OK);
    fixture_close(&fixture);
}

static void
emails_are_unique_without_case(void **state)
{
    struct fixture fixture;
    int32_t id = 0;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(create(fixture.store, "A", "Ärger@Example.org", &id), WEIR_OK);
    assert_int_equal(create(fixture.store, "B", "äRGER@eXAMPLE.ORG", &id), WEIR_ALREADY_EXISTS);
    assert_int_equal(create(fixture.store, "C", "arger@example.org", &id), WEIR_OK);
    assert_int_equal(total(fixture.store), 2);
    fixture_close(&fixture);
}

static weir_code
change(struct store *store, struct user_change to, struct seen *out)
{
    struct store_cause cause;

    return store->ops->update(store, NULL, &to, seen_visit, out, &cause);
}

static void
updates_change_what_is_named(void **state)
{
    struct fixture fixture;
    struct seen seen = {0}, after = {0};
    int32_t id = 0;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(create(fixture.store, "Ann", "ann@example.org", &id), WEIR_OK);
    assert_int_equal(
        change(fixture.store, (struct user_change){.id = id, .phone = "7"}, &seen), WEIR_OK);
    assert_string_equal(seen.name, "Ann");
    assert_string_equal(seen.phone, "7");
    assert_int_equal(seen.created_at, 1700000000);
    assert_int_equal(
        change(fixture.store,
            (struct user_change){.id = id, .name = "Bea", .email = "BEA@x", .phone = ""}, &seen),
        WEIR_OK);
    assert_int_equal(find(fixture.store, id, &after), WEIR_OK);
    assert_memory_equal(&seen.id, &after.id, sizeof(seen.id));
    assert_string_equal(after.name, "Bea");
    assert_string_equal(after.email, "BEA@x");
    assert_string_equal(after.phone, "");
    assert_int_equal(create(fixture.store, "A", "ANN@example.org", &id), WEIR_OK);
    assert_int_equal(create(fixture.store, "B", "bea@X", &id), WEIR_ALREADY_EXISTS);
    fixture_close(&fixture);
}

static void
updates_cannot_take_an_email(void **state)
{
    struct fixture fixture;
    struct seen seen;
    int32_t ann = 0, bea = 0;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(create(fixture.store, "Ann", "ann@x", &ann), WEIR_OK);
    assert_int_equal(create(fixture.store, "Bea", "bea@x", &bea), WEIR_OK);
    assert_int_equal(change(fixture.store,
                         (struct user_change){.id = bea, .name = "B", .email = "ANN@x"}, &seen),
        WEIR_ALREADY_EXISTS);
    assert_int_equal(find(fixture.store, bea, &seen), WEIR_OK);
    assert_string_equal(seen.name, "Bea");
    assert_int_equal(
        change(fixture.store, (struct user_change){.id = bea, .email = "BEA@x"}, &seen), WEIR_OK);
    assert_string_equal(seen.email, "BEA@x");
    fixture_close(&fixture);
}

static void
removed_users_are_gone_and_their_ids_stay_unused(void **state)
{
    struct store_cause cause;
    struct fixture fixture;
    struct seen seen;
    int32_t id = 0;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(create(fixture.store, "Ann", "ann@x", &id), WEIR_OK);
    assert_int_equal(fixture.store->ops->remove(fixture.store, NULL, id, &cause), WEIR_OK);
    assert_int_equal(find(fixture.store, id, &seen), WEIR_NOT_FOUND);
    assert_int_equal(total(fixture.store), 0);
    assert_int_equal(create(fixture.store, "Ann", "ann@x", &id), WEIR_OK);
    assert_int_equal(id, 2);
    fixture_close(&fixture);
}

/* ---- ranges ---- */

static void
assert_range(struct store *store, struct user_range range, int32_t first, size_t count)
{
    struct store_cause cause;
    struct ids ids = {0};
    int64_t all = 0;

    assert_int_equal(store->ops->list(store, NULL, &range, collect, &ids, &all, &cause), WEIR_OK);
    assert_int_equal(all, 25);
    assert_int_equal(ids.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ids.items[i], first + (int32_t)i);
}

static void
ranges_are_in_order(void **state)
{
    struct fixture fixture;

    assert_true(fixture_open(&fixture, state));
    for (int i = 0; i < 25; i++) {
        char email[32];
        int32_t id;
        snprintf(email, sizeof(email), "u%d@x", i);
        assert_int_equal(create(fixture.store, "U", email, &id), WEIR_OK);
    }
    assert_range(fixture.store, (struct user_range){.limit = 10}, 1, 10);
    assert_range(fixture.store, (struct user_range){.skip = 20, .limit = 10}, 21, 5);
    assert_range(fixture.store, (struct user_range){.skip = 25, .limit = 10}, 0, 0);
    assert_range(
        fixture.store, (struct user_range){.skip = INT64_C(214748364600), .limit = 100}, 0, 0);
    assert_range(fixture.store, (struct user_range){.after = 24, .limit = 10}, 25, 1);
    fixture_close(&fixture);
}

/* ---- far out ---- */

#define FAR_USERS 20000
#define FAR_BATCH 2000

/* Users 1 to FAR_USERS, of whom the ids do not have to settle first. */
static void
fill(struct fixture *fixture)
{
    static struct user_entry entries[FAR_BATCH];
    static char emails[FAR_BATCH][32];
    struct store_cause cause;

    if (getenv("WEIR_POSTGRES") != NULL)
        postgres_store_of(fixture->database)->ranks.settle = 0;
    for (int first = 0; first < FAR_USERS; first += FAR_BATCH) {
        for (int i = 0; i < FAR_BATCH; i++) {
            snprintf(emails[i], sizeof(emails[i]), "far%d@x", first + i);
            entries[i] =
                (struct user_entry){{.name = "N", .email = emails[i], .phone = ""}, WEIR_UNKNOWN};
        }
        assert_int_equal(
            fixture->store->ops->create_many(fixture->store, NULL, entries, FAR_BATCH, &cause),
            WEIR_OK);
    }
}

static void
assert_page(struct store *store, const bool *there, int64_t skip)
{
    const struct user_range range = {.skip = skip, .limit = 10};
    struct store_cause cause;
    struct ids ids = {0};
    int64_t all = 0, users = 0;
    size_t expected = 0;

    assert_int_equal(store->ops->list(store, NULL, &range, collect, &ids, &all, &cause), WEIR_OK);
    for (int32_t id = 1; id <= FAR_USERS; id++) {
        if (there[id] && users++ >= skip && expected < 10)
            assert_int_equal(ids.items[expected++], id);
    }
    assert_int_equal(ids.count, expected);
    assert_int_equal(all, users);
}

/* The same numbers in each run. */
static int32_t
draw(int32_t below)
{
    static uint64_t state = 11;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int32_t)((uint32_t)(state >> 33) % (uint32_t)below);
}

/* Whoever is removed between them, and wherever. */
static void
far_pages_are_exact(void **state)
{
    static bool there[FAR_USERS + 1];
    struct fixture fixture;
    struct store_cause cause;

    assert_true(fixture_open(&fixture, state));
    fill(&fixture);
    memset(there, true, sizeof(there));
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < round; i++) {
            int32_t id = 1 + draw(FAR_USERS);
            assert_int_equal(fixture.store->ops->remove(fixture.store, NULL, id, &cause),
                there[id] ? WEIR_OK : WEIR_NOT_FOUND);
            there[id] = false;
        }
        for (int i = 0; i < 5; i++)
            assert_page(fixture.store, there, draw(FAR_USERS + 100));
    }
    fixture_close(&fixture);
}

/* Another store on the same database, as another userd has it. */
static struct store *
open_another(struct fixture *fixture)
{
    if (getenv("WEIR_POSTGRES") != NULL)
        return store_postgres_open(fixture->path, NULL, &fixture->cause);
    return store_sqlite_open(fixture->path, fixture->pool, &fixture->cause);
}

static void
far_pages_show_what_others_remove(void **state)
{
    static bool there[FAR_USERS + 1];
    struct fixture fixture;
    struct store_cause cause;
    struct store *other;

    assert_true(fixture_open(&fixture, state));
    other = open_another(&fixture);
    assert_non_null(other);
    fill(&fixture);
    memset(there, true, sizeof(there));
    for (int32_t id = 100; id < 3000; id += 100) {
        assert_page(fixture.store, there, 12345 + id);
        assert_int_equal(other->ops->remove(other, NULL, id, &cause), WEIR_OK);
        there[id] = false;
        assert_page(fixture.store, there, 12345 + id);
    }
    weir_pool_free(fixture.pool); /* what the other one writes on, too */
    assert_int_equal(weir_pool_new(2, &fixture.pool), WEIR_OK);
    store_close(other);
    fixture_close(&fixture);
}

struct far_lister {
    pthread_t thread;
    struct store *store;
    const char *failure;
};

/* Users are removed from the front meanwhile, so the first of a page tells how many were. */
static void *
list_far_out(void *arg)
{
    const struct user_range range = {.skip = 15000, .limit = 50};
    struct far_lister *lister = arg;

    for (int i = 0; i < 100 && lister->failure == NULL; i++) {
        struct ids ids = {0};
        struct store_cause cause;
        int64_t all;
        if (lister->store->ops->list(lister->store, NULL, &range, collect, &ids, &all, &cause) !=
            WEIR_OK)
            lister->failure = cause.text;
        else if (ids.count != 50 || ids.items[0] != FAR_USERS - all + 15001)
            lister->failure = "page and total are of different moments";
    }
    return NULL;
}

static void
far_pages_are_of_one_moment(void **state)
{
    struct far_lister listers[4] = {0};
    struct fixture fixture;
    struct store_cause cause;

    assert_true(fixture_open(&fixture, state));
    fill(&fixture);
    for (int i = 0; i < 4; i++) {
        listers[i].store = fixture.store;
        assert_int_equal(pthread_create(&listers[i].thread, NULL, list_far_out, &listers[i]), 0);
    }
    for (int32_t id = 1; id <= 200; id++)
        assert_int_equal(fixture.store->ops->remove(fixture.store, NULL, id, &cause), WEIR_OK);
    for (int i = 0; i < 4; i++) {
        pthread_join(listers[i].thread, NULL);
        assert_null(listers[i].failure);
    }
    fixture_close(&fixture);
}

static weir_code
refuse(void *arg, const struct user *user)
{
    int *calls = arg;

    (void)user;
    (*calls)++;
    return WEIR_RESOURCE_EXHAUSTED;
}

static void
visitors_can_stop(void **state)
{
    const struct user_range range = {.limit = 10};
    struct store_cause cause;
    struct fixture fixture;
    int64_t all;
    int32_t id;
    int calls = 0;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(create(fixture.store, "A", "a@x", &id), WEIR_OK);
    assert_int_equal(create(fixture.store, "B", "b@x", &id), WEIR_OK);
    assert_int_equal(
        fixture.store->ops->list(fixture.store, NULL, &range, refuse, &calls, &all, &cause),
        WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(calls, 1);
    assert_int_equal(fixture.store->ops->find(fixture.store, NULL, 1, refuse, &calls, &cause),
        WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(total(fixture.store), 2);
    fixture_close(&fixture);
}

/* ---- many at once ---- */

#define CREATORS 12
#define ROUNDS 40

struct creator {
    pthread_t thread;
    struct store *store;
    int number;
    int created, taken; /* of the emails that all of them want */
    bool failed;
};

static void
create_own(struct creator *creator, int round)
{
    struct seen seen;
    char email[64];
    int32_t id;

    snprintf(email, sizeof(email), "own%d.%d@x", creator->number, round);
    if (create(creator->store, "Own", email, &id) != WEIR_OK ||
        find(creator->store, id, &seen) != WEIR_OK || strcmp(seen.email, email) != 0)
        creator->failed = true;
}

/* Some of them, in an order that differs from creator to creator. */
static void
create_wanted(struct creator *creator, int round)
{
    struct user_entry entries[10];
    char emails[10][32];
    struct store_cause cause;

    for (int i = 0; i < 10; i++) {
        snprintf(emails[i], sizeof(emails[i]), "Wanted%d@x",
            round * 10 + (creator->number % 2 == 0 ? i : 9 - i));
        entries[i] = (struct user_entry){{.name = "W", .email = emails[i], .phone = ""}, WEIR_OK};
    }
    if (creator->store->ops->create_many(creator->store, NULL, entries, 10, &cause) != WEIR_OK) {
        creator->failed = true;
        return;
    }
    for (int i = 0; i < 10; i++) {
        creator->created += entries[i].code == WEIR_OK;
        creator->taken += entries[i].code == WEIR_ALREADY_EXISTS;
    }
}

static void *
create_all(void *arg)
{
    struct creator *creator = arg;

    for (int i = 0; i < ROUNDS; i++) {
        create_own(creator, i);
        create_wanted(creator, i);
    }
    return NULL;
}

/* Each email that many want is one's, and everybody is counted. */
static void
creators_at_once_share_no_email(void **state)
{
    struct creator creators[CREATORS] = {0};
    struct fixture fixture;
    int created = 0, taken = 0;

    assert_true(fixture_open(&fixture, state));
    for (int i = 0; i < CREATORS; i++) {
        creators[i] = (struct creator){.store = fixture.store, .number = i};
        assert_int_equal(pthread_create(&creators[i].thread, NULL, create_all, &creators[i]), 0);
    }
    for (int i = 0; i < CREATORS; i++) {
        pthread_join(creators[i].thread, NULL);
        assert_false(creators[i].failed);
        created += creators[i].created;
        taken += creators[i].taken;
    }
    assert_int_equal(created, 10 * ROUNDS);
    assert_int_equal(taken, 10 * ROUNDS * (CREATORS - 1));
    assert_int_equal(total(fixture.store), CREATORS * ROUNDS + 10 * ROUNDS);
    fixture_close(&fixture);
}

/* ---- fibers of one loop ---- */

#define FIBERS 300

struct crowd {
    struct store *store;
    weir_loop *loop;
    int started, running;
    int created, taken, failed; /* of the emails of which each is wanted by three */
};

static void
create_and_find(struct crowd *crowd, int number)
{
    struct seen own = {0}, other = {0};
    char email[64];
    int32_t id = 0;
    weir_code code;

    snprintf(email, sizeof(email), "fiber%d@x", number / 3);
    code = create(crowd->store, "F", email, &id);
    crowd->taken += code == WEIR_ALREADY_EXISTS;
    crowd->created += code == WEIR_OK;
    if (code == WEIR_ALREADY_EXISTS)
        return;
    if (code != WEIR_OK || find(crowd->store, id, &own) != WEIR_OK || own.id != id ||
        strcmp(own.email, email) != 0 ||
        find(crowd->store, INT32_MAX - number, &other) != WEIR_NOT_FOUND ||
        find(crowd->store, 1, &other) != WEIR_OK || other.id != 1)
        crowd->failed++;
}

static void
be_in_crowd(void *arg)
{
    struct crowd *crowd = arg;

    create_and_find(crowd, crowd->started++);
    if (--crowd->running == 0)
        weir_loop_stop(crowd->loop);
}

/* What they ask for at the same time may share statements; each gets what is its own. */
static void
fibers_at_once_get_their_own(void **state)
{
    struct crowd crowd = {.running = FIBERS};
    struct fixture fixture;
    int32_t id;

    assert_true(fixture_open(&fixture, state));
    crowd.store = fixture.store;
    assert_int_equal(create(fixture.store, "First", "first@x", &id), WEIR_OK);
    assert_int_equal(weir_loop_new(&crowd.loop), WEIR_OK);
    for (int i = 0; i < FIBERS; i++)
        assert_int_equal(weir_loop_spawn(crowd.loop, be_in_crowd, &crowd), WEIR_OK);
    weir_loop_run(crowd.loop);
    weir_loop_free(crowd.loop);
    assert_int_equal(crowd.created, FIBERS / 3);
    assert_int_equal(crowd.taken, FIBERS / 3 * 2);
    assert_int_equal(crowd.failed, 0);
    assert_int_equal(total(fixture.store), FIBERS / 3 + 1);
    fixture_close(&fixture);
}

static void
texts_survive_as_they_are(void **state)
{
    static const char *const texts[] = {"{}", "\\", "\"", "a,b", "NULL", "'; --", "\t\n\r", " ",
        "{\"a\"}", "\\\"", "\xC3\xA4\xF0\x9F\x98\x80"};
    struct fixture fixture;

    assert_true(fixture_open(&fixture, state));
    for (size_t i = 0; i < COUNT(texts); i++) {
        char email[64];
        struct user_entry entry = {{.name = texts[i], .email = email, .phone = texts[i]}, WEIR_OK};
        struct store_cause cause;
        struct seen seen;

        snprintf(email, sizeof(email), "%s@%zu", texts[i], i);
        assert_int_equal(
            fixture.store->ops->create_many(fixture.store, NULL, &entry, 1, &cause), WEIR_OK);
        assert_int_equal(entry.code, WEIR_OK);
        assert_int_equal(find(fixture.store, entry.user.id, &seen), WEIR_OK);
        assert_string_equal(seen.name, texts[i]);
        assert_string_equal(seen.phone, texts[i]);
        assert_string_equal(seen.email, email);
        snprintf(email, sizeof(email), "%s@one%zu", texts[i], i);
        assert_int_equal(create(fixture.store, texts[i], email, &entry.user.id), WEIR_OK);
        assert_int_equal(find(fixture.store, entry.user.id, &seen), WEIR_OK);
        assert_string_equal(seen.name, texts[i]);
        assert_string_equal(seen.email, email);
    }
    fixture_close(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(created_users_are_found),
        test_in_folder(many_are_created_in_their_order),
        test_in_folder(absent_ids_are_not_found),
        test_in_folder(emails_are_unique_without_case),
        test_in_folder(updates_change_what_is_named),
        test_in_folder(updates_cannot_take_an_email),
        test_in_folder(removed_users_are_gone_and_their_ids_stay_unused),
        test_in_folder(ranges_are_in_order),
        test_in_folder(far_pages_are_exact),
        test_in_folder(far_pages_show_what_others_remove),
        test_in_folder(far_pages_are_of_one_moment),
        test_in_folder(visitors_can_stop),
        test_in_folder(creators_at_once_share_no_email),
        test_in_folder(fibers_at_once_get_their_own),
        test_in_folder(texts_survive_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
