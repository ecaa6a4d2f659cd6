/* SPDX-License-Identifier: Apache-2.0 */
/* Health: what statuses come to, the service over sockets, checkers that fail, hang and recover. */
#include "grpc/health/v1/health.weir.h"
#include "raw.h"
#include "service.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <weir/health.h>

#include <cmocka.h>

static weir_health *
new_health(void)
{
    weir_health *health;

    assert_int_equal(weir_health_new(&health), WEIR_OK);
    return health;
}

static void
set(weir_health *health, const char *service, enum weir_health_status status)
{
    assert_int_equal(weir_health_set(health, service, status), WEIR_OK);
}

static void
assert_status(weir_health *health, const char *service, enum weir_health_status status)
{
    assert_string_equal(weir_health_status_name(weir_health_status(health, service)),
        weir_health_status_name(status));
}

/* ---- statuses ---- */

static void
test_statuses(void **state)
{
    weir_health *health = new_health();

    (void)state;
    assert_status(health, "", WEIR_HEALTH_SERVING);
    assert_status(health, "a", WEIR_HEALTH_SERVICE_UNKNOWN);
    set(health, "a", WEIR_HEALTH_SERVING);
    set(health, "b", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "a", WEIR_HEALTH_SERVING);
    assert_status(health, "", WEIR_HEALTH_NOT_SERVING);
    assert_int_equal(weir_health_require(health, "a", "b"), WEIR_OK);
    assert_status(health, "a", WEIR_HEALTH_NOT_SERVING);
    set(health, "b", WEIR_HEALTH_SERVING);
    assert_status(health, "a", WEIR_HEALTH_SERVING);
    assert_status(health, "", WEIR_HEALTH_SERVING);
    set(health, "", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "a", WEIR_HEALTH_SERVING);
    weir_health_set_all(health, WEIR_HEALTH_UNKNOWN);
    assert_status(health, "", WEIR_HEALTH_UNKNOWN);
    assert_status(health, "a", WEIR_HEALTH_UNKNOWN);
    weir_health_set_all(health, WEIR_HEALTH_SERVING);
    assert_status(health, "", WEIR_HEALTH_SERVING);
    weir_health_shutdown(health);
    set(health, "a", WEIR_HEALTH_SERVING);
    assert_status(health, "a", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "c", WEIR_HEALTH_SERVICE_UNKNOWN);
    weir_health_free(health);
    weir_health_free(NULL);
}

/* ---- the service ---- */

static struct fixture {
    struct running running;
    weir_health *health;
    weir_loop *loop;
    weir_channel *channel;
} fixture;

static void
prepare(struct running *running)
{
    assert_int_equal(weir_health_offer(fixture.health, running->server), WEIR_OK);
}

static weir_channel *
connect_on(weir_loop **out_loop)
{
    weir_channel *channel;

    assert_int_equal(weir_loop_new(out_loop), WEIR_OK);
    assert_int_equal(weir_channel_new(*out_loop, fixture.running.address, NULL, &channel), WEIR_OK);
    return channel;
}

static int
open_fixture(void **state)
{
    static weir_interceptor *const none[] = {NULL};
    const struct weir_server_options options = {.loops = 2};

    (void)state;
    fixture.health = new_health();
    running_start_prepared(&fixture.running, "127.0.0.1:0", &options, none, prepare);
    fixture.channel = connect_on(&fixture.loop);
    return 0;
}

static int
close_fixture(void **state)
{
    (void)state;
    weir_channel_free(fixture.channel);
    weir_loop_free(fixture.loop);
    running_stop(&fixture.running, 10 * WEIR_SECOND);
    weir_health_free(fixture.health);
    return 0;
}

static void
test_check(void **state)
{
    char why[WEIR_HEALTH_WHY];

    (void)state;
    assert_int_equal(weir_health_check(fixture.channel, "", 0, why), WEIR_OK);
    assert_string_equal(why, "");
    assert_int_equal(weir_health_check(fixture.channel, "x", 0, why), WEIR_NOT_FOUND);
    assert_string_equal(why, "unknown service");
    set(fixture.health, "x", WEIR_HEALTH_NOT_SERVING);
    assert_int_equal(weir_health_check(fixture.channel, "x", 0, why), WEIR_UNAVAILABLE);
    assert_string_equal(why, "service not serving");
    assert_int_equal(weir_health_check(fixture.channel, "", 0, NULL), WEIR_UNAVAILABLE);
    set(fixture.health, "x", WEIR_HEALTH_SERVING);
    assert_int_equal(weir_health_check(fixture.channel, "x", 0, why), WEIR_OK);
}

