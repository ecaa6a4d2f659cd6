/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that look at how servers do: the fewest calls, the load they tell, the share that fails.
 */
#include "kinds.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (100 * WEIR_SECOND)
#define SERVERS 3

/* What each server does besides answering; its interceptor finds it by its `running`. */
struct habit {
    struct running running;
    int64_t delay;
    double utilization, calls_per_second; /* 0: tells nothing */
    atomic_bool fails;                    /* every other call */
    atomic_uint calls;
};

struct fleet {
    struct habit habits[SERVERS];
    size_t count;
    char target[256];
    weir_loop *loop;
    weir_channel *channel;
};

/* Two numbers of an OrcaLoadReport: 1, cpu_utilization, and 6, rps_fractional. */
static weir_code
tell_load(weir_call *call, double utilization, double calls_per_second)
{
    uint8_t report[18] = {1 << 3 | 1};

    memcpy(report + 1, &utilization, 8);
    report[9] = 6 << 3 | 1;
    memcpy(report + 10, &calls_per_second, 8);
    return weir_call_add_trailer(
        call, "endpoint-load-metrics-bin", (weir_str){(const char *)report, sizeof(report)});
}

static weir_code
behave(void *self, weir_call *call, weir_next *next)
{
    struct habit *habit = container_of((struct running *)self, struct habit, running);
    unsigned number = atomic_fetch_add(&habit->calls, 1);

    if (habit->delay > 0)
        WEIR_TRY(weir_call_sleep(call, habit->delay));
    if (habit->utilization > 0)
        WEIR_TRY(tell_load(call, habit->utilization, habit->calls_per_second));
    if (atomic_load(&habit->fails) && number % 2 == 0)
        return weir_fail(call, WEIR_INTERNAL, "as it does");
    return weir_proceed(next, call);
}

static void
open_fleet(struct fleet *fleet, size_t count, const struct weir_channel_options *options)
{
    size_t len = 0;

    fleet->count = count;
    for (size_t i = 0; i < count; i++) {
        running_start(&fleet->habits[i].running, "127.0.0.1:0", NULL, behave);
        len += (size_t)snprintf(fleet->target + len, sizeof(fleet->target) - len, "%s%s",
            i == 0 ? "ipv4:" : ",", fleet->habits[i].running.address);
    }
    assert_int_equal(weir_loop_new(&fleet->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(fleet->loop, fleet->target, options, &fleet->channel), WEIR_OK);
}

static void
close_fleet(struct fleet *fleet)
{
    weir_channel_free(fleet->channel);
    weir_loop_free(fleet->loop);
    for (size_t i = 0; i < fleet->count; i++)
        running_stop(&fleet->habits[i].running, PATIENCE);
}

static weir_code
call(weir_channel *channel)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    weir_call *one = weir_call_new(channel, NULL);
    weir_code code;

    weir_call_set_timeout(one, PATIENCE);
    code = rpctest_Test_Unary(one, &request, &response);
    weir_call_free(one);
    return code;
}

static unsigned
calls(const struct fleet *fleet, size_t server)
{
    return atomic_load(&fleet->habits[server].calls);
}

static void
await_all(const struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++) {
        while (calls(fleet, i) == 0)
            (void)!call(fleet->channel);
    }
}

static void
forget_calls(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        atomic_store(&fleet->habits[i].calls, 0);
}

/* ---- least_request ---- */

struct caller {
    pthread_t thread;
    weir_channel *channel;
    unsigned count;
};

static void *
call_often(void *arg)
{
    const struct caller *caller = arg;

    for (unsigned i = 0; i < caller->count; i++)
        assert_int_equal(call(caller->channel), WEIR_OK);
    return NULL;
}

