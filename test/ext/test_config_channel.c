/* SPDX-License-Identifier: Apache-2.0 */
/* Service configs that a resolver brings, in JSON, while calls go on. */
#include "kinds.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <weir/config.h>
#include <weir/connections.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (100 * WEIR_SECOND)
#define SERVERS 3

/* ---- a resolver that tells what the test says ---- */

struct told {
    weir_resolver *resolver;
    const char *const *addresses;
    size_t count;
    _Atomic(const char *) config;
    bool slow;
};

static void
tell(void *arg)
{
    struct told *told = arg;
    struct weir_endpoint endpoints[SERVERS] = {{.address = NULL}};

    for (size_t i = 0; i < told->count; i++)
        endpoints[i].address = told->addresses[i];
    assert_int_equal(
        weir_resolver_update(told->resolver, &(struct weir_resolution){.endpoints = endpoints,
                                                 .endpoint_count = told->count,
                                                 .service_config = told->config}),
        WEIR_OK);
}

static weir_code
open_told(void *registered, const struct weir_resolver_target *target, weir_resolver *resolver,
    void **out_self)
{
    struct told *told = registered;

    (void)target;
    told->resolver = resolver;
    *out_self = told;
    return WEIR_OK;
}

static weir_loop *shared_loop;

static void
resolve_told(void *self)
{
    struct told *told = self;

    if (told->slow)
        assert_int_equal(weir_loop_spawn(shared_loop, tell, told), WEIR_OK);
    else
        tell(told);
}

static void
close_told(void *self)
{
    ((struct told *)self)->resolver = NULL;
}

static const struct weir_resolver_type told_type = {
    .scheme = "told", .open = open_told, .resolve = resolve_told, .close = close_told};

/* ---- a policy that is particular about its options ---- */

static weir_code
configure(void *self, const struct weir_value *options, struct weir_value_error *error)
{
    int64_t size = 0;

    (void)self;
    return weir_value_read_integer(options, "size", 1, 9, &size, error);
}

static weir_subchannel *
pick_last(void *self, const struct weir_ready *ready, const weir_call *call)
{
    (void)self;
    (void)call;
    return ready->list[ready->count - 1];
}

static const struct weir_balancer_type picky = {
    .name = "picky", .configure = configure, .pick = pick_last};

/* ---- a channel to it ---- */

struct fixture {
    struct told told;
    weir_loop *loop;
    pthread_t thread;
    weir_catalog *catalog;
    weir_channel *channel;
    unsigned refused;
    char why[256];
};

static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static void
note_refusal(void *self, const char *why)
{
    struct fixture *fixture = self;

    fixture->refused++;
    snprintf(fixture->why, sizeof(fixture->why), "%s", why);
}

static void
open_fixture(struct fixture *fixture, const char *const *addresses, size_t count,
    const char *config, const struct weir_service_config *own)
{
    struct weir_channel_options options = {.service_config = own,
        .service_config_format = &weir_service_config_json,
        .service_config_refused = note_refusal,
        .service_config_refused_self = fixture};

    memset((void *)fixture, 0, sizeof(*fixture));
    fixture->told.addresses = addresses;
    fixture->told.count = count;
    fixture->told.config = config;
    assert_int_equal(weir_loop_new(&fixture->loop), WEIR_OK);
    shared_loop = fixture->loop;
    fixture->catalog = options.catalog = weir_catalog_new();
    assert_int_equal(
        weir_catalog_add_resolver(fixture->catalog, &told_type, &fixture->told), WEIR_OK);
    assert_int_equal(weir_catalog_add_balancer(fixture->catalog, &picky), WEIR_OK);
    assert_int_equal(
        weir_channel_new(fixture->loop, "told:servers", &options, &fixture->channel), WEIR_OK);
    assert_int_equal(pthread_create(&fixture->thread, NULL, turn, fixture->loop), 0);
}

static void
close_fixture(struct fixture *fixture)
{
    weir_channel_free(fixture->channel);
    weir_loop_stop(fixture->loop);
    pthread_join(fixture->thread, NULL);
    weir_loop_free(fixture->loop);
    weir_catalog_free(fixture->catalog);
}

