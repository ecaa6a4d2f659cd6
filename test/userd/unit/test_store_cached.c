/* SPDX-License-Identifier: Apache-2.0 */
/* The cache in front of a store, in a real Redis: what it keeps, and what no order of loads and
 * writes makes it keep. */
#include "store_fixture.h"
#include "userd/cache_entry.h"
#include "userd/store_cached.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The fixture's database, which a test can hold up amid a load, and which counts them. */
struct gate {
    struct store head;
    struct store *database;
    atomic_int loads;
    bool closed; /* under the lock: what was found is not handed on yet */
    int held;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static weir_code
gated_find(struct store *store, weir_call *call, int32_t id, store_visit *visit, void *arg,
    struct store_cause *cause)
{
    struct gate *gate = (struct gate *)store;
    struct seen seen;
    weir_code code = gate->database->ops->find(gate->database, call, id, seen_visit, &seen, cause);

    atomic_fetch_add(&gate->loads, 1);
    pthread_mutex_lock(&gate->lock);
    gate->held++;
    pthread_cond_broadcast(&gate->changed);
    while (gate->closed)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->held--;
    pthread_mutex_unlock(&gate->lock);
    if (code == WEIR_OK) {
        const struct user user = {seen.id, seen.name, seen.email, seen.phone, seen.created_at};

        code = visit(arg, &user);
    }
    return code;
}

static const struct store_ops gate_ops = {.find = gated_find};

struct cached_fixture {
    struct fixture fixture;
    struct gate gate;
    struct store *store; /* loads through the gate, writes past it */
    int32_t id;          /* of a user that nobody has asked for */
};

static void
open_cached(struct cached_fixture *cached, void **state)
{
    struct gate *gate = &cached->gate;

    assert_true(fixture_open(&cached->fixture, state));
    *gate = (struct gate){.head.ops = &gate_ops, .database = cached->fixture.database};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    cached->store =
        store_cached_new(&(struct store_cached_options){.store = cached->fixture.database,
            .fresh = &gate->head,
            .redis = cached->fixture.redis,
            .metrics = cached->fixture.metrics});
    assert_non_null(cached->store);
    assert_int_equal(create(cached->store, "old", "a@b", &cached->id), WEIR_OK);
}

static void
close_cached(struct cached_fixture *cached)
{
    store_close(cached->store);
    fixture_close(&cached->fixture);
}

static void
set_gate(struct gate *gate, bool closed)
{
    pthread_mutex_lock(&gate->lock);
    gate->closed = closed;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void
await_held(struct gate *gate, int count)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->held < count)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static weir_code
rename_user(struct store *store, int32_t id, const char *name)
{
    const struct user_change change = {.id = id, .name = name};
    struct store_cause cause;
    struct seen seen;

    return store->ops->update(store, NULL, &change, seen_visit, &seen, &cause);
}

static redisReply *
ask(struct redis *redis, const char *verb, int32_t id, const char *value)
{
    char key[64];
    const char *argv[] = {verb, key, value};
    redisReply *reply;

    snprintf(key, sizeof(key), "userd:user:%d", (int)id);
    assert_int_equal(redis_ask(redis, NULL, value == NULL ? 2 : 3, argv, NULL, &reply), WEIR_OK);
    return reply;
}

/* What kind of entry Redis has; -1: none. */
static int
kept(const struct cached_fixture *cached, int32_t id)
{
    redisReply *reply = ask(cached->fixture.redis, "GET", id, NULL);
    int kind = reply->type == REDIS_REPLY_NIL ? -1 : (int)cache_kind_of(reply->str, reply->len);

    freeReplyObject(reply);
    return kind;
}

/* The least that anything is kept for, and that a load may take. What took longer shows nothing of
 * what is kept, and is tried again with another user. */
#define KEPT_AT_LEAST (CACHE_EXPIRY_ABSENT * WEIR_SECOND)
#define TRIES 10

_Static_assert(CACHE_EXPIRY_ABSENT <= CACHE_EXPIRY_LEASE && CACHE_EXPIRY_LEASE < CACHE_EXPIRY,
    "KEPT_AT_LEAST is the least");

typedef bool attempt(struct cached_fixture *cached);

/* Each time with a user that nobody has asked for, until one says that it was in time. */
static void
try_until_in_time(struct cached_fixture *cached, attempt *try)
{
    for (int i = 0; !try(cached); i++) {
        char email[32];

        assert_true(i < TRIES);
        snprintf(email, sizeof(email), "a%d@b", i);
        assert_int_equal(create(cached->store, "old", email, &cached->id), WEIR_OK);
        atomic_store(&cached->gate.loads, 0);
    }
}

static bool
is_in_time(int64_t began)
{
    return weir_now() - began < KEPT_AT_LEAST;
}

static bool
load_one_user(struct cached_fixture *cached)
{
    int64_t began = weir_now();
    struct seen seen;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(find(cached->store, cached->id, &seen), WEIR_OK);
        assert_string_equal(seen.name, "old");
        assert_int_equal(seen.created_at, 1700000000);
    }
    if (!is_in_time(began))
        return false;
    assert_int_equal(cached->gate.loads, 1);
    return true;
}

