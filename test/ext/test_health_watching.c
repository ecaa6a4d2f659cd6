/* SPDX-License-Identifier: Apache-2.0 */
/* A channel whose service config names a service: servers that do not say that they serve it get no
 * calls (gRFC A17). */
#include "kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <weir/health.h>

#define PATIENCE (100 * WEIR_SECOND)
#define SERVERS 2
#define SERVICE "rpctest.Test"

struct fleet {
    struct running servers[SERVERS];
    weir_health *health[SERVERS]; /* NULL: the server offers none */
    weir_loop *loop;
    weir_channel *channel;
};

static struct fleet *opening;
static size_t opened;

static void
offer_health(struct running *running)
{
    weir_health **health = &opening->health[opened++];

    assert_int_equal(weir_health_new(health), WEIR_OK);
    assert_int_equal(weir_health_offer(*health, running->server), WEIR_OK);
    assert_int_equal(weir_health_set(*health, SERVICE, WEIR_HEALTH_NOT_SERVING), WEIR_OK);
}

/* checked: how many of the servers offer health. */
static void
open_fleet(struct fleet *fleet, const char *balancer, size_t checked)
{
    static const struct weir_service_config config = {.health_service = SERVICE};
    const struct weir_channel_options options = {.balancer = balancer, .service_config = &config};
    char target[128] = "ipv4:";

    memset((void *)fleet, 0, sizeof(*fleet));
    opening = fleet;
    opened = 0;
    for (size_t i = 0; i < SERVERS; i++) {
        size_t len = strlen(target);

        running_start_prepared(&fleet->servers[i], "127.0.0.1:0", NULL,
            (weir_interceptor *[]){NULL}, i < checked ? offer_health : NULL);
        snprintf(target + len, sizeof(target) - len, "%s%s", i == 0 ? "" : ",",
            fleet->servers[i].address);
    }
    assert_int_equal(weir_loop_new(&fleet->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(fleet->loop, target, &options, &fleet->channel), WEIR_OK);
}

static void
close_fleet(struct fleet *fleet)
{
    weir_channel_free(fleet->channel);
    weir_loop_free(fleet->loop);
    for (size_t i = 0; i < SERVERS; i++) {
        if (fleet->health[i] != NULL)
            weir_health_shutdown(fleet->health[i]);
        running_stop(&fleet->servers[i], PATIENCE);
        weir_health_free(fleet->health[i]);
    }
}

static void
set(struct fleet *fleet, size_t server, enum weir_health_status status)
{
    assert_int_equal(weir_health_set(fleet->health[server], SERVICE, status), WEIR_OK);
}

static weir_code
call(struct fleet *fleet)
{
    return kinds_call(fleet->channel, WEIR_UNARY, PATIENCE).code;
}

/* Do eight calls, which go well, go to these servers, and to no others? */
static bool
goes_to(struct fleet *fleet, bool first, bool second)
{
    unsigned before[SERVERS];
    bool used[SERVERS];

    for (size_t i = 0; i < SERVERS; i++)
        before[i] = atomic_load(&fleet->servers[i].seen.started);
    for (int i = 0; i < 8; i++) {
        if (call(fleet) != WEIR_OK)
            return false;
    }
    for (size_t i = 0; i < SERVERS; i++)
        used[i] = atomic_load(&fleet->servers[i].seen.started) > before[i];
    return used[0] == first && used[1] == second;
}

static void
only_those_that_serve_get_calls(void **state)
{
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet, "round_robin", SERVERS);
    set(&fleet, 0, WEIR_HEALTH_SERVING);
    EVENTUALLY(goes_to(&fleet, true, false))
    set(&fleet, 1, WEIR_HEALTH_SERVING);
    EVENTUALLY(goes_to(&fleet, true, true))
    set(&fleet, 0, WEIR_HEALTH_NOT_SERVING);
    EVENTUALLY(goes_to(&fleet, false, true))
    set(&fleet, 0, WEIR_HEALTH_SERVING);
    EVENTUALLY(goes_to(&fleet, true, true))
    close_fleet(&fleet);
}

static void
when_none_serves_calls_are_told(void **state)
{
    struct kinds_outcome outcome;
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet, "round_robin", SERVERS);
    EVENTUALLY(call(&fleet) == WEIR_UNAVAILABLE)
    outcome = kinds_call(fleet.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    assert_non_null(strstr(outcome.message, "does not serve"));
    assert_int_equal(weir_channel_connectivity(fleet.channel), WEIR_CHANNEL_FAILURE);
    set(&fleet, 0, WEIR_HEALTH_SERVING);
    EVENTUALLY(call(&fleet) == WEIR_OK)
    assert_int_equal(weir_channel_connectivity(fleet.channel), WEIR_CHANNEL_READY);
    close_fleet(&fleet);
}

/* Of a server that knows no health nothing bad is assumed. */
static void
servers_without_health_serve(void **state)
{
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet, "round_robin", 1);
    EVENTUALLY(goes_to(&fleet, false, true))
    set(&fleet, 0, WEIR_HEALTH_SERVING);
    EVENTUALLY(goes_to(&fleet, true, true))
    close_fleet(&fleet);
}

/* gRFC A17: pick_first does not ask. */
static void
pick_first_does_not_ask(void **state)
{
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet, "pick_first", SERVERS);
    assert_int_equal(call(&fleet), WEIR_OK);
    close_fleet(&fleet);
}

/* The stream ends with the server, and another one begins with the next connection. */
static void
a_server_that_drains_is_left(void **state)
{
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet, "round_robin", SERVERS);
    for (size_t i = 0; i < SERVERS; i++)
        set(&fleet, i, WEIR_HEALTH_SERVING);
    EVENTUALLY(goes_to(&fleet, true, true))
    weir_health_shutdown(fleet.health[0]);
    EVENTUALLY(goes_to(&fleet, false, true))
    running_stop(&fleet.servers[0], PATIENCE);
    for (int i = 0; i < 20; i++)
        assert_int_equal(call(&fleet), WEIR_OK);
    weir_health_free(fleet.health[0]);
    fleet.health[0] = NULL;
    running_start(&fleet.servers[0], "127.0.0.1:0", NULL, NULL); /* for close_fleet */
    close_fleet(&fleet);
}

static void
channels_are_freed_while_they_ask(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct fleet fleet;

        open_fleet(&fleet, "round_robin", SERVERS);
        if (i > 0)
            assert_int_equal(weir_channel_connect(fleet.channel), WEIR_OK);
        if (i > 2)
            EVENTUALLY(call(&fleet) == WEIR_UNAVAILABLE)
        close_fleet(&fleet);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_those_that_serve_get_calls),
        cmocka_unit_test(when_none_serves_calls_are_told),
        cmocka_unit_test(servers_without_health_serve),
        cmocka_unit_test(pick_first_does_not_ask),
        cmocka_unit_test(a_server_that_drains_is_left),
        cmocka_unit_test(channels_are_freed_while_they_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
