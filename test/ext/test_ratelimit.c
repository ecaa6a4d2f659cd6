/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets on a clock of the test's own: how many calls pass, whom a flood touches, how much
 * memory a million clients take. */
#include "google/rpc/error_details.pb-c.h"
#include "ratelimit/buckets.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <weir/details.h>
#include <weir/health.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE (60 * WEIR_SECOND)
#define GET "/user.UserService/GetUser"
#define LOGIN "/user.UserService/Login"
#define CHECK "/grpc.health.v1.Health/Check"
#define WATCH "/grpc.health.v1.Health/Watch"

static int64_t now;

static int64_t
read_clock(void *self)
{
    (void)self;
    return now;
}

static weir_ratelimit *
limit_of(double rate, uint32_t burst, size_t memory)
{
    const struct weir_ratelimit_options options = {
        .rate = {rate, burst}, .memory = memory, .clock = read_clock};
    weir_ratelimit *limit;

    now = 1000 * WEIR_SECOND;
    assert_int_equal(weir_ratelimit_new(&options, &limit), WEIR_OK);
    return limit;
}

static struct weir_address
ipv4(uint32_t number)
{
    return (struct weir_address){.family = WEIR_ADDRESS_IPV4,
        .bytes = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
            (uint8_t)number}};
}

/* How many of the calls that come every `step` nanoseconds of a minute pass. */
static unsigned
accepted_in_a_minute(weir_ratelimit *limit, struct weir_address client, int64_t step)
{
    unsigned accepted = 0;

    for (int64_t end = now + MINUTE; now < end; now += step)
        accepted += weir_ratelimit_take(limit, &client, GET) == 0;
    return accepted;
}

static void
a_minute_passes_rate_times_time_and_burst(void **state)
{
    static const struct weir_rate rates[] = {{100, 200}, {7, 1}, {0.5, 3}, {333.3, 50}, {1000, 0}};

    (void)state;
    for (size_t i = 0; i < COUNT(rates); i++) {
        weir_ratelimit *limit = limit_of(rates[i].rate, rates[i].burst, 0);
        double burst = rates[i].burst == 0 ? rates[i].rate : rates[i].burst;
        double expected = rates[i].rate * 60 + burst;
        unsigned accepted = accepted_in_a_minute(limit, ipv4(1), 500 * WEIR_MICROSECOND);

        assert_true(accepted >= expected * 0.99 - 1 && accepted <= expected * 1.01);
        weir_ratelimit_free(limit);
    }
}

static void
below_the_rate_everything_passes(void **state)
{
    weir_ratelimit *limit = limit_of(100, 1, 0);

    (void)state;
    assert_int_equal(accepted_in_a_minute(limit, ipv4(1), 10 * WEIR_MILLISECOND), 6000);
    weir_ratelimit_free(limit);
}

static void
who_is_refused_learns_how_long(void **state)
{
    weir_ratelimit *limit = limit_of(10, 2, 0);
    struct weir_address client = ipv4(1);
    int64_t wait;

    (void)state;
    assert_int_equal(weir_ratelimit_take(limit, &client, GET), 0);
    assert_int_equal(weir_ratelimit_take(limit, &client, GET), 0);
    wait = weir_ratelimit_take(limit, &client, GET);
    assert_int_equal(wait, 100 * WEIR_MILLISECOND);
    now += wait - 1;
    assert_int_equal(weir_ratelimit_take(limit, &client, GET), 1);
    now += 1;
    assert_int_equal(weir_ratelimit_take(limit, &client, GET), 0);
    weir_ratelimit_free(limit);
}

static void
a_flood_does_not_touch_others(void **state)
{
    weir_ratelimit *limit = limit_of(10, 10, 0);
    struct weir_address flood = ipv4(0x7f000001), other = ipv4(0x7f000002);
    unsigned passed = 0;

    (void)state;
    for (int64_t end = now + MINUTE; now < end; now += 100 * WEIR_MILLISECOND) {
        for (unsigned i = 0; i < 100; i++)
            passed += weir_ratelimit_take(limit, &flood, GET) == 0;
        assert_int_equal(weir_ratelimit_take(limit, &other, GET), 0);
    }
    assert_in_range(passed, 600, 610);
    weir_ratelimit_free(limit);
}