static void
least_request_prefers_the_fast_one(void **state)
{
    const struct weir_channel_options options = {.balancer = "least_request"};
    struct fleet fleet = {
        .habits = {{.delay = WEIR_MILLISECOND}, {.delay = 40 * WEIR_MILLISECOND}}};
    struct caller callers[4];

    (void)state;
    open_fleet(&fleet, 2, &options);
    await_all(&fleet);
    forget_calls(&fleet);
    for (size_t i = 0; i < COUNT(callers); i++) {
        callers[i] = (struct caller){.channel = fleet.channel, .count = 50};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (size_t i = 0; i < COUNT(callers); i++)
        pthread_join(callers[i].thread, NULL);
    assert_int_equal(calls(&fleet, 0) + calls(&fleet, 1), 200);
    assert_true(calls(&fleet, 0) > 3 * calls(&fleet, 1));
    close_fleet(&fleet);
}

static void
least_request_is_fair_among_equals(void **state)
{
    const struct weir_channel_options options = {.balancer = "least_request"};
    struct fleet fleet = {.count = 0};

    (void)state;
    open_fleet(&fleet, 3, &options);
    await_all(&fleet);
    forget_calls(&fleet);
    for (int i = 0; i < 900; i++)
        assert_int_equal(call(fleet.channel), WEIR_OK);
    for (size_t i = 0; i < 3; i++)
        assert_in_range(calls(&fleet, i), 200, 400); /* 300 and seven standard deviations */
    close_fleet(&fleet);
}

/* ---- weighted_round_robin ---- */

static void
nobody_tells_anything(void **state)
{
    const struct weir_channel_options options = {.balancer = "weighted_round_robin"};
    struct fleet fleet = {.count = 0};

    (void)state;
    open_fleet(&fleet, 3, &options);
    await_all(&fleet);
    forget_calls(&fleet);
    for (int i = 0; i < 300; i++)
        assert_int_equal(call(fleet.channel), WEIR_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(calls(&fleet, i), 100);
    close_fleet(&fleet);
}

static void
call_all(struct fleet *fleet, unsigned count)
{
    forget_calls(fleet);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(call(fleet->channel), WEIR_OK);
}

/* Of 700 calls each server had half as many as the one before it. */
static bool
are_halved(const struct fleet *fleet)
{
    bool are = true;

    for (unsigned i = 0; i < 3; i++)
        are = are && calls(fleet, i) >= (400u >> i) - 4 && calls(fleet, i) <= (400u >> i) + 4;
    return are;
}

/* 100 calls a second at 20 % of the CPU, at 40 % and at 80 %: 4 to 2 to 1, once what a server tells
 * is ten seconds old. */
static void
weights_follow_the_load(void **state)
{
    const struct weir_channel_options options = {.balancer = "weighted_round_robin"};
    struct fleet fleet = {.habits = {{.utilization = 0.2, .calls_per_second = 100},
                              {.utilization = 0.4, .calls_per_second = 100},
                              {.utilization = 0.8, .calls_per_second = 100}}};
    int64_t until = weir_now() + PATIENCE;

    (void)state;
    open_fleet(&fleet, 3, &options);
    await_all(&fleet);
    do {
        assert_true(weir_now() < until);
        usleep(100 * 1000);
        call_all(&fleet, 14);
    } while (calls(&fleet, 0) < 7);
    do { /* one of the others may not be ten seconds old yet */
        assert_true(weir_now() < until);
        call_all(&fleet, 700);
    } while (!are_halved(&fleet));
    close_fleet(&fleet);
}

/* What one server tells counts at once. */
static const struct weir_value weighted_options = {
    .kind = WEIR_VALUE_TEXT, .name = "blackoutPeriod", .text = "0s"};
static const struct weir_value weighted = {.kind = WEIR_VALUE_OBJECT,
    .name = "weighted_round_robin",
    .items = &weighted_options,
    .count = 1};
static const struct weir_value balancers = {
    .kind = WEIR_VALUE_OBJECT, .items = &weighted, .count = 1};

/* Weights that no double can hold, and some whose sum none can. */
static void
absurd_loads_do_no_harm(void **state)
{
    const struct weir_service_config config = {.balancers = &balancers};
    const struct weir_channel_options options = {.service_config = &config};
    struct fleet fleet = {.habits = {{.utilization = 1e-300, .calls_per_second = 1e300},
                              {.utilization = 1, .calls_per_second = 1.5e308},
                              {.utilization = 1, .calls_per_second = 1.5e308}}};
    int64_t until;

    (void)state;
    open_fleet(&fleet, 3, &options);
    await_all(&fleet);
    until = weir_now() + 3 * WEIR_SECOND;
    while (weir_now() < until) { /* until the weights were looked at */
        for (int i = 0; i < 30; i++)
            assert_int_equal(call(fleet.channel), WEIR_OK);
    }
    forget_calls(&fleet);
    for (int i = 0; i < 300; i++)
        assert_int_equal(call(fleet.channel), WEIR_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(calls(&fleet, i), 100);
    close_fleet(&fleet);
}

/* ---- outlier detection ---- */

static void
calls_for(const struct fleet *fleet, int64_t duration)
{
    int64_t until = weir_now() + duration;

    while (weir_now() < until)
        (void)!call(fleet->channel);
}

/* Does the server get none of these calls? */
static bool
is_left_out(const struct fleet *fleet, size_t server)
{
    unsigned before = calls(fleet, server);

    for (int i = 0; i < 30; i++)
        (void)!call(fleet->channel);
    return calls(fleet, server) == before;
}

static void
outliers_leave_and_return(void **state)
{
    const struct weir_outlier_options outliers = {.interval = 100 * WEIR_MILLISECOND,
        .ejection_time = 300 * WEIR_MILLISECOND,
        .max_ejection_time = 300 * WEIR_MILLISECOND,
        .ignore_success_rate = true,
        .failure_threshold = 40,
        .failure_minimum_hosts = 2,
        .failure_request_volume = 10};
    const struct weir_channel_options options = {.balancer = "round_robin", .outliers = &outliers};
    struct fleet fleet = {.count = 0};
    int64_t until = weir_now() + PATIENCE;

    (void)state;
    open_fleet(&fleet, 3, &options);
    await_all(&fleet);
    atomic_store(&fleet.habits[1].fails, true);
    while (!is_left_out(&fleet, 1))
        assert_true(weir_now() < until);
    atomic_store(&fleet.habits[1].fails, false);
    while (is_left_out(&fleet, 1))
        assert_true(weir_now() < until);
    calls_for(&fleet, 500 * WEIR_MILLISECOND); /* and it stays */
    assert_false(is_left_out(&fleet, 1));
    close_fleet(&fleet);
}

static void
success_rates_are_compared(void **state)
{
    const struct weir_outlier_options outliers = {.interval = 100 * WEIR_MILLISECOND,
        .ejection_time = PATIENCE,
        .ignore_failure_percentage = true,
        .success_stdev_factor = 1000,
        .success_minimum_hosts = 3,
        .success_request_volume = 10};
    const struct weir_channel_options options = {.balancer = "round_robin", .outliers = &outliers};
    struct fleet fleet = {.habits = {{.fails = true}}};
    int64_t until = weir_now() + PATIENCE;

    (void)state;
    open_fleet(&fleet, 3, &options);
    await_all(&fleet);
    while (!is_left_out(&fleet, 0))
        assert_true(weir_now() < until);
    for (int i = 0; i < 100; i++)
        assert_int_equal(call(fleet.channel), WEIR_OK);
    close_fleet(&fleet);
}

/* A server that hedges outran has not failed. */
static void
lost_hedges_are_no_failures(void **state)
{
    static const struct weir_hedge_options both = {.attempts = 2, .unthrottled = true};
    const struct weir_outlier_options outliers = {.interval = 50 * WEIR_MILLISECOND,
        .ejection_time = 10 * PATIENCE,
        .max_ejection_time = 10 * PATIENCE,
        .max_ejection_percent = 50,
        .ignore_success_rate = true,
        .failure_threshold = 50,
        .failure_minimum_hosts = 2,
        .failure_request_volume = 5};
    const struct weir_channel_options options = {.balancer = "round_robin", .outliers = &outliers};
    struct fleet fleet = {.habits = {{.delay = 0}, {.delay = 100 * WEIR_MILLISECOND}}};
    int64_t until = weir_now() + PATIENCE;
    weir_hedge *hedge;

    (void)state;
    open_fleet(&fleet, 2, &options);
    assert_int_equal(weir_hedge_new(&both, &hedge), WEIR_OK);
    assert_int_equal(weir_channel_wrap(fleet.channel, weir_hedge_calls, hedge), WEIR_OK);
    await_all(&fleet);
    for (int i = 0; i < 60; i++) { /* over several judgements */
        assert_int_equal(call(fleet.channel), WEIR_OK);
        usleep(5000);
    }
    while (is_left_out(&fleet, 1)) /* or has not heard yet of calls that were over soon */
        assert_true(weir_now() < until);
    close_fleet(&fleet);
    weir_hedge_free(hedge);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_request_prefers_the_fast_one),
        cmocka_unit_test(least_request_is_fair_among_equals),
        cmocka_unit_test(nobody_tells_anything),
        cmocka_unit_test(weights_follow_the_load),
        cmocka_unit_test(absurd_loads_do_no_harm),
        cmocka_unit_test(outliers_leave_and_return),
        cmocka_unit_test(success_rates_are_compared),
        cmocka_unit_test(lost_hedges_are_no_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
