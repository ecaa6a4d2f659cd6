/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports from a server to its client, in trailers and on a stream. */
#include "service.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <weir/orca.h>

#include <cmocka.h>

struct fixture {
    weir_server *server;
    weir_orca *orca;
    pthread_t thread;
    weir_loop *loop;
    weir_channel *channel;
    const struct weir_orca_report *of_call; /* what the handler reports */
    bool with_server;                       /* and whether it adds the server's */
};

static const struct weir_orca_metric costs[] = {{"cost", 3456.32}};
static const struct weir_orca_metric shares[] = {{"util", 0.30499}, {"disk \xC3\xBC", 1e-300}};
static const struct weir_orca_metric names[] = {{"queue", 12}, {"", -1}};

static const struct weir_orca_report whole = {
    .cpu_utilization = 0.8210,
    .memory_utilization = 0.5847,
    .application_utilization = 2.5,
    .calls_per_second = 1e9,
    .errors_per_second = 0.25,
    .request_cost = costs,
    .request_cost_count = 1,
    .utilization = shares,
    .utilization_count = 2,
    .named = names,
    .named_count = 2,
};

static weir_code
report(void *self, weir_call *call, weir_next *next)
{
    struct fixture *fixture = self;
    bool wanted = strcmp(weir_call_method(call), "/rpctest.Test/Unary") == 0 &&
                  (fixture->of_call != NULL || fixture->with_server);

    if (wanted)
        WEIR_TRY(weir_orca_report_call(
            call, fixture->with_server ? fixture->orca : NULL, fixture->of_call));
    return weir_proceed(next, call);
}

static weir_code
answer(void *self, weir_call *call, const Rpctest__Payload *request, Rpctest__Payload *out_response)
{
    (void)self;
    (void)call;
    (void)request;
    (void)out_response;
    return WEIR_OK;
}

static const struct rpctest_Test_handlers handlers = {.Unary = answer};

static void *
serve(void *server)
{
    assert_int_equal(weir_server_run(server), WEIR_OK);
    return NULL;
}

static int
start_with(void **state, int64_t min_interval)
{
    struct fixture *it = calloc(1, sizeof(*it));
    const struct weir_orca_options options = {.min_interval = min_interval};

    assert_int_equal(weir_orca_new(&options, &it->orca), WEIR_OK);
    assert_int_equal(weir_server_new(NULL, &it->server), WEIR_OK);
    assert_int_equal(weir_orca_add(it->server, it->orca), WEIR_OK);
    assert_int_equal(rpctest_Test_add(it->server, &handlers, NULL), WEIR_OK);
    assert_int_equal(weir_server_wrap(it->server, report, it), WEIR_OK);
    assert_int_equal(weir_server_listen(it->server, "127.0.0.1:0"), WEIR_OK);
    assert_int_equal(pthread_create(&it->thread, NULL, serve, it->server), 0);
    assert_int_equal(weir_loop_new(&it->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(it->loop, weir_server_address(it->server, 0), NULL, &it->channel),
        WEIR_OK);
    *state = it;
    return 0;
}

static int
start(void **state)
{
    return start_with(state, WEIR_MILLISECOND);
}

/* Streams report once. */
static int
start_reticent(void **state)
{
    return start_with(state, WEIR_NEVER);
}

static int
stop(void **state)
{
    struct fixture *it = *state;

    weir_channel_free(it->channel);
    weir_loop_free(it->loop);
    weir_server_drain(it->server, 10 * WEIR_SECOND);
    pthread_join(it->thread, NULL);
    weir_server_free(it->server);
    weir_orca_free(it->orca);
    free(it);
    return 0;
}

static void
assert_metrics(const struct weir_orca_metric *found, size_t found_count,
    const struct weir_orca_metric *expected, size_t count)
{
    assert_int_equal(found_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(found[i].name, expected[i].name);
        assert_true(found[i].value == expected[i].value);
    }
}

static void
assert_report(const struct weir_orca_report *found, const struct weir_orca_report *expected)
{
    assert_true(found->cpu_utilization == expected->cpu_utilization);
    assert_true(found->memory_utilization == expected->memory_utilization);
    assert_true(found->application_utilization == expected->application_utilization);
    assert_true(found->calls_per_second == expected->calls_per_second);
    assert_true(found->errors_per_second == expected->errors_per_second);
    assert_metrics(found->request_cost, found->request_cost_count, expected->request_cost,
        expected->request_cost_count);
    assert_metrics(found->utilization, found->utilization_count, expected->utilization,
        expected->utilization_count);
    assert_metrics(found->named, found->named_count, expected->named, expected->named_count);
}

/* ---- in trailers ---- */

static void
ask(struct fixture *it, weir_code expected_code, const struct weir_orca_report *expected)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    struct weir_orca_report found;
    weir_call *call = weir_call_new(it->channel, NULL);

    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
    assert_int_equal(weir_orca_of_call(call, &found), expected_code);
    if (expected_code == WEIR_OK)
        assert_report(&found, expected);
    weir_call_free(call);
}

static void
calls_report(void **state)
{
    struct fixture *it = *state;
    struct weir_orca_report empty = {0}, of_call = {0};

    ask(it, WEIR_NOT_FOUND, NULL);
    it->of_call = &whole;
    ask(it, WEIR_OK, &whole);
    it->of_call = &empty;
    ask(it, WEIR_OK, &empty);

    /* Of the server's report comes what the call's does not tell, and never the cost of a call. */
    it->with_server = true;
    ask(it, WEIR_OK, &empty);
    assert_int_equal(weir_orca_tell(it->orca, &whole), WEIR_OK);
    of_call.cpu_utilization = 0.125;
    it->of_call = &of_call;
    empty = whole;
    empty.cpu_utilization = 0.125;
    empty.request_cost_count = 0;
    ask(it, WEIR_OK, &empty);
    it->of_call = NULL;
    empty.cpu_utilization = whole.cpu_utilization;
    ask(it, WEIR_OK, &empty);
}

