/* SPDX-License-Identifier: Apache-2.0 */
/* The concurrency limit over a server that the test simulates on a clock of its own, and over a
 * real one that is overloaded. */
#include "concurrency/control.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- a simulated server: workers that take calls one by one, first come, first served ---- */

#define WORKERS 4
#define LINE 20000

struct simulation {
    struct control control;
    int64_t now;
    int64_t service; /* nanoseconds of work a call */
    int64_t free_at[WORKERS];
    struct {
        int64_t started, done;
    } line[LINE]; /* calls that were let in, in the order of their ends */
    size_t first, last;
};

struct outcome {
    unsigned offered, accepted, shed;
    int64_t worst, p99;
};

static void
simulation_init(struct simulation *simulation, int64_t service)
{
    memset(simulation, 0, sizeof(*simulation));
    simulation->control.least = 2;
    simulation->control.most = 10000;
    simulation->control.target = 32;
    simulation->control.tolerance = 2;
    simulation->control.unnoticed = WEIR_MILLISECOND;
    simulation->service = service;
    simulation->now = 1;
    control_start(&simulation->control, 1);
}

static void
finish_one(struct simulation *simulation)
{
    size_t at = simulation->first++ % LINE;

    control_leave(&simulation->control, "/a.B/C", simulation->line[at].started,
        simulation->line[at].done, CONTROL_ALL);
}

/* All calls take the same, so they end in the order in which they came. */
static int64_t
take_in(struct simulation *simulation)
{
    unsigned soonest = 0;
    int64_t done;

    for (unsigned i = 1; i < WORKERS; i++) {
        if (simulation->free_at[i] < simulation->free_at[soonest])
            soonest = i;
    }
    done = simulation->free_at[soonest] > simulation->now ? simulation->free_at[soonest]
                                                          : simulation->now;
    done += simulation->service;
    simulation->free_at[soonest] = done;
    simulation->line[simulation->last % LINE].started = simulation->now;
    simulation->line[simulation->last++ % LINE].done = done;
    return done - simulation->now;
}