static void
a_user_is_loaded_once(void **state)
{
    struct cached_fixture cached;
    struct seen seen;

    open_cached(&cached, state);
    assert_int_equal(find(cached.store, cached.id, &seen), WEIR_OK);
    assert_string_equal(seen.email, "a@b");
    assert_int_equal(create(cached.store, "old", "b@c", &cached.id), WEIR_OK);
    atomic_store(&cached.gate.loads, 0);
    try_until_in_time(&cached, load_one_user);
    close_cached(&cached);
}

static bool
load_nobody(struct cached_fixture *cached)
{
    int64_t began = weir_now();
    struct seen seen;

    for (int i = 0; i < 5; i++)
        assert_int_equal(find(cached->store, cached->id + 1, &seen), WEIR_NOT_FOUND);
    if (!is_in_time(began))
        return false;
    assert_int_equal(cached->gate.loads, 1);
    return true;
}

static void
absence_is_kept_until_the_user_comes(void **state)
{
    struct cached_fixture cached;
    struct seen seen;
    int32_t id;

    open_cached(&cached, state);
    try_until_in_time(&cached, load_nobody);
    assert_int_equal(create(cached.store, "new", "c@d", &id), WEIR_OK);
    assert_int_equal(id, cached.id + 1);
    assert_int_equal(find(cached.store, id, &seen), WEIR_OK);
    close_cached(&cached);
}

static int64_t
seconds_left(const struct cached_fixture *cached, int32_t id)
{
    redisReply *reply = ask(cached->fixture.redis, "TTL", id, NULL);
    int64_t seconds = reply->integer;

    freeReplyObject(reply);
    return seconds;
}

static bool
keep_both(struct cached_fixture *cached)
{
    int64_t began = weir_now();
    int32_t absent = cached->id + 1000;
    struct seen seen;
    int kind, absent_kind;
    int64_t left, absent_left;

    assert_int_equal(find(cached->store, cached->id, &seen), WEIR_OK);
    assert_int_equal(find(cached->store, absent, &seen), WEIR_NOT_FOUND);
    kind = kept(cached, cached->id);
    left = seconds_left(cached, cached->id);
    absent_kind = kept(cached, absent);
    absent_left = seconds_left(cached, absent);
    if (!is_in_time(began))
        return false;
    assert_int_equal(kind, CACHE_USER);
    assert_int_equal(absent_kind, CACHE_ABSENT);
    assert_in_range(left, CACHE_EXPIRY_ABSENT + 1, CACHE_EXPIRY);
    assert_in_range(absent_left, 0, CACHE_EXPIRY_ABSENT);
    return true;
}

static void
what_is_kept_expires(void **state)
{
    struct cached_fixture cached;

    open_cached(&cached, state);
    try_until_in_time(&cached, keep_both);
    close_cached(&cached);
}

static void
writes_delete_what_is_kept(void **state)
{
    struct cached_fixture cached;
    struct store_cause cause;
    struct seen seen;

    open_cached(&cached, state);
    assert_int_equal(find(cached.store, cached.id, &seen), WEIR_OK);
    assert_int_equal(rename_user(cached.store, cached.id, "new"), WEIR_OK);
    assert_int_equal(kept(&cached, cached.id), -1);
    assert_int_equal(find(cached.store, cached.id, &seen), WEIR_OK);
    assert_string_equal(seen.name, "new");
    assert_int_equal(cached.store->ops->remove(cached.store, NULL, cached.id, &cause), WEIR_OK);
    assert_int_equal(find(cached.store, cached.id, &seen), WEIR_NOT_FOUND);
    close_cached(&cached);
}

struct reader {
    struct cached_fixture *cached;
    pthread_t thread;
    struct seen seen;
    weir_code code;
};

static void *
read_one(void *arg)
{
    struct reader *reader = arg;

    reader->code = find(reader->cached->store, reader->cached->id, &reader->seen);
    return NULL;
}

static void
start(struct reader *reader, struct cached_fixture *cached)
{
    reader->cached = cached;
    assert_int_equal(pthread_create(&reader->thread, NULL, read_one, reader), 0);
}

/* It has read the old name; only then is the new one written, and answered. */
static void
a_load_that_a_write_overtakes_is_not_kept(void **state)
{
    struct cached_fixture cached;
    struct reader reader;
    struct seen seen;

    open_cached(&cached, state);
    set_gate(&cached.gate, true);
    start(&reader, &cached);
    await_held(&cached.gate, 1);
    assert_int_equal(rename_user(cached.store, cached.id, "new"), WEIR_OK);
    set_gate(&cached.gate, false);
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.code, WEIR_OK);
    assert_int_equal(find(cached.store, cached.id, &seen), WEIR_OK);
    assert_string_equal(seen.name, "new");
    close_cached(&cached);
}