static weir_code
list(size_t *out_count)
{
    weir_call *call = weir_call_new(fixture.channel, NULL);
    Grpc__Health__V1__HealthListRequest request = GRPC__HEALTH__V1__HEALTH_LIST_REQUEST__INIT;
    const Grpc__Health__V1__HealthListResponse *response;
    weir_code code = grpc_health_v1_Health_List(call, &request, &response);

    if (code == WEIR_OK) {
        *out_count = response->n_statuses;
        assert_string_equal(response->statuses[0]->key, "");
        assert_int_equal(response->statuses[0]->value->status, WEIR_HEALTH_NOT_SERVING);
    }
    weir_call_free(call);
    return code;
}

static void
test_list(void **state)
{
    char name[16];
    size_t count = 0;

    (void)state;
    for (int i = 0; i < 99; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        set(fixture.health, name, i == 50 ? WEIR_HEALTH_NOT_SERVING : WEIR_HEALTH_SERVING);
    }
    assert_int_equal(list(&count), WEIR_OK);
    assert_int_equal(count, 100);
    set(fixture.health, "one more", WEIR_HEALTH_SERVING);
    assert_int_equal(list(&count), WEIR_RESOURCE_EXHAUSTED);
}

/* What one client has seen. */
struct watching {
    pthread_t thread;
    const char *service;
    atomic_int last;
    atomic_uint count;
    weir_code code;
    char why[WEIR_HEALTH_WHY];
};

static bool
note(void *arg, enum weir_health_status status)
{
    struct watching *watching = arg;

    atomic_store(&watching->last, status);
    atomic_fetch_add(&watching->count, 1);
    return true;
}

static void *
watch(void *arg)
{
    struct watching *watching = arg;
    weir_loop *loop;
    weir_channel *channel = connect_on(&loop);

    watching->code = weir_health_watch(
        channel, watching->service, 100 * WEIR_SECOND, note, watching, watching->why);
    weir_channel_free(channel);
    weir_loop_free(loop);
    return NULL;
}

static void
start_watching(struct watching *watching, const char *service)
{
    *watching = (struct watching){.service = service};
    atomic_init(&watching->last, -1);
    assert_int_equal(pthread_create(&watching->thread, NULL, watch, watching), 0);
}

#define WATCHERS 12

/* On connections of both loops; told from this thread. */
static void
test_watch(void **state)
{
    struct watching watching[WATCHERS], whole;

    (void)state;
    start_watching(&whole, "");
    for (int i = 0; i < WATCHERS; i++)
        start_watching(&watching[i], "late");
    for (int i = 0; i < WATCHERS; i++)
        EVENTUALLY(atomic_load(&watching[i].last) == WEIR_HEALTH_SERVICE_UNKNOWN);
    for (int round = 0; round < 20; round++) {
        enum weir_health_status status =
            round % 2 == 0 ? WEIR_HEALTH_NOT_SERVING : WEIR_HEALTH_SERVING;

        set(fixture.health, "late", status);
        set(fixture.health, "late", status); /* no change */
        for (int i = 0; i < WATCHERS; i++)
            EVENTUALLY(atomic_load(&watching[i].last) == (int)status);
        EVENTUALLY(atomic_load(&whole.last) == (int)status);
    }
    weir_health_shutdown(fixture.health);
    for (int i = 0; i < WATCHERS; i++)
        EVENTUALLY(atomic_load(&watching[i].last) == WEIR_HEALTH_NOT_SERVING);
    weir_server_drain(fixture.running.server, 100 * WEIR_SECOND);
    for (int i = 0; i < WATCHERS; i++) {
        pthread_join(watching[i].thread, NULL);
        assert_int_equal(watching[i].last, WEIR_HEALTH_NOT_SERVING);
        assert_int_equal(watching[i].count, 22);
        assert_int_equal(watching[i].code, WEIR_UNAVAILABLE);
        assert_string_equal(watching[i].why, "the server closes this connection; call again");
    }
    pthread_join(whole.thread, NULL);
}

