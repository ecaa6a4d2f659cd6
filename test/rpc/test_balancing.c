/* SPDX-License-Identifier: Apache-2.0 */
/* Several servers behind one channel: who gets the calls, and what happens when some are away. */
#include "kinds.h"
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PATIENCE (100 * WEIR_SECOND)
#define SERVERS 3

struct fleet {
    struct running servers[SERVERS];
    char target[256];
    weir_loop *loop;
    weir_channel *channel;
};

static void
open_channel(struct fleet *fleet, const char *target, const char *balancer)
{
    const struct weir_channel_options options = {.balancer = balancer};

    assert_int_equal(weir_loop_new(&fleet->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(fleet->loop, target, &options, &fleet->channel), WEIR_OK);
}

static void
close_channel(struct fleet *fleet)
{
    weir_channel_free(fleet->channel);
    weir_loop_free(fleet->loop);
}

static void
open_fleet(struct fleet *fleet, const char *balancer)
{
    size_t len = 0;

    memset(fleet, 0, sizeof(*fleet));
    for (size_t i = 0; i < SERVERS; i++) {
        running_start(&fleet->servers[i], "127.0.0.1:0", NULL, NULL);
        len += (size_t)snprintf(fleet->target + len, sizeof(fleet->target) - len, "%s%s",
            i == 0 ? "ipv4:" : ",", fleet->servers[i].address);
    }
    open_channel(fleet, fleet->target, balancer);
}

static void
close_fleet(struct fleet *fleet)
{
    close_channel(fleet);
    for (size_t i = 0; i < SERVERS; i++)
        running_stop(&fleet->servers[i], PATIENCE);
}

static weir_code
call(const struct fleet *fleet, const char *text)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    weir_call *one = weir_call_new(fleet->channel, NULL);
    weir_code code;

    request.text = (char *)(uintptr_t)text;
    weir_call_set_timeout(one, PATIENCE);
    code = rpctest_Test_Unary(one, &request, &response);
    weir_call_free(one);
    return code;
}

static unsigned
started(const struct fleet *fleet, size_t server)
{
    return atomic_load(&fleet->servers[server].seen.started);
}

/* Calls until every server has had one: then all are connected. */
static void
await_all(const struct fleet *fleet)
{
    for (size_t i = 0; i < SERVERS; i++) {
        while (started(fleet, i) == 0)
            assert_int_equal(call(fleet, "x"), WEIR_OK);
    }
}

static void
round_robin_shares_evenly(void **state)
{
    struct fleet fleet;
    unsigned before[SERVERS];

    (void)state;
    open_fleet(&fleet, "round_robin");
    await_all(&fleet);
    for (size_t i = 0; i < SERVERS; i++)
        before[i] = started(&fleet, i);
    for (int i = 0; i < SERVERS * 200; i++)
        assert_int_equal(call(&fleet, "x"), WEIR_OK);
    for (size_t i = 0; i < SERVERS; i++)
        assert_int_equal(started(&fleet, i) - before[i], 200);
    close_fleet(&fleet);
}

static void
pick_first_stays_with_one(void **state)
{
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet, NULL);
    for (int i = 0; i < 20; i++)
        assert_int_equal(call(&fleet, "x"), WEIR_OK);
    assert_int_equal(started(&fleet, 0), 20);
    close_fleet(&fleet);
}

/* A server that drains: its calls go elsewhere, and none fails. */
static void
a_server_leaves(void **state)
{
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet, "round_robin");
    await_all(&fleet);
    running_stop(&fleet.servers[1], PATIENCE);
    for (int i = 0; i < 100; i++)
        assert_int_equal(call(&fleet, "x"), WEIR_OK);
    close_channel(&fleet);
    running_stop(&fleet.servers[0], PATIENCE);
    running_stop(&fleet.servers[2], PATIENCE);
}

/* Connections that no call uses are let go together, and come back together. */
static void
idle_fleets_rest(void **state)
{
    const struct weir_channel_options options = {
        .balancer = "round_robin", .idle_timeout = 30 * WEIR_MILLISECOND};
    weir_connectivity now;
    struct fleet fleet;

    (void)state;
    open_fleet(&fleet, "round_robin");
    close_channel(&fleet);
    assert_int_equal(weir_loop_new(&fleet.loop), WEIR_OK);
    assert_int_equal(weir_channel_new(fleet.loop, fleet.target, &options, &fleet.channel), WEIR_OK);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(call(&fleet, "x"), WEIR_OK);
        now = weir_channel_connectivity(fleet.channel);
        while (now != WEIR_CHANNEL_IDLE)
            assert_int_equal(weir_channel_watch(fleet.channel, now, PATIENCE, &now), WEIR_OK);
    }
    close_fleet(&fleet);
}

/* ---- nobody there ---- */

static void
find_closed(char out_address[32])
{
    close(raw_listen(out_address));
}

static void
the_reason_names_them_all(void **state)
{
    char target[128], closed[2][32];
    struct kinds_outcome outcome;
    struct fleet fleet;

    (void)state;
    find_closed(closed[0]);
    find_closed(closed[1]);
    snprintf(target, sizeof(target), "ipv4:%s,%s", closed[0], closed[1]);
    open_channel(&fleet, target, "round_robin");
    outcome = kinds_call(fleet.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    assert_non_null(strstr(outcome.message, "all subchannels are in TRANSIENT_FAILURE"));
    assert_non_null(strstr(outcome.message, "refused"));
    close_channel(&fleet);
}

static void
names_that_are_none_say_so(void **state)
{
    struct kinds_outcome outcome;
    struct fleet fleet;

    (void)state;
    open_channel(&fleet, "no-such-host.invalid:50051", "round_robin");
    outcome = kinds_call(fleet.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    assert_non_null(strstr(outcome.message, "no-such-host.invalid:50051: resolver error: "));
    close_channel(&fleet);
}

static void
unknown_policies_are_refused(void **state)
{
    const struct weir_channel_options options = {.balancer = "no_such_policy"};
    weir_channel *channel;
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(loop, "127.0.0.1:1", &options, &channel), WEIR_INVALID_ARGUMENT);
    weir_loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_shares_evenly),
        cmocka_unit_test(pick_first_stays_with_one),
        cmocka_unit_test(a_server_leaves),
        cmocka_unit_test(idle_fleets_rest),
        cmocka_unit_test(the_reason_names_them_all),
        cmocka_unit_test(names_that_are_none_say_so),
        cmocka_unit_test(unknown_policies_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