/* Nor may a reader that came after the write join it. */
static void
a_load_that_a_write_overtakes_is_joined_by_nobody(void **state)
{
    struct cached_fixture cached;
    struct reader before, after;

    open_cached(&cached, state);
    set_gate(&cached.gate, true);
    start(&before, &cached);
    await_held(&cached.gate, 1);
    assert_int_equal(rename_user(cached.store, cached.id, "new"), WEIR_OK);
    start(&after, &cached);
    await_held(&cached.gate, 2);
    set_gate(&cached.gate, false);
    pthread_join(before.thread, NULL);
    pthread_join(after.thread, NULL);
    assert_string_equal(before.seen.name, "old");
    assert_string_equal(after.seen.name, "new");
    close_cached(&cached);
}

#define READERS 16

static bool
load_for_many(struct cached_fixture *cached)
{
    int64_t began = weir_now();
    struct reader readers[READERS];

    set_gate(&cached->gate, true);
    start(&readers[0], cached);
    await_held(&cached->gate, 1);
    for (int i = 1; i < READERS; i++)
        start(&readers[i], cached);
    usleep(50000); /* so that most have joined: who comes later finds the entry */
    set_gate(&cached->gate, false);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].code, WEIR_OK);
        assert_string_equal(readers[i].seen.name, "old");
    }
    if (!is_in_time(began))
        return false;
    assert_int_equal(cached->gate.loads, 1);
    return true;
}

static void
many_wait_for_one_load(void **state)
{
    struct cached_fixture cached;

    open_cached(&cached, state);
    try_until_in_time(&cached, load_for_many);
    close_cached(&cached);
}

/* Another process' lease, or a write of another process that is under way. */
static void
what_others_do_is_respected(void **state)
{
    static const char *const entries[] = {"L0123456789abcdef0123456789abcdef", "W1"};
    struct cached_fixture cached;
    struct seen seen;

    open_cached(&cached, state);
    for (size_t i = 0; i < COUNT(entries); i++) {
        int kind = (int)cache_kind_of(entries[i], strlen(entries[i]));

        freeReplyObject(ask(cached.fixture.redis, "SET", cached.id, entries[i]));
        assert_int_equal(find(cached.store, cached.id, &seen), WEIR_OK);
        assert_string_equal(seen.name, "old");
        assert_int_equal(kept(&cached, cached.id), kind);
    }
    assert_int_equal(rename_user(cached.store, cached.id, "new"), WEIR_OK);
    assert_int_equal(kept(&cached, cached.id), CACHE_BARRED); /* the other's */
    close_cached(&cached);
}

/* The fixture's database, where a write waits for so long that its bar expires and another reader
 * keeps what was before, and then ends in doubt. */
struct lagging {
    struct store head;
    struct redis *redis;
};

static weir_code
lagging_update(struct store *store, weir_call *call, const struct user_change *change,
    store_visit *visit, void *arg, struct store_cause *cause)
{
    struct redis *redis = ((struct lagging *)store)->redis;

    (void)call, (void)visit, (void)arg, (void)cause;
    freeReplyObject(ask(redis, "SET", change->id, "N"));
    return WEIR_UNAVAILABLE;
}

static const struct store_ops lagging_ops = {.update = lagging_update};

static void
a_write_in_doubt_leaves_nothing_of_before(void **state)
{
    struct cached_fixture cached;
    struct lagging lagging = {.head.ops = &lagging_ops};
    struct store *store;
    struct seen seen;

    open_cached(&cached, state);
    lagging.redis = cached.fixture.redis;
    store = store_cached_new(&(struct store_cached_options){.store = &lagging.head,
        .fresh = cached.fixture.database,
        .redis = cached.fixture.redis,
        .metrics = cached.fixture.metrics});
    assert_non_null(store);
    assert_int_equal(rename_user(store, cached.id, "new"), WEIR_UNAVAILABLE);
    assert_int_not_equal(kept(&cached, cached.id), CACHE_ABSENT);
    assert_int_equal(find(cached.store, cached.id, &seen), WEIR_OK);
    store_close(store);
    close_cached(&cached);
}

/* What lies in Redis is a stranger's word. */
static void
rubbish_is_not_believed(void **state)
{
    static const char *const entries[] = {
        "", "U", "x", "Urubbish", "NN", "L", "U\x08\x7f", "{\"id\":1}"};
    struct cached_fixture cached;
    struct seen seen;

    open_cached(&cached, state);
    for (size_t i = 0; i < COUNT(entries); i++) {
        freeReplyObject(ask(cached.fixture.redis, "SET", cached.id, entries[i]));
        assert_int_equal(find(cached.store, cached.id, &seen), WEIR_OK);
        assert_string_equal(seen.name, "old");
    }
    close_cached(&cached);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(a_user_is_loaded_once),
        test_in_folder(absence_is_kept_until_the_user_comes),
        test_in_folder(what_is_kept_expires),
        test_in_folder(writes_delete_what_is_kept),
        test_in_folder(a_load_that_a_write_overtakes_is_not_kept),
        test_in_folder(a_load_that_a_write_overtakes_is_joined_by_nobody),
        test_in_folder(many_wait_for_one_load),
        test_in_folder(what_others_do_is_respected),
        test_in_folder(a_write_in_doubt_leaves_nothing_of_before),
        test_in_folder(rubbish_is_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