/* One that reads nothing holds up neither the others nor memory: it is shown the last status. */
static void
test_slow_watcher(void **state)
{
    struct watching quick;
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    set(fixture.health, "x", WEIR_HEALTH_SERVING);
    raw_connect(&raw, fixture.running.address);
    raw_greet(&raw, true, RAW_INITIAL_WINDOW, 7); /* room for one status */
    raw_field(&raw, ":method", "POST");
    raw_field(&raw, ":scheme", "http");
    raw_field(&raw, ":path", "/grpc.health.v1.Health/Watch");
    raw_field(&raw, ":authority", "a");
    raw_field(&raw, "content-type", "application/grpc");
    raw_field(&raw, "te", "trailers");
    raw_headers(&raw, RAW_END_HEADERS, 1);
    raw_frame(&raw, RAW_DATA, RAW_END_STREAM, 1, "\0\0\0\0\3\x0a\1x", 8);
    raw_answer(&raw, 1, 7, &answer);
    assert_memory_equal(buf_head(&answer.data), "\0\0\0\0\2\x08\1", 7);
    raw_answer_free(&answer);
    start_watching(&quick, "x");
    for (int i = 0; i < 1001; i++)
        set(fixture.health, "x", i % 2 == 0 ? WEIR_HEALTH_NOT_SERVING : WEIR_HEALTH_SERVING);
    EVENTUALLY(atomic_load(&quick.last) == WEIR_HEALTH_NOT_SERVING);
    raw_number(&raw, RAW_WINDOW_UPDATE, 1, 1000);
    raw_answer(&raw, 1, 7, &answer);
    assert_true(buf_len(&answer.data) >= 7);
    assert_memory_equal(buf_head(&answer.data), "\0\0\0\0\2\x08\2", 7);
    raw_answer_free(&answer);
    raw_close(&raw);
    weir_server_drain(fixture.running.server, 100 * WEIR_SECOND);
    pthread_join(quick.thread, NULL);
    assert_int_equal(quick.code, WEIR_UNAVAILABLE);
}

/* Clients that go away while they are parked leave nothing behind; running_stop looks. */
static void
test_watchers_leave(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        weir_loop *loop;
        weir_channel *channel = connect_on(&loop);
        struct watching watching = {.count = 0};

        assert_int_equal(
            weir_health_watch(channel, "x", 5 * WEIR_MILLISECOND, note, &watching, watching.why),
            WEIR_DEADLINE_EXCEEDED);
        weir_channel_free(channel);
        weir_loop_free(loop);
        set(fixture.health, "x", i % 2 == 0 ? WEIR_HEALTH_NOT_SERVING : WEIR_HEALTH_SERVING);
    }
}

/* ---- checkers ---- */

struct subject {
    atomic_bool works, hangs;
    atomic_uint checks;
    atomic_uint found_good, found_bad; /* checks that ended so */
    atomic_uint told_good, told_bad;
    pthread_mutex_t lock;
    char why[WEIR_HEALTH_WHY];
};

static bool
look_at(void *self, char why[WEIR_HEALTH_WHY])
{
    struct subject *subject = self;

    atomic_fetch_add(&subject->checks, 1);
    while (atomic_load(&subject->hangs))
        usleep(1000);
    bool works = atomic_load(&subject->works);
    if (!works)
        snprintf(why, WEIR_HEALTH_WHY, "gone away");
    atomic_fetch_add(works ? &subject->found_good : &subject->found_bad, 1);
    return works;
}

static void
told(void *self, const char *name, bool works, const char *why)
{
    struct subject *subject = self;

    assert_string_equal(name, "database");
    pthread_mutex_lock(&subject->lock);
    snprintf(subject->why, sizeof(subject->why), "%s", why);
    pthread_mutex_unlock(&subject->lock);
    atomic_fetch_add(works ? &subject->told_good : &subject->told_bad, 1);
}