static int
compare_times(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* `load` times what the workers can do, for some seconds. */
static struct outcome
simulate(struct simulation *simulation, double load, int seconds)
{
    static int64_t latencies[1000000];
    struct outcome outcome = {0};
    int64_t between = (int64_t)((double)simulation->service / WORKERS / load);

    for (int64_t end = simulation->now + seconds * WEIR_SECOND; simulation->now < end;
         simulation->now += between) {
        while (simulation->first < simulation->last &&
               simulation->line[simulation->first % LINE].done <= simulation->now)
            finish_one(simulation);
        outcome.offered++;
        if (control_enter(&simulation->control))
            latencies[outcome.accepted++] = take_in(simulation);
        else
            outcome.shed++;
    }
    qsort(latencies, outcome.accepted, sizeof(latencies[0]), compare_times);
    outcome.p99 = latencies[(size_t)outcome.accepted * 99 / 100];
    outcome.worst = latencies[outcome.accepted - 1];
    return outcome;
}

static void
without_load_nothing_is_shed(void **state)
{
    static struct simulation simulation;
    struct outcome outcome;

    (void)state;
    simulation_init(&simulation, 2 * WEIR_MILLISECOND);
    outcome = simulate(&simulation, 0.8, 30);
    assert_int_equal(outcome.shed, 0);
    assert_int_equal(outcome.worst, 2 * WEIR_MILLISECOND);
}

static void
check_overload(struct simulation *simulation, double load)
{
    int64_t service = simulation->service;
    struct outcome outcome;

    (void)simulate(simulation, load, 5); /* it finds its limit */
    outcome = simulate(simulation, load, 60);
    assert_true(outcome.p99 <= 3 * service);
    assert_true(outcome.shed > outcome.offered / 2);
    /* Nothing of what the workers can do is lost but what probes cost. */
    assert_true((double)outcome.accepted * load >= 0.95 * outcome.offered);
}

static void
overload_is_shed_before_latency_grows(void **state)
{
    static const int64_t services[] = {
        2 * WEIR_MILLISECOND, 20 * WEIR_MILLISECOND, 150 * WEIR_MILLISECOND};

    (void)state;
    for (size_t i = 0; i < COUNT(services); i++) {
        static struct simulation simulation;

        simulation_init(&simulation, services[i]);
        (void)simulate(&simulation, 0.5, 5);
        check_overload(&simulation, 3);
    }
}

static void
it_is_found_under_load_from_the_start(void **state)
{
    static struct simulation simulation;

    (void)state;
    simulation_init(&simulation, 5 * WEIR_MILLISECOND);
    (void)simulate(&simulation, 3, 20);
    check_overload(&simulation, 3);
}

static void
after_overload_all_pass_again(void **state)
{
    static struct simulation simulation;
    struct outcome outcome;

    (void)state;
    simulation_init(&simulation, 5 * WEIR_MILLISECOND);
    (void)simulate(&simulation, 10, 30);
    (void)simulate(&simulation, 0.8, 1);
    outcome = simulate(&simulation, 0.8, 60);
    assert_int_equal(outcome.shed, 0);
}

static void
a_server_that_becomes_slower_is_learned_anew(void **state)
{
    static struct simulation simulation;
    struct outcome outcome;

    (void)state;
    simulation_init(&simulation, 2 * WEIR_MILLISECOND);
    (void)simulate(&simulation, 0.5, 5);
    simulation.service = 20 * WEIR_MILLISECOND;
    (void)simulate(&simulation, 0.9, 60);
    outcome = simulate(&simulation, 0.9, 30);
    assert_true(outcome.shed <= outcome.offered / 100); /* by probes */
    check_overload(&simulation, 3);
}

/* What nobody notices is no reason to shed. */
static void
quick_calls_may_vary(void **state)
{
    static struct simulation simulation;

    (void)state;
    simulation_init(&simulation, 1);
    for (unsigned i = 0; i < 100000; i++) {
        int64_t latency = i % 10 == 0 ? 500 * WEIR_MICROSECOND : 5 * WEIR_MICROSECOND;

        assert_true(control_enter(&simulation.control));
        control_leave(
            &simulation.control, "/a.B/C", simulation.now, simulation.now + latency, CONTROL_ALL);
        simulation.now += WEIR_MILLISECOND;
    }
    assert_int_equal(simulation.control.shed, 0);
    assert_true(simulation.control.target >= 32);
}

/* Methods are measured each by its own: a slow one among quick ones is no overload. */
static void
methods_may_differ(void **state)
{
    static struct simulation simulation;

    (void)state;
    simulation_init(&simulation, 1);
    for (unsigned i = 0; i < 100000; i++) {
        bool slow = i % 20 == 0;
        char name[32] = "/a.B/Quick";

        if (slow) /* more of them than have a place of their own */
            snprintf(name, sizeof(name), "/a.B/Slow%u", i / 20 % 300);
        assert_true(control_enter(&simulation.control));
        control_leave(&simulation.control, name, simulation.now,
            simulation.now + (slow ? 100 : 2) * WEIR_MILLISECOND, CONTROL_ALL);
        simulation.now += WEIR_MILLISECOND;
    }
    assert_true(simulation.control.target >= 32);
}

/* A deadline that its client chose says nothing of what a method takes at least. */
static void
hasty_clients_do_not_lower_the_limit(void **state)
{
    static struct simulation simulation;

    (void)state;
    simulation_init(&simulation, 1);
    for (unsigned i = 0; i < 100000; i++) {
        bool hasty = i % 10 == 0;

        assert_true(control_enter(&simulation.control));
        control_leave(&simulation.control, "/a.B/C", simulation.now,
            simulation.now + (hasty ? 1 : 20) * WEIR_MILLISECOND,
            hasty ? CONTROL_AT_LEAST : CONTROL_ALL);
        simulation.now += WEIR_MILLISECOND;
    }
    assert_int_equal(simulation.control.shed, 0);
    assert_true(simulation.control.target >= 32);
}

/* ---- a real server ---- */

static weir_concurrency *limit;

static weir_code
intercept(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_concurrency_intercept(limit, call, next);
}

struct caller {
    weir_loop *loop;
    weir_channel *channel;
    unsigned calls, ok, shed;
};

static weir_code
call_once(weir_channel *channel)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    request.text = (char *)"sleep:20";
    weir_call_set_timeout(call, 100 * WEIR_SECOND);
    code = rpctest_Test_Unary(call, &request, &response);
    if (code == WEIR_UNAVAILABLE)
        assert_string_equal(weir_call_message(call), "overloaded");
    weir_call_free(call);
    return code;
}