static void
clients_are_told_apart_as_networks_give_addresses(void **state)
{
    const struct weir_address v6 = {.family = WEIR_ADDRESS_IPV6, .bytes = {0x20, 1, 0xd, 0xb8}};
    struct weir_address same = v6, other = v6, unix_socket = {.family = WEIR_ADDRESS_UNIX};
    struct weir_address zero = {.family = WEIR_ADDRESS_IPV6};
    struct weir_address v4 = ipv4(0);
    weir_ratelimit *limit = limit_of(1, 1, 0);

    (void)state;
    same.bytes[15] = 1; /* of the same /64 */
    other.bytes[7] = 1;
    assert_int_equal(weir_ratelimit_take(limit, &v6, GET), 0);
    assert_true(weir_ratelimit_take(limit, &same, GET) > 0);
    assert_int_equal(weir_ratelimit_take(limit, &other, GET), 0);
    assert_int_equal(weir_ratelimit_take(limit, &unix_socket, GET), 0);
    assert_true(weir_ratelimit_take(limit, &unix_socket, GET) > 0);
    assert_int_equal(weir_ratelimit_take(limit, &zero, GET), 0);
    assert_int_equal(weir_ratelimit_take(limit, &v4, GET), 0);
    weir_ratelimit_free(limit);
}

static void
methods_may_have_rates_of_their_own(void **state)
{
    const struct weir_method_rate methods[] = {{LOGIN, {1, 2}}, {"/a/B", {0, 0}}, {"/z/Z", {5, 1}}};
    const struct weir_ratelimit_options options = {
        .rate = {10, 3}, .methods = methods, .method_count = COUNT(methods), .clock = read_clock};
    struct weir_address client = ipv4(1);
    weir_ratelimit *limit;

    (void)state;
    assert_int_equal(weir_ratelimit_new(&options, &limit), WEIR_OK);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(weir_ratelimit_take(limit, &client, LOGIN), 0);
    assert_int_equal(weir_ratelimit_take(limit, &client, LOGIN), WEIR_SECOND);
    for (unsigned i = 0; i < 3; i++) /* those without one share theirs */
        assert_int_equal(weir_ratelimit_take(limit, &client, i == 0 ? GET : "/other/Method"), 0);
    assert_true(weir_ratelimit_take(limit, &client, GET) > 0);
    for (unsigned i = 0; i < 1000; i++) /* 0 is no limit */
        assert_int_equal(weir_ratelimit_take(limit, &client, "/a/B"), 0);
    weir_ratelimit_free(limit);
}

static void
health_checks_take_no_tokens(void **state)
{
    static const char *const others[] = {"/grpc.health.v1.Health/", "/grpc.health.v1.Healthy/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"};
    const struct weir_method_rate methods[] = {{WATCH, {1, 2}}};
    const struct weir_ratelimit_options options = {
        .rate = {10, 3}, .methods = methods, .method_count = 1, .clock = read_clock};
    struct weir_address client = ipv4(1);
    weir_ratelimit *limit;

    (void)state;
    assert_int_equal(weir_ratelimit_new(&options, &limit), WEIR_OK);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(weir_ratelimit_take(limit, &client, CHECK), 0);
    for (size_t i = 0; i < COUNT(others); i++) /* the whole bucket is there, for what is none */
        assert_int_equal(weir_ratelimit_take(limit, &client, others[i]), 0);
    assert_true(weir_ratelimit_take(limit, &client, GET) > 0);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_true(weir_ratelimit_take(limit, &client, others[i]) > 0);
    assert_int_equal(weir_ratelimit_take(limit, &client, CHECK), 0);
    for (unsigned i = 0; i < 2; i++) /* a rate of its own holds */
        assert_int_equal(weir_ratelimit_take(limit, &client, WATCH), 0);
    assert_int_equal(weir_ratelimit_take(limit, &client, WATCH), WEIR_SECOND);
    weir_ratelimit_free(limit);
}

static void
a_million_clients_take_the_stated_memory(void **state)
{
    const size_t memory = (size_t)2 << 20;
    weir_ratelimit *limit = limit_of(10, 20, memory);
    struct weir_ratelimit_counters counters;
    unsigned refused = 0;

    (void)state;
    assert_true(weir_ratelimit_memory(limit) <= memory);
    assert_true(weir_ratelimit_memory(limit) * 2 > memory);
    for (uint32_t i = 0; i < 1000000; i++) { /* each once, in ten seconds */
        struct weir_address client = ipv4(i);

        refused += weir_ratelimit_take(limit, &client, GET) != 0;
        now += 10 * WEIR_MICROSECOND;
    }
    assert_int_equal(refused, 0);
    assert_true(weir_ratelimit_memory(limit) <= memory);
    weir_ratelimit_count(limit, &counters);
    assert_true(counters.crowded < 100); /* some sets get more than their share */
    weir_ratelimit_free(limit);
}

/* Nobody gets more than his due by making the table too small for all: neither by his own bucket's
 * loss nor by that of another. */