static weir_health *
start_checker(struct subject *subject, struct weir_health_checker checker)
{
    weir_health *health = new_health();

    *subject = (struct subject){.checks = 0};
    atomic_init(&subject->works, true);
    pthread_mutex_init(&subject->lock, NULL);
    checker.name = "database";
    checker.check = look_at;
    checker.self = subject;
    assert_int_equal(weir_health_add(health, &checker), WEIR_OK);
    assert_int_equal(weir_health_require(health, "users", "database"), WEIR_OK);
    assert_status(health, "users", WEIR_HEALTH_NOT_SERVING); /* nothing is known yet */
    weir_health_observe(health, told, subject);
    assert_int_equal(weir_health_start(health), WEIR_OK);
    return health;
}

/* Nothing is due for half a minute, but a real operation fails. */
static void
test_suspect(void **state)
{
    struct subject subject;
    weir_health *health = start_checker(
        &subject, (struct weir_health_checker){.failing_interval = 10 * WEIR_MILLISECOND});

    (void)state;
    assert_status(health, "database", WEIR_HEALTH_SERVING);
    assert_status(health, "users", WEIR_HEALTH_SERVING);
    assert_int_equal(subject.checks, 1);
    assert_int_equal(subject.told_good + subject.told_bad, 0);
    atomic_store(&subject.works, false);
    EVENTUALLY((weir_health_suspect(health, "database"),
        weir_health_status(health, "database") == WEIR_HEALTH_NOT_SERVING));
    assert_status(health, "users", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "", WEIR_HEALTH_NOT_SERVING);
    EVENTUALLY(atomic_load(&subject.told_bad) == 1);
    pthread_mutex_lock(&subject.lock);
    assert_string_equal(subject.why, "gone away");
    pthread_mutex_unlock(&subject.lock);
    EVENTUALLY(atomic_load(&subject.checks) > 4);
    atomic_store(&subject.works, true);
    EVENTUALLY(weir_health_status(health, "users") == WEIR_HEALTH_SERVING);
    EVENTUALLY(atomic_load(&subject.told_good) == 1);
    assert_int_equal(subject.told_bad, 1);
    for (int i = 0; i < 1000; i++)
        weir_health_suspect(health, "nobody");
    weir_health_free(health);
}

/* What runs already began before the operation failed, so another check follows. */
static void
test_suspect_while_checking(void **state)
{
    struct subject subject;
    weir_health *health = start_checker(&subject,
        (struct weir_health_checker){.interval = 3600 * WEIR_SECOND, .timeout = 60 * WEIR_SECOND});

    (void)state;
    atomic_store(&subject.hangs, true);
    weir_health_suspect(health, "database");
    EVENTUALLY(atomic_load(&subject.checks) == 2);
    weir_health_suspect(health, "database");
    atomic_store(&subject.hangs, false);
    EVENTUALLY(atomic_load(&subject.checks) == 3);
    assert_status(health, "database", WEIR_HEALTH_SERVING);
    weir_health_free(health);
}

/* Two checkers whose observer, on the manager's own thread, suspects both. */
struct telling {
    weir_health *health;
    struct subject first, second;
};

static void
suspect_both(void *self, const char *name, bool works, const char *why)
{
    struct telling *telling = self;

    (void)name;
    (void)works;
    (void)why;
    weir_health_suspect(telling->health, "first");
    weir_health_suspect(telling->health, "second");
}

/* The manager tells of a change with its lock let go of. A suspicion of that moment is kept, for a
 * checker that it has passed already as for the one that it tells of. */