static void
caller_init(struct caller *caller, const char *address, unsigned calls)
{
    *caller = (struct caller){.calls = calls};
    assert_int_equal(weir_loop_new(&caller->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(caller->loop, address, NULL, &caller->channel), WEIR_OK);
}

static void
caller_fini(struct caller *caller)
{
    weir_channel_free(caller->channel);
    weir_loop_free(caller->loop);
}

static void *
call_many(void *arg)
{
    struct caller *caller = arg;

    for (unsigned i = 0; i < caller->calls; i++) {
        weir_code code = call_once(caller->channel);

        caller->ok += code == WEIR_OK;
        caller->shed += code == WEIR_UNAVAILABLE;
    }
    return NULL;
}

/* Every call ends, some are shed, and when it is over all pass again. */
static void
calls_too_many_are_shed_and_none_hangs(void **state)
{
    const struct weir_concurrency_options options = {.most = 4, .initial = 4};
    struct weir_concurrency_counters counters;
    struct caller callers[16], last;
    struct running running;
    pthread_t threads[16];
    unsigned ok = 0, shed = 0;

    (void)state;
    assert_int_equal(weir_concurrency_new(&options, &limit), WEIR_OK);
    running_start(&running, "127.0.0.1:0", NULL, intercept);
    for (size_t i = 0; i < COUNT(callers); i++) {
        caller_init(&callers[i], running.address, 30);
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, &callers[i]), 0);
    }
    for (size_t i = 0; i < COUNT(callers); i++) {
        pthread_join(threads[i], NULL);
        ok += callers[i].ok;
        shed += callers[i].shed;
        caller_fini(&callers[i]);
    }
    assert_int_equal(ok + shed, 16 * 30);
    assert_true(ok > 0 && shed > 0);
    caller_init(&last, running.address, 5);
    call_many(&last);
    caller_fini(&last);
    assert_int_equal(last.ok, 5);
    weir_concurrency_count(limit, &counters);
    assert_int_equal(counters.shed, shed);
    assert_int_equal(counters.in_flight, 0);
    running_stop(&running, 10 * WEIR_SECOND);
    weir_concurrency_free(limit);
}

/* ---- who is not asked ---- */

static const char *const skipped[] = {"/rpctest.Test/Unary"};
static const char *const skipped_service[] = {"/x.Y/", "/rpctest.Test/"};

static void
check_skip(const char *const *skip, size_t count, weir_code expected)
{
    const struct weir_concurrency_options options = {
        .least = 1, .most = 1, .initial = 1, .skip = skip, .skip_count = count};
    struct running running;
    struct weir_concurrency_counters counters;
    weir_channel *channel;
    weir_loop *loop;
    weir_call *waiting;
    struct rpctest_Test_Talk_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;

    assert_int_equal(weir_concurrency_new(&options, &limit), WEIR_OK);
    atomic_store(&((struct control *)(void *)limit)->in_flight, 1); /* it is full */
    running_start(&running, "127.0.0.1:0", NULL, intercept);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    waiting = weir_call_new(channel, NULL);
    assert_int_equal(rpctest_Test_Unary(waiting, &request, &response), expected);
    weir_call_free(waiting);
    waiting = weir_call_new(channel, NULL);
    if (count != 1) { /* streams are asked as others are */
        assert_int_equal(rpctest_Test_Talk(waiting, &stream), WEIR_OK);
        assert_int_equal(rpctest_Test_Talk_client_finish(stream), expected);
    }
    weir_call_free(waiting);
    weir_concurrency_count(limit, &counters);
    assert_int_equal(counters.in_flight, 1);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, 10 * WEIR_SECOND);
    weir_concurrency_free(limit);
}

static void
some_are_let_in_always(void **state)
{
    (void)state;
    check_skip(NULL, 0, WEIR_UNAVAILABLE);
    check_skip(skipped, 1, WEIR_OK);
    check_skip(skipped_service, 2, WEIR_OK);
}

static void
bad_options_are_refused(void **state)
{
    static const struct weir_concurrency_options bad[] = {{.tolerance = 1}, {.tolerance = -1},
        {.tolerance = (double)__builtin_nanf("")}, {.least = 10, .most = 5}, {.initial = 1},
        {.initial = 20000}, {.unnoticed = -1}};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        weir_concurrency *none = NULL;

        assert_int_equal(weir_concurrency_new(&bad[i], &none), WEIR_INVALID_ARGUMENT);
        assert_null(none);
    }
    assert_int_equal(weir_concurrency_new(NULL, &limit), WEIR_OK);
    weir_concurrency_free(limit);
    weir_concurrency_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_load_nothing_is_shed),
        cmocka_unit_test(overload_is_shed_before_latency_grows),
        cmocka_unit_test(it_is_found_under_load_from_the_start),
        cmocka_unit_test(after_overload_all_pass_again),
        cmocka_unit_test(a_server_that_becomes_slower_is_learned_anew),
        cmocka_unit_test(quick_calls_may_vary),
        cmocka_unit_test(methods_may_differ),
        cmocka_unit_test(hasty_clients_do_not_lower_the_limit),
        cmocka_unit_test(calls_too_many_are_shed_and_none_hangs),
        cmocka_unit_test(some_are_let_in_always),
        cmocka_unit_test(bad_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
