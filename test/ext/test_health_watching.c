/* SPDX-License-Identifier: Apache-2.0 */
/* A channel whose service config names a service: servers that do not say that they serve it get no
 * calls (gRFC A17). */
#include "kinds.h"
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

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

/* ---- a server that plays a script ---- */

#define BACKOFF (20 * WEIR_MILLISECOND)

struct stage {
    int listener;
    char address[32];
    void (*play)(struct raw *raw);
    pthread_t thread;
    weir_loop *loop;
    weir_channel *channel;
};

static void *
run_stage(void *arg)
{
    const struct stage *stage = arg;
    struct raw_frame frame;
    struct raw raw;

    raw_accept(&raw, stage->listener);
    raw_greet(&raw, false, 0, 0);
    stage->play(&raw);
    while (raw_next(&raw, &frame))
        ;
    raw_close(&raw);
    return NULL;
}

static void
open_stage(struct stage *stage, void (*play)(struct raw *raw))
{
    static const struct weir_service_config config = {.health_service = SERVICE};
    const struct weir_channel_options options = {
        .balancer = "round_robin", .service_config = &config, .initial_backoff = BACKOFF};

    *stage = (struct stage){.play = play};
    stage->listener = raw_listen(stage->address);
    assert_int_equal(pthread_create(&stage->thread, NULL, run_stage, stage), 0);
    assert_int_equal(weir_loop_new(&stage->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(stage->loop, stage->address, &options, &stage->channel), WEIR_OK);
}

static void
close_stage(struct stage *stage)
{
    weir_channel_free(stage->channel);
    weir_loop_free(stage->loop);
    pthread_join(stage->thread, NULL);
    close(stage->listener);
}

static void
await_request(struct raw *raw, uint32_t id)
{
    struct raw_frame frame;

    assert_true(raw_await(raw, RAW_HEADERS, id, &frame));
}

static void
say_serving(struct raw *raw, uint32_t id)
{
    raw_response(raw, id);
    raw_message(raw, 0, id, "\x08\x01", 2);
}

static void
answer_call(struct raw *raw, uint32_t id)
{
    await_request(raw, id);
    raw_response(raw, id);
    raw_text(raw, 0, id, "");
    raw_trailers(raw, id, "0");
}

/* The stream stays open after what is no HealthCheckResponse. */
static void
say_garbage(struct raw *raw)
{
    await_request(raw, 1);
    raw_response(raw, 1);
    raw_message(raw, 0, 1, "\xff\xff", 2);
}

static void
a_status_that_cannot_be_read_fails_calls(void **state)
{
    struct kinds_outcome outcome;
    struct stage stage;

    (void)state;
    open_stage(&stage, say_garbage);
    outcome = kinds_call(stage.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    assert_non_null(strstr(outcome.message, "does not tell its health"));
    close_stage(&stage);
}

/* A stream that lasted longer than the backoff ends well; the next one is opened without a failure
 * in between. */
static void
end_a_long_stream(struct raw *raw)
{
    await_request(raw, 1);
    say_serving(raw, 1);
    answer_call(raw, 3);
    usleep(5 * BACKOFF / WEIR_MICROSECOND);
    raw_trailers(raw, 1, "0");
    await_request(raw, 5);
    say_serving(raw, 5);
    answer_call(raw, 7);
}

static void
a_long_stream_is_renewed_without_a_failure(void **state)
{
    weir_connectivity now;
    struct stage stage;

    (void)state;
    open_stage(&stage, end_a_long_stream);
    assert_int_equal(kinds_call(stage.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_int_equal(
        weir_channel_watch(stage.channel, WEIR_CHANNEL_READY, PATIENCE, &now), WEIR_OK);
    assert_int_equal(now, WEIR_CHANNEL_CONNECTING);
    assert_int_equal(kinds_call(stage.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    close_stage(&stage);
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
        cmocka_unit_test(a_status_that_cannot_be_read_fails_calls),
        cmocka_unit_test(a_long_stream_is_renewed_without_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