static void
crowding_gains_nothing(void **state)
{
    weir_ratelimit *limit = limit_of(1, 5, 1024); /* 8 sets of 7 */
    struct weir_address greedy = ipv4(1);
    struct weir_ratelimit_counters counters;
    unsigned passed = 0;

    (void)state;
    for (int64_t end = now + MINUTE; now < end; now += 50 * WEIR_MILLISECOND) {
        passed += weir_ratelimit_take(limit, &greedy, GET) == 0;
        for (uint32_t i = 0; i < 200; i++) {
            struct weir_address helper = ipv4(1000 + i);

            (void)weir_ratelimit_take(limit, &helper, GET);
        }
    }
    assert_true(passed <= 65);
    weir_ratelimit_count(limit, &counters);
    assert_true(counters.crowded > 0);
    weir_ratelimit_free(limit);
}

/* All together, they get no more than the buckets that there are. */
static void
a_crowd_shares_what_there_is(void **state)
{
    weir_ratelimit *limit = limit_of(1, 5, 1024);
    unsigned passed = 0;

    (void)state;
    for (int64_t end = now + MINUTE; now < end; now += 100 * WEIR_MILLISECOND) {
        for (uint32_t i = 0; i < 250; i++) {
            struct weir_address client = ipv4(i);

            passed += weir_ratelimit_take(limit, &client, GET) == 0;
        }
    }
    assert_true(passed <= 56 * 65);
    assert_true(passed >= 56 * 60);
    weir_ratelimit_free(limit);
}

static void
bad_options_are_refused(void **state)
{
    static const struct weir_rate bad[] = {{-1, 0}, {2e9, 0}, {1e-9, 0}, {0.001, UINT32_MAX},
        {(double)__builtin_nanf(""), 1}, {(double)__builtin_inff(), 1}};
    const struct weir_method_rate twice[] = {{GET, {1, 1}}, {LOGIN, {1, 1}}, {GET, {2, 2}}};
    struct weir_ratelimit_options options = {.methods = twice, .method_count = COUNT(twice)};
    weir_ratelimit *limit = NULL;

    (void)state;
    assert_int_equal(weir_ratelimit_new(&options, &limit), WEIR_INVALID_ARGUMENT);
    for (size_t i = 0; i < COUNT(bad); i++) {
        options = (struct weir_ratelimit_options){.rate = bad[i]};
        assert_int_equal(weir_ratelimit_new(&options, &limit), WEIR_INVALID_ARGUMENT);
    }
    assert_null(limit);
    weir_ratelimit_free(NULL);
}

/* ---- several threads on one bucket ---- */

struct taker {
    weir_ratelimit *limit;
    unsigned passed;
};

static void *
take_many(void *arg)
{
    struct taker *taker = arg;

    for (uint32_t i = 0; i < 25000; i++) {
        struct weir_address client = ipv4(i % 3);

        taker->passed += weir_ratelimit_take(taker->limit, &client, GET) == 0;
    }
    return NULL;
}

static void
loops_share_the_limit(void **state)
{
    weir_ratelimit *limit = limit_of(1, 5000, 0); /* the clock stands still */
    struct taker takers[4] = {{limit, 0}, {limit, 0}, {limit, 0}, {limit, 0}};
    pthread_t threads[4];
    unsigned passed = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
        passed += takers[i].passed;
    }
    assert_int_equal(passed, 3 * 5000);
    weir_ratelimit_free(limit);
}

/* ---- as an interceptor ---- */

static weir_ratelimit *shared;

static weir_code
intercept(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_ratelimit_intercept(shared, call, next);
}

static weir_code
call_once(weir_channel *channel, weir_call **out_call)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code = rpctest_Test_Unary(call, &request, &response);

    *out_call = call;
    return code;
}

static void
check_calls(weir_channel *channel, const char *pushback)
{
    ProtobufCMessage *detail = NULL;
    const Google__Rpc__RetryInfo *info;
    weir_call *call;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(call_once(channel, &call), WEIR_OK);
        weir_call_free(call);
    }
    assert_int_equal(call_once(channel, &call), WEIR_RESOURCE_EXHAUSTED);
    assert_string_equal(weir_call_message(call), "rate limit exceeded");
    assert_true(
        weir_str_equal(weir_call_trailer(call, "grpc-retry-pushback-ms"), weir_str_of(pushback)));
    assert_true(weir_call_detail(call, &google__rpc__retry_info__descriptor, &detail));
    info = (const Google__Rpc__RetryInfo *)(const void *)detail;
    assert_int_equal((info->retry_delay->seconds * WEIR_SECOND + info->retry_delay->nanos +
                         WEIR_MILLISECOND - 1) /
                         WEIR_MILLISECOND,
        strtol(pushback, NULL, 10));
    weir_call_free(call);
}

static void
with_server(const char *address, void (*check)(weir_channel *channel, const char *pushback),
    const char *pushback)
{
    struct running running;
    weir_channel *channel;
    weir_loop *loop;

    running_start(&running, address, NULL, intercept);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    check(channel, pushback);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, 10 * WEIR_SECOND);
}