static void
too_many_names_are_left_out(void **state)
{
    struct fixture *it = *state;
    struct weir_orca_metric many[WEIR_ORCA_METRICS_MAX + 1];
    struct weir_orca_report asked = {.named = many, .named_count = WEIR_ORCA_METRICS_MAX + 1};
    struct weir_orca_report expected = {.named = many, .named_count = WEIR_ORCA_METRICS_MAX};

    for (size_t i = 0; i < WEIR_ORCA_METRICS_MAX + 1; i++)
        many[i] = (struct weir_orca_metric){"same", (double)i};
    it->of_call = &asked;
    ask(it, WEIR_OK, &expected);
}

/* ---- on a stream ---- */

static void
streams_report(void **state)
{
    struct fixture *it = *state;
    struct weir_orca_report found, expected = whole, empty = {0};
    weir_call *call = weir_call_new(it->channel, NULL);

    expected.request_cost_count = 0;
    assert_int_equal(weir_orca_open(call, 0), WEIR_OK);
    assert_true(weir_orca_receive(call, &found));
    assert_report(&found, &empty);
    assert_int_equal(weir_orca_tell(it->orca, &whole), WEIR_OK);
    do
        assert_true(weir_orca_receive(call, &found));
    while (found.cpu_utilization == 0);
    assert_report(&found, &expected);
    weir_call_cancel(call);
    while (weir_orca_receive(call, &found))
        continue;
    assert_int_equal(weir_call_code(call), WEIR_CANCELLED);
    weir_call_free(call);
}

/* One that would not report again does not hold the drain up. */
static void
streams_end_with_a_drain(void **state)
{
    struct fixture *it = *state;
    struct weir_orca_report found;
    weir_call *call = weir_call_new(it->channel, NULL);

    assert_int_equal(weir_orca_open(call, WEIR_SECOND), WEIR_OK);
    assert_true(weir_orca_receive(call, &found));
    weir_server_drain(it->server, 100 * WEIR_SECOND);
    assert_false(weir_orca_receive(call, &found));
    assert_int_equal(weir_call_code(call), WEIR_UNAVAILABLE);
    weir_call_free(call);
}

/* ---- for balancers ---- */

static const struct weir_value weighted_options[] = {
    {.kind = WEIR_VALUE_BOOL, .name = "enableOobLoadReport", .truth = true},
    {.kind = WEIR_VALUE_TEXT, .name = "oobReportingPeriod", .text = "0.01s"},
    {.kind = WEIR_VALUE_TEXT, .name = "blackoutPeriod", .text = "0s"},
    {.kind = WEIR_VALUE_TEXT, .name = "weightUpdatePeriod", .text = "0.1s"}};
static const struct weir_value weighted = {.kind = WEIR_VALUE_OBJECT,
    .name = "weighted_round_robin",
    .items = weighted_options,
    .count = 4};
static const struct weir_value balancers = {
    .kind = WEIR_VALUE_OBJECT, .items = &weighted, .count = 1};

static void
tell_load(const struct fixture *it, double utilization)
{
    const struct weir_orca_report report = {
        .cpu_utilization = utilization, .calls_per_second = 100, .named = names, .named_count = 2};

    assert_int_equal(weir_orca_tell(it->orca, &report), WEIR_OK);
}

/* Of so many calls, those that this server had. */
static unsigned
calls_at(weir_channel *channel, const struct fixture *it, unsigned calls)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    unsigned count = 0;

    while (calls-- > 0) {
        weir_call *call = weir_call_new(channel, NULL);

        assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
        count += strstr(weir_call_peer(call), weir_server_address(it->server, 0)) != NULL;
        weir_call_free(call);
    }
    return count;
}

/* What is told with answers does not count then. */
static void
balancers_hear_reports_beside_calls(void **state)
{
    const struct weir_orca_report of_call = {.cpu_utilization = 0.01, .calls_per_second = 1e6};
    const struct weir_service_config config = {.balancers = &balancers};
    const struct weir_channel_options options = {.service_config = &config};
    struct fixture *it = *state, *other;
    void *second;
    weir_channel *channel;
    char target[128];

    assert_int_equal(start(&second), 0);
    other = second;
    other->of_call = &of_call;
    snprintf(target, sizeof(target), "%s,%s", weir_server_address(it->server, 0),
        weir_server_address(other->server, 0));
    assert_int_equal(weir_channel_new(it->loop, target, &options, &channel), WEIR_OK);
    tell_load(it, 0.2);
    tell_load(other, 0.8);
    EVENTUALLY(calls_at(channel, it, 50) == 40)
    tell_load(it, 0.8);
    EVENTUALLY(calls_at(channel, it, 50) == 25)
    tell_load(other, 0.2);
    EVENTUALLY(calls_at(channel, it, 50) == 10)
    weir_channel_free(channel);
    stop(&second);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_report, start, stop),
        cmocka_unit_test_setup_teardown(too_many_names_are_left_out, start, stop),
        cmocka_unit_test_setup_teardown(streams_report, start, stop),
        cmocka_unit_test_setup_teardown(streams_end_with_a_drain, start_reticent, stop),
        cmocka_unit_test_setup_teardown(balancers_hear_reports_beside_calls, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