struct change {
    struct fixture *fixture;
    weir_event *done;
};

static void
change_on_fiber(void *arg)
{
    struct change *change = arg;

    tell(&change->fixture->told);
    weir_event_set(change->done);
}

/* The resolver says so now. */
static void
change(struct fixture *fixture, const char *config)
{
    struct change change = {fixture, weir_event_new()};

    fixture->told.config = config;
    assert_int_equal(weir_loop_spawn(fixture->loop, change_on_fiber, &change), WEIR_OK);
    assert_int_equal(weir_event_wait(change.done, NULL), WEIR_OK);
    weir_event_unref(change.done);
}

#define RETRY                                                                               \
    "{\"methodConfig\": [{\"name\": [{}], \"retryPolicy\": {\"maxAttempts\": 3,"            \
    "\"initialBackoff\": \"0.001s\", \"maxBackoff\": \"0.001s\", \"backoffMultiplier\": 1," \
    "\"retryableStatusCodes\": [\"UNAVAILABLE\"]}}]}"
#define BAD "{\"methodConfig\": [{\"retryPolicy\": {\"maxAttempts\": 1}}]}"
#define BAD_WHY \
    "methodConfig[0].retryPolicy.maxAttempts: must be a whole number from 2 to 4294967295"

static const struct script_step down = {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE};

/* ---- methods ---- */

/* The first call waits for the resolver's word. */
static void
first_calls_are_made_as_the_resolver_says(void **state)
{
    static const struct script_step steps[] = {
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE}, {.act = SCRIPT_ANSWER}};

    (void)state;
    for (size_t i = 0; i < 2 * KINDS; i++) {
        struct kinds_outcome outcome;
        struct scripted server;
        struct fixture fixture;

        scripted_start(&server, steps, COUNT(steps));
        open_fixture(&fixture, (const char *const[]){server.address}, 1, RETRY, NULL);
        fixture.told.slow = i >= KINDS;
        outcome = kinds_call(fixture.channel, kinds[i % KINDS], PATIENCE);
        kinds_check_whole(&outcome, kinds[i % KINDS]);
        assert_int_equal(server.count, 2);
        assert_int_equal(fixture.refused, 0);
        close_fixture(&fixture);
        scripted_stop(&server);
    }
}

/* The config that a call has waited for may give it less time than it had. */
static void
first_calls_have_the_time_that_the_resolver_says(void **state)
{
    static const struct script_step silence = {.act = SCRIPT_SILENCE};
    int64_t until = weir_now() + PATIENCE;
    struct scripted server;
    struct fixture fixture;

    (void)state;
    scripted_start(&server, &silence, 1);
    open_fixture(&fixture, (const char *const[]){server.address}, 1,
        "{\"methodConfig\": [{\"name\": [{}], \"timeout\": \"0.1s\"}]}", NULL);
    fixture.told.slow = true;
    assert_int_equal(
        kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_DEADLINE_EXCEEDED);
    assert_true(weir_now() < until);
    close_fixture(&fixture);
    scripted_stop(&server);
}