static void
a_call_too_many_is_told_when_to_come_again(void **state)
{
    struct weir_ratelimit_counters counters;
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "unix:/tmp/weir-rate-%d.sock", (int)getpid());
    shared = limit_of(3, 2, 0);
    with_server("127.0.0.1:0", check_calls, "334"); /* a third of a second, rounded up */
    with_server("[::1]:0", check_calls, "334");
    with_server(path, check_calls, "334");
    weir_ratelimit_count(shared, &counters);
    assert_int_equal(counters.limited, 3);
    assert_int_equal(counters.fallback, 0);
    weir_ratelimit_free(shared);
}

/* ---- buckets elsewhere ---- */

struct elsewhere {
    unsigned asked;
    bool down;
    uint64_t client;
    char method[64];
    double rate;
};

static weir_code
take_elsewhere(void *self, weir_call *call, const struct weir_ratelimit_key *key,
    const struct weir_rate *rate, int64_t *out_wait)
{
    struct elsewhere *elsewhere = self;

    (void)call;
    elsewhere->client = key->client;
    elsewhere->rate = rate->rate;
    snprintf(
        elsewhere->method, sizeof(elsewhere->method), "%s", key->method == NULL ? "" : key->method);
    if (elsewhere->down)
        return WEIR_UNAVAILABLE;
    *out_wait = ++elsewhere->asked <= 2 ? 0 : 5 * WEIR_MILLISECOND;
    return WEIR_OK;
}

static void
a_backend_decides_while_it_can(void **state)
{
    static const struct weir_ratelimit_backend backend = {take_elsewhere};
    const struct weir_method_rate methods[] = {{"/rpctest.Test/Unary", {1, 2}}};
    struct elsewhere elsewhere = {0};
    const struct weir_ratelimit_options options = {.methods = methods,
        .method_count = 1,
        .backend = &backend,
        .backend_self = &elsewhere,
        .clock = read_clock};
    struct weir_ratelimit_counters counters;

    (void)state;
    assert_int_equal(weir_ratelimit_new(&options, &shared), WEIR_OK);
    with_server("127.0.0.1:0", check_calls, "5");
    assert_int_equal(elsewhere.asked, 3);
    assert_string_equal(elsewhere.method, "/rpctest.Test/Unary");
    assert_true(elsewhere.rate == 1);
    elsewhere.down = true;
    with_server("127.0.0.1:0", check_calls, "1000"); /* our own buckets are still full */
    weir_ratelimit_count(shared, &counters);
    assert_int_equal(counters.fallback, 3);
    assert_int_equal(counters.limited, 2);
    weir_ratelimit_free(shared);
}

static weir_health *health;

static void
offer_health(struct running *running)
{
    assert_int_equal(weir_health_offer(health, running->server), WEIR_OK);
}

static void
a_backend_is_not_asked_about_health_checks(void **state)
{
    static const struct weir_ratelimit_backend backend = {take_elsewhere};
    static weir_interceptor *const interceptors[] = {intercept, NULL};
    struct elsewhere elsewhere = {0};
    const struct weir_ratelimit_options options = {
        .rate = {1, 2}, .backend = &backend, .backend_self = &elsewhere, .clock = read_clock};
    struct running running;
    weir_channel *channel;
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_health_new(&health), WEIR_OK);
    assert_int_equal(weir_ratelimit_new(&options, &shared), WEIR_OK);
    running_start_prepared(&running, "127.0.0.1:0", NULL, interceptors, offer_health);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(weir_health_check(channel, "", 100 * WEIR_SECOND, NULL), WEIR_OK);
    assert_int_equal(elsewhere.asked, 0);
    check_calls(channel, "5");
    assert_int_equal(elsewhere.asked, 3);
    assert_int_equal(weir_health_check(channel, "", 100 * WEIR_SECOND, NULL), WEIR_OK);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, 10 * WEIR_SECOND);
    weir_ratelimit_free(shared);
    weir_health_free(health);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_passes_rate_times_time_and_burst),
        cmocka_unit_test(below_the_rate_everything_passes),
        cmocka_unit_test(who_is_refused_learns_how_long),
        cmocka_unit_test(a_flood_does_not_touch_others),
        cmocka_unit_test(clients_are_told_apart_as_networks_give_addresses),
        cmocka_unit_test(methods_may_have_rates_of_their_own),
        cmocka_unit_test(health_checks_take_no_tokens),
        cmocka_unit_test(a_million_clients_take_the_stated_memory),
        cmocka_unit_test(crowding_gains_nothing),
        cmocka_unit_test(a_crowd_shares_what_there_is),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(loops_share_the_limit),
        cmocka_unit_test(a_call_too_many_is_told_when_to_come_again),
        cmocka_unit_test(a_backend_decides_while_it_can),
        cmocka_unit_test(a_backend_is_not_asked_about_health_checks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