static void
test_suspect_while_telling(void **state)
{
    struct telling telling = {.health = new_health()};
    const struct weir_health_checker first = {
        .name = "first", .check = look_at, .self = &telling.first, .interval = 3600 * WEIR_SECOND};
    const struct weir_health_checker second = {.name = "second",
        .check = look_at,
        .self = &telling.second,
        .interval = 3600 * WEIR_SECOND,
        .failing_interval = 5 * WEIR_MILLISECOND};

    (void)state;
    atomic_init(&telling.first.works, true);
    assert_int_equal(weir_health_add(telling.health, &first), WEIR_OK);
    assert_int_equal(weir_health_add(telling.health, &second), WEIR_OK);
    weir_health_observe(telling.health, suspect_both, &telling);
    assert_int_equal(weir_health_start(telling.health), WEIR_OK);
    EVENTUALLY(atomic_load(&telling.first.checks) == 2);
    atomic_store(&telling.second.works, true);
    EVENTUALLY(weir_health_status(telling.health, "second") == WEIR_HEALTH_SERVING);
    unsigned checks = atomic_load(&telling.second.checks);
    EVENTUALLY(atomic_load(&telling.second.checks) > checks);
    EVENTUALLY(atomic_load(&telling.first.checks) == 3);
    weir_health_free(telling.health);
}

static void
test_thresholds(void **state)
{
    struct subject subject;
    weir_health *health =
        start_checker(&subject, (struct weir_health_checker){.interval = 5 * WEIR_MILLISECOND,
                                    .failing_interval = 5 * WEIR_MILLISECOND,
                                    .failures = 3,
                                    .successes = 4});
    unsigned before;

    (void)state;
    atomic_store(&subject.works, false);
    EVENTUALLY(weir_health_status(health, "database") == WEIR_HEALTH_NOT_SERVING);
    assert_true(atomic_load(&subject.found_bad) >= 3);
    before = atomic_load(&subject.found_good); /* and none of them is under way */
    atomic_store(&subject.works, true);
    EVENTUALLY(weir_health_status(health, "database") == WEIR_HEALTH_SERVING);
    assert_true(atomic_load(&subject.found_good) >= before + 4);
    weir_health_free(health);
}

/* The first check may be late as well, on a machine that is busy; the next is made because it is
 * asked for. */
static void
test_hanging(void **state)
{
    struct subject subject;
    weir_health *health =
        start_checker(&subject, (struct weir_health_checker){.interval = 3600 * WEIR_SECOND,
                                    .failing_interval = 5 * WEIR_MILLISECOND,
                                    .timeout = 300 * WEIR_MILLISECOND});
    unsigned before;

    (void)state;
    EVENTUALLY(weir_health_status(health, "database") == WEIR_HEALTH_SERVING);
    before = atomic_load(&subject.told_bad);
    atomic_store(&subject.hangs, true);
    weir_health_suspect(health, "database");
    EVENTUALLY(weir_health_status(health, "database") == WEIR_HEALTH_NOT_SERVING);
    EVENTUALLY(atomic_load(&subject.told_bad) == before + 1);
    pthread_mutex_lock(&subject.lock);
    assert_string_equal(subject.why, "no answer within 300 ms");
    pthread_mutex_unlock(&subject.lock);
    atomic_store(&subject.hangs, false);
    EVENTUALLY(weir_health_status(health, "database") == WEIR_HEALTH_SERVING);
    weir_health_free(health);
}

static void
test_optional(void **state)
{
    weir_health *health = new_health();
    struct subject subject = {.checks = 0};
    struct weir_health_disk full = {".", UINT64_MAX}, good = {".", 1}, none = {"/nonexistent", 1};
    const struct weir_health_checker checkers[] = {
        {.name = "cache", .check = look_at, .self = &subject, .optional = true},
        {.name = "disk", .check = weir_health_disk_check, .self = &good},
        {.name = "full", .check = weir_health_disk_check, .self = &full, .optional = true},
        {.name = "none", .check = weir_health_disk_check, .self = &none, .optional = true}};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(weir_health_add(health, &checkers[i]), WEIR_OK);
    assert_int_equal(weir_health_start(health), WEIR_OK);
    assert_status(health, "cache", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "disk", WEIR_HEALTH_SERVING);
    assert_status(health, "full", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "none", WEIR_HEALTH_NOT_SERVING);
    assert_status(health, "", WEIR_HEALTH_SERVING);
    weir_health_free(health);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test_setup_teardown(test_check, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_list, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_watch, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_slow_watcher, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_watchers_leave, open_fixture, close_fixture),
        cmocka_unit_test(test_suspect),
        cmocka_unit_test(test_suspect_while_checking),
        cmocka_unit_test(test_suspect_while_telling),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_hanging),
        cmocka_unit_test(test_optional),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