/* Attempts that a call has now. */
static size_t
attempts(struct fixture *fixture, struct scripted *server)
{
    size_t before = server->count;

    assert_int_equal(kinds_call(fixture->channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    return server->count - before;
}

static void
the_last_good_one_is_in_force(void **state)
{
    static const struct weir_retry_options once = {
        .retries = 1, .initial_backoff = WEIR_MILLISECOND, .max_backoff = WEIR_MILLISECOND};
    static const struct weir_method_name all = {NULL, NULL};
    static const struct weir_method_config method = {
        .names = &all, .name_count = 1, .retry = &once};
    static const struct weir_service_config own = {.methods = &method, .method_count = 1};
    struct scripted server;
    struct fixture fixture;

    (void)state;
    scripted_start(&server, &down, 1);
    open_fixture(&fixture, (const char *const[]){server.address}, 1, BAD, &own);
    assert_int_equal(attempts(&fixture, &server), 2); /* the channel's own */
    assert_int_equal(fixture.refused, 1);
    assert_string_equal(fixture.why, BAD_WHY);
    change(&fixture, RETRY);
    assert_int_equal(attempts(&fixture, &server), 3);
    change(&fixture, BAD);
    assert_int_equal(fixture.refused, 2);
    change(&fixture, BAD); /* nothing new */
    assert_int_equal(fixture.refused, 2);
    assert_int_equal(attempts(&fixture, &server), 3);
    change(&fixture, "{");
    assert_int_equal(fixture.refused, 3);
    assert_int_equal(attempts(&fixture, &server), 3);
    change(&fixture, "{}");
    assert_int_equal(attempts(&fixture, &server), 1);
    change(&fixture, NULL);
    assert_int_equal(attempts(&fixture, &server), 2);
    close_fixture(&fixture);
    scripted_stop(&server);
}

/* ---- balancers ---- */

struct fleet {
    struct running servers[SERVERS];
    const char *addresses[SERVERS];
};

static void
open_fleet(struct fleet *fleet)
{
    memset((void *)fleet, 0, sizeof(*fleet));
    for (size_t i = 0; i < SERVERS; i++) {
        running_start(&fleet->servers[i], "127.0.0.1:0", NULL, NULL);
        fleet->addresses[i] = fleet->servers[i].address;
    }
}

static void
close_fleet(struct fleet *fleet)
{
    for (size_t i = 0; i < SERVERS; i++)
        running_stop(&fleet->servers[i], PATIENCE);
}

/* How many servers have one of so many calls, each of which goes well. */
static size_t
servers_used(struct fixture *fixture, struct fleet *fleet, int calls)
{
    unsigned before[SERVERS];
    size_t used = 0;

    for (size_t i = 0; i < SERVERS; i++)
        before[i] = atomic_load(&fleet->servers[i].seen.started);
    for (int i = 0; i < calls; i++)
        assert_int_equal(kinds_call(fixture->channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    for (size_t i = 0; i < SERVERS; i++)
        used += atomic_load(&fleet->servers[i].seen.started) > before[i];
    return used;
}

/* Until all are connected. */
static void
check_all_used(struct fixture *fixture, struct fleet *fleet)
{
    EVENTUALLY(servers_used(fixture, fleet, 9) == SERVERS)
}

static void
balancers_change_under_calls(void **state)
{
    struct fleet fleet;
    struct fixture fixture;

    (void)state;
    open_fleet(&fleet);
    open_fixture(&fixture, fleet.addresses, SERVERS, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(servers_used(&fixture, &fleet, 6), 1);
        change(
            &fixture, "{\"loadBalancingConfig\": [{\"unheard_of\": {}}, {\"round_robin\": {}}]}");
        check_all_used(&fixture, &fleet);
        change(&fixture, "{\"loadBalancingPolicy\": \"PICK_FIRST\"}");
    }
    assert_int_equal(fixture.refused, 0);
    close_fixture(&fixture);
    close_fleet(&fleet);
}

#define OUTLIERS(text) \
    "{\"loadBalancingConfig\": [{\"outlier_detection_experimental\": {" text "}}]}"
#define OUTLIERS_AT "loadBalancingConfig[0].outlier_detection_experimental."

static void
balancers_that_cannot_be_change_nothing(void **state)
{
    static const struct {
        const char *config, *why;
    } bad[] = {
        {"{\"loadBalancingConfig\": [{\"unheard_of\": {}}]}",
            "loadBalancingConfig: no balancer of these is known"},
        {"{\"loadBalancingPolicy\": \"unheard_of\"}",
            "loadBalancingPolicy: no balancer of these is known"},
        {"{\"loadBalancingConfig\": [{\"picky\": {\"size\": 10}}, {\"round_robin\": {}}]}",
            "loadBalancingConfig[0].picky.size: must be a whole number from 1 to 9"},
        {OUTLIERS(""), OUTLIERS_AT "childPolicy: no balancer in it is known"},
        {OUTLIERS("\"childPolicy\": [{\"unheard_of\": {}}]"),
            OUTLIERS_AT "childPolicy: no balancer in it is known"},
        {OUTLIERS("\"childPolicy\": [1]"),
            OUTLIERS_AT "childPolicy[0]: must be an object of one member, the balancer's name"},
        {OUTLIERS("\"interval\": \"-1s\""),
            OUTLIERS_AT "interval: must be a duration like \"1.5s\", not below zero"},
        {OUTLIERS("\"maxEjectionPercent\": 101"),
            OUTLIERS_AT "maxEjectionPercent: must be a whole number from 0 to 100"},
        {OUTLIERS("\"successRateEjection\": {\"stdevFactor\": -1}"), OUTLIERS_AT
            "successRateEjection.stdevFactor: must be a whole number from 0 to 4294967295"},
        {OUTLIERS("\"failurePercentageEjection\": {\"threshold\": 101}"), OUTLIERS_AT
            "failurePercentageEjection.threshold: must be a whole number from 0 to 100"},
        {"{\"loadBalancingConfig\": [{\"pick_first\": {\"shuffleAddressList\": 1}}]}",
            "loadBalancingConfig[0].pick_first.shuffleAddressList: must be true or false"},
    };
    struct fleet fleet;
    struct fixture fixture;

    (void)state;
    open_fleet(&fleet);
    open_fixture(
        &fixture, fleet.addresses, SERVERS, "{\"loadBalancingPolicy\": \"round_robin\"}", NULL);
    check_all_used(&fixture, &fleet);
    for (size_t i = 0; i < COUNT(bad); i++) {
        change(&fixture, bad[i].config);
        assert_int_equal(fixture.refused, i + 1);
        assert_string_equal(fixture.why, bad[i].why);
        assert_int_equal(servers_used(&fixture, &fleet, 9), SERVERS);
    }
    change(&fixture, "{\"loadBalancingConfig\": [{\"picky\": {\"size\": 9}}]}");
    EVENTUALLY(servers_used(&fixture, &fleet, 6) == 1)
    close_fixture(&fixture);
    close_fleet(&fleet);
}

static weir_code
fail_all(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    (void)next;
    return weir_fail(call, WEIR_INTERNAL, "out of order");
}

#define JUDGED "\"childPolicy\": [{\"unheard_of\": {}}, {\"round_robin\": {}}]"

#define SOON                                                         \
    "\"baseEjectionTime\": \"300s\", \"failurePercentageEjection\":" \
    "{\"threshold\": 50, \"minimumHosts\": 2, \"requestVolume\": 5}"

static unsigned
failures_of(struct fixture *fixture, int calls)
{
    unsigned failed = 0;

    for (int i = 0; i < calls; i++)
        failed += kinds_call(fixture->channel, WEIR_UNARY, PATIENCE).code != WEIR_OK;
    return failed;
}

/* A server that fails every call gets none after the first judgement. */
static void
check_left_out(const char *config)
{
    struct running good, bad;
    struct fixture fixture;
    unsigned in_a_row = 0;

    running_start(&good, "127.0.0.1:0", NULL, NULL);
    running_start(&bad, "127.0.0.1:0", NULL, fail_all);
    open_fixture(&fixture, (const char *const[]){good.address, bad.address}, 2, config, NULL);
    EVENTUALLY(
        (in_a_row = kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code == WEIR_OK ? in_a_row + 1
                                                                                      : 0) == 50)
    assert_int_equal(fixture.refused, 0);
    close_fixture(&fixture);
    running_stop(&good, PATIENCE);
    running_stop(&bad, PATIENCE);
}

static void
outliers_are_left_out(void **state)
{
    (void)state;
    check_left_out(
        OUTLIERS("\"interval\": \"0.1s\", \"maxEjectionPercent\": 50,"
                 "\"failurePercentageEjection\":"
                 "{\"threshold\": 50, \"minimumHosts\": 2, \"requestVolume\": 5}," JUDGED));
}

/* As soon as can be, of however many servers and calls, and however few have failed. */
static void
nothing_is_the_least_that_outliers_need(void **state)
{
    (void)state;
    check_left_out(
        OUTLIERS("\"interval\": \"0s\", \"maxEjectionPercent\": 50,"
                 "\"failurePercentageEjection\":"
                 "{\"threshold\": 0, \"minimumHosts\": 0, \"requestVolume\": 0}," JUDGED));
    check_left_out(
        OUTLIERS("\"interval\": \"0s\", \"maxEjectionPercent\": 50,"
                 "\"successRateEjection\":"
                 "{\"stdevFactor\": 0, \"minimumHosts\": 0, \"requestVolume\": 0}," JUDGED));
}

/* Until so many of a hundred calls fail, from least to most. */
static void
check_failures(struct fixture *fixture, unsigned least, unsigned most)
{
    unsigned failed;

    EVENTUALLY((failed = failures_of(fixture, 100), failed >= least && failed <= most))
}

/* The numbers of the channel's connections, which are two. */
static void
number_connections(struct fixture *fixture, uint64_t out_numbers[2])
{
    struct weir_connection list[3];
    size_t count = 0;

    assert_int_equal(weir_channel_connections(fixture->channel, 0, 0, 3, list, &count), WEIR_OK);
    assert_int_equal(count, 2);
    out_numbers[0] = list[0].number;
    out_numbers[1] = list[1].number;
}

/* Who is left out changes with how they are judged; the connections do not. */
static void
judges_change_under_calls(void **state)
{
    static const struct {
        const char *config;
        unsigned least, most;
    } steps[] = {
        {OUTLIERS("\"interval\": \"0.1s\", \"maxEjectionPercent\": 0," SOON "," JUDGED), 40, 60},
        {OUTLIERS("\"interval\": \"0.1s\", \"maxEjectionPercent\": 50," SOON "," JUDGED), 0, 0},
        {OUTLIERS(JUDGED), 40, 60},
        {OUTLIERS("\"interval\": \"0.1s\", \"maxEjectionPercent\": 50," SOON "," JUDGED), 0, 0},
        {"{\"loadBalancingConfig\": [{\"round_robin\": {}}]}", 40, 60},
    };
    struct running good, bad;
    struct fixture fixture;
    uint64_t before[2], after[2];

    (void)state;
    running_start(&good, "127.0.0.1:0", NULL, NULL);
    running_start(&bad, "127.0.0.1:0", NULL, fail_all);
    open_fixture(
        &fixture, (const char *const[]){good.address, bad.address}, 2, steps[0].config, NULL);
    check_failures(&fixture, steps[0].least, steps[0].most);
    number_connections(&fixture, before);
    for (size_t i = 1; i < COUNT(steps); i++) {
        change(&fixture, steps[i].config);
        check_failures(&fixture, steps[i].least, steps[i].most);
        number_connections(&fixture, after);
        assert_memory_equal(before, after, sizeof(before));
    }
    assert_int_equal(fixture.refused, 0);
    close_fixture(&fixture);
    running_stop(&good, PATIENCE);
    running_stop(&bad, PATIENCE);
}

/* What is 0 is not the default: nobody is ejected at all, or with no probability, or for any time.
 */
static void
zero_is_no_default_of_outliers(void **state)
{
    static const char *const configs[] = {
        OUTLIERS("\"interval\": \"0s\", \"maxEjectionPercent\": 0, \"failurePercentageEjection\":"
                 "{\"threshold\": 0, \"minimumHosts\": 0, \"requestVolume\": 0}," JUDGED),
        OUTLIERS(
            "\"interval\": \"0s\", \"failurePercentageEjection\": {\"threshold\": 0,"
            "\"enforcementPercentage\": 0, \"minimumHosts\": 0, \"requestVolume\": 0}," JUDGED),
        OUTLIERS("\"interval\": \"0s\", \"baseEjectionTime\": \"0s\", \"maxEjectionTime\": \"0s\","
                 "\"failurePercentageEjection\": {\"threshold\": 0,"
                 "\"minimumHosts\": 0, \"requestVolume\": 0}," JUDGED)};

    (void)state;
    for (size_t i = 0; i < COUNT(configs); i++) {
        struct running good, bad;
        struct fixture fixture;
        unsigned failed = 0;

        running_start(&good, "127.0.0.1:0", NULL, NULL);
        running_start(&bad, "127.0.0.1:0", NULL, fail_all);
        open_fixture(
            &fixture, (const char *const[]){good.address, bad.address}, 2, configs[i], NULL);
        EVENTUALLY(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code == WEIR_OK)
        EVENTUALLY(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code != WEIR_OK)
        for (int call = 0; call < 100; call++) {
            failed += kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code != WEIR_OK;
            usleep(1000);
        }
        assert_int_equal(fixture.refused, 0);
        assert_in_range(failed, 25, 75);
        close_fixture(&fixture);
        running_stop(&good, PATIENCE);
        running_stop(&bad, PATIENCE);
    }
}

/* Each channel has its own order: twenty that all use the same of three servers would be a wonder.
 */
static void
lists_are_shuffled(void **state)
{
    static const char config[] =
        "{\"loadBalancingConfig\": [{\"pick_first\": {\"shuffleAddressList\": true}}]}";
    unsigned used = 0;
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet);
    for (int i = 0; i < 20; i++) {
        struct fixture fixture;

        open_fixture(&fixture, fleet.addresses, SERVERS, config, NULL);
        assert_int_equal(servers_used(&fixture, &fleet, 3), 1);
        close_fixture(&fixture);
    }
    for (size_t i = 0; i < SERVERS; i++)
        used += atomic_load(&fleet.servers[i].seen.started) > 0;
    assert_true(used > 1);
    close_fleet(&fleet);
}

/* ---- many calls meanwhile ---- */

struct caller {
    pthread_t thread;
    weir_channel *channel;
    atomic_bool *ends;
};

static void *
call_on(void *arg)
{
    struct caller *caller = arg;

    for (size_t i = 0; !atomic_load(caller->ends); i++) {
        struct kinds_outcome outcome = kinds_call(caller->channel, kinds[i % KINDS], PATIENCE);

        kinds_check_whole(&outcome, kinds[i % KINDS]);
    }
    return NULL;
}

static void
no_call_fails_for_a_change(void **state)
{
    static const char *const configs[] = {"{\"loadBalancingPolicy\": \"round_robin\"}", BAD, RETRY,
        "{\"loadBalancingPolicy\": \"pick_first\","
        "\"retryThrottling\": {\"maxTokens\": 10, \"tokenRatio\": 0.5},"
        "\"methodConfig\": [{\"name\": [{}], \"hedgingPolicy\": {\"maxAttempts\": 2}}]}",
        NULL};
    atomic_bool ends = false;
    struct caller callers[3];
    struct fleet fleet;
    struct fixture fixture;

    (void)state;
    open_fleet(&fleet);
    open_fixture(&fixture, fleet.addresses, SERVERS, NULL, NULL);
    for (size_t i = 0; i < COUNT(callers); i++) {
        callers[i] = (struct caller){.channel = fixture.channel, .ends = &ends};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
    }
    for (size_t i = 0; i < 60; i++) {
        change(&fixture, configs[i % COUNT(configs)]);
        usleep(5000);
    }
    atomic_store(&ends, true);
    for (size_t i = 0; i < COUNT(callers); i++)
        pthread_join(callers[i].thread, NULL);
    close_fixture(&fixture);
    close_fleet(&fleet);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_calls_are_made_as_the_resolver_says),
        cmocka_unit_test(first_calls_have_the_time_that_the_resolver_says),
        cmocka_unit_test(the_last_good_one_is_in_force),
        cmocka_unit_test(balancers_change_under_calls),
        cmocka_unit_test(balancers_that_cannot_be_change_nothing),
        cmocka_unit_test(outliers_are_left_out),
        cmocka_unit_test(nothing_is_the_least_that_outliers_need),
        cmocka_unit_test(judges_change_under_calls),
        cmocka_unit_test(zero_is_no_default_of_outliers),
        cmocka_unit_test(lists_are_shuffled),
        cmocka_unit_test(no_call_fails_for_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
