/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a channel, watching them, and the end of idle connections. */
#include "kinds.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define PATIENCE (100 * WEIR_SECOND)

struct client {
    weir_loop *loop;
    weir_channel *channel;
};

static void
open_client(struct client *client, const char *target, int64_t idle_timeout)
{
    const struct weir_channel_options options = {.idle_timeout = idle_timeout};

    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(client->loop, target, &options, &client->channel), WEIR_OK);
}

static void
close_client(struct client *client)
{
    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
}

/* From one state to another, whatever lies between them. */
static void
await(weir_channel *channel, weir_connectivity wanted)
{
    weir_connectivity state = weir_channel_connectivity(channel);

    while (state != wanted)
        assert_int_equal(weir_channel_watch(channel, state, PATIENCE, &state), WEIR_OK);
}

static void
channels_connect_when_asked(void **state)
{
    struct running running;
    struct client client;
    weir_connectivity now = WEIR_CHANNEL_FAILURE;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, 0);
    assert_int_equal(weir_channel_connectivity(client.channel), WEIR_CHANNEL_IDLE);
    assert_int_equal(
        weir_channel_watch(client.channel, WEIR_CHANNEL_IDLE, 20 * WEIR_MILLISECOND, &now),
        WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(now, WEIR_CHANNEL_FAILURE); /* untouched */
    assert_int_equal(weir_channel_connect(client.channel), WEIR_OK);
    await(client.channel, WEIR_CHANNEL_READY);
    running_stop(&running, PATIENCE);
    await(client.channel, WEIR_CHANNEL_IDLE);
    close_client(&client);
}

static void
nobody_there_is_a_failure(void **state)
{
    struct client client;

    (void)state;
    open_client(&client, "unix:/tmp/weir-nobody-there.sock", 0);
    assert_int_equal(weir_channel_connect(client.channel), WEIR_OK);
    await(client.channel, WEIR_CHANNEL_FAILURE);
    close_client(&client);
}

/* A name that no other run of this test has. */
static void
name_socket(char out_address[64])
{
    snprintf(out_address, 64, "unix-abstract:weir-connectivity-%d", (int)getpid());
}

/* From a failure on, which came no earlier than `begun`; READY, or still FAILURE after this time.
 * It ends before where a machine stood still, and nobody turned the loop for a second after the
 * next attempt was due, which is 0.8 s after the failure at least: then it is old news. */
static weir_connectivity
what_comes_of_failure(weir_channel *channel, int64_t begun, int64_t timeout)
{
    weir_connectivity now = WEIR_CHANNEL_FAILURE;

    while (weir_channel_watch(channel, WEIR_CHANNEL_FAILURE, timeout, &now) == WEIR_OK &&
           now != WEIR_CHANNEL_READY) {
        assert_true(weir_now() - begun >= 1800 * WEIR_MILLISECOND);
        begun = weir_now();
        while (now != WEIR_CHANNEL_FAILURE && now != WEIR_CHANNEL_READY)
            assert_int_equal(weir_channel_watch(channel, now, PATIENCE, &now), WEIR_OK);
    }
    return now;
}

/* gRFC A62: it tries again by itself, and is a failure until it is ready; calls fail at once. */
static void
failing_lasts_until_ready(void **state)
{
    int64_t begun = weir_now();
    struct running running;
    struct client client;
    char socket[64];

    (void)state;
    name_socket(socket);
    open_client(&client, socket, 0);
    assert_int_equal(weir_channel_connect(client.channel), WEIR_OK);
    await(client.channel, WEIR_CHANNEL_FAILURE);
    assert_int_equal(what_comes_of_failure(client.channel, begun, 1500 * WEIR_MILLISECOND),
        WEIR_CHANNEL_FAILURE);
    begun = weir_now();
    assert_int_equal(kinds_call(client.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    running_start(&running, socket, NULL, NULL);
    assert_int_equal(what_comes_of_failure(client.channel, begun, PATIENCE), WEIR_CHANNEL_READY);
    close_client(&client);
    running_stop(&running, PATIENCE);
}

/* Nobody turns the loop in between: then a call does not hear of what was long ago. */
static void
old_failures_are_forgotten(void **state)
{
    struct running running;
    struct client client;
    char socket[64];

    (void)state;
    name_socket(socket);
    open_client(&client, socket, 0);
    assert_int_equal(kinds_call(client.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
    running_start(&running, socket, NULL, NULL);
    usleep(2500 * 1000);
    assert_int_equal(kinds_call(client.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    close_client(&client);
    running_stop(&running, PATIENCE);
}

/* A door that is shut as soon as somebody knocks. */
static int
open_door(char target[32])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_int_equal(bind(door, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(door, 64), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&address, &len), 0);
    snprintf(target, 32, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return door;
}

/* From the first one on. */
static int
count_knocks(const struct weir_channel_options *options, int64_t duration, int enough)
{
    int64_t until = weir_now() + PATIENCE;
    struct client client;
    char target[32];
    int door = open_door(target), guest, knocks = 0;

    assert_int_equal(weir_loop_new(&client.loop), WEIR_OK);
    assert_int_equal(weir_channel_new(client.loop, target, options, &client.channel), WEIR_OK);
    assert_int_equal(weir_channel_connect(client.channel), WEIR_OK);
    while (weir_now() < until && knocks < enough) {
        weir_loop_turn(client.loop);
        while ((guest = accept(door, NULL, NULL)) >= 0) {
            close(guest);
            if (knocks++ == 0)
                until = weir_now() + duration;
        }
        usleep(1000);
    }
    close_client(&client);
    close(door);
    return knocks;
}

static void
backoffs_are_chosen(void **state)
{
    static const struct weir_channel_options quick = {
        .initial_backoff = 1, .max_backoff = 20 * WEIR_MILLISECOND};
    static const struct weir_channel_options slow = {
        .initial_backoff = WEIR_NEVER, .max_backoff = WEIR_NEVER};

    (void)state;
    assert_true(count_knocks(&quick, PATIENCE, 10) >= 10);
    assert_int_equal(count_knocks(&slow, 2 * WEIR_SECOND, 10), 1);
    assert_in_range(count_knocks(NULL, 1500 * WEIR_MILLISECOND, 10), 1, 2);
}

static void
who_fails_rests_as_well(void **state)
{
    static const char *const balancers[] = {"pick_first", "round_robin"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct weir_channel_options options = {
            .idle_timeout = 20 * WEIR_MILLISECOND, .balancer = balancers[i]};
        struct client client;

        assert_int_equal(weir_loop_new(&client.loop), WEIR_OK);
        assert_int_equal(weir_channel_new(client.loop, "unix-abstract:weir-test-nobody", &options,
                             &client.channel),
            WEIR_OK);
        assert_int_equal(weir_channel_connect(client.channel), WEIR_OK);
        await(client.channel, WEIR_CHANNEL_FAILURE);
        await(client.channel, WEIR_CHANNEL_IDLE);
        assert_int_equal(kinds_call(client.channel, WEIR_UNARY, PATIENCE).code, WEIR_UNAVAILABLE);
        close_client(&client);
    }
}

struct watching {
    pthread_t thread;
    weir_channel *channel;
};

static void *
watch(void *arg)
{
    await(((struct watching *)arg)->channel, WEIR_CHANNEL_READY);
    return NULL;
}

static void
many_may_watch(void **state)
{
    struct watching watching[8];
    struct running running;
    struct client client;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, 0);
    for (size_t i = 0; i < 8; i++) {
        watching[i].channel = client.channel;
        assert_int_equal(pthread_create(&watching[i].thread, NULL, watch, &watching[i]), 0);
    }
    assert_int_equal(kinds_call(client.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    for (size_t i = 0; i < 8; i++)
        pthread_join(watching[i].thread, NULL);
    close_client(&client);
    running_stop(&running, PATIENCE);
}

static void
idle_connections_are_closed(void **state)
{
    struct running running;
    struct client client;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, 20 * WEIR_MILLISECOND);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kinds_call(client.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
        await(client.channel, WEIR_CHANNEL_IDLE);
    }
    close_client(&client);
    running_stop(&running, PATIENCE);
}

static void
calls_keep_connections(void **state)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    Rpctest__Payload message = kinds_payload();
    const Rpctest__Payload *reply;
    struct running running;
    struct client client;
    weir_connectivity now;
    weir_call *call;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, 10 * WEIR_MILLISECOND);
    call = weir_call_new(client.channel, NULL);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    assert_int_equal(
        weir_channel_watch(client.channel, WEIR_CHANNEL_READY, 200 * WEIR_MILLISECOND, &now),
        WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
    assert_true(rpctest_Test_Talk_client_recv(stream, &reply));
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    weir_call_free(call);
    await(client.channel, WEIR_CHANNEL_IDLE);
    close_client(&client);
    running_stop(&running, PATIENCE);
}

/* ---- more connections ---- */

struct sleeper {
    pthread_t thread;
    weir_channel *channel;
    weir_code code;
};

static void *
wait_there(void *arg)
{
    struct sleeper *sleeper = arg;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    weir_call *call = weir_call_new(sleeper->channel, NULL);

    request.text = "sleep:300";
    weir_call_set_timeout(call, PATIENCE);
    sleeper->code = rpctest_Test_Unary(call, &request, &response);
    weir_call_free(call);
    return NULL;
}

/* Calls that are at the server at the same time, which allows one a connection. */
static void
check_growth(unsigned max_connections, unsigned least, unsigned most)
{
    const struct weir_server_options server_options = {.max_concurrent_streams = 1};
    const struct weir_channel_options options = {.max_connections = max_connections};
    struct sleeper sleepers[6];
    struct running running;
    struct weir_server_stats stats;
    weir_channel *channel;
    weir_loop *loop;

    running_start(&running, "127.0.0.1:0", &server_options, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, &options, &channel), WEIR_OK);
    for (size_t i = 0; i < 6; i++) {
        sleepers[i].channel = channel;
        assert_int_equal(pthread_create(&sleepers[i].thread, NULL, wait_there, &sleepers[i]), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        pthread_join(sleepers[i].thread, NULL);
        assert_int_equal(sleepers[i].code, WEIR_OK);
    }
    weir_server_stats(running.server, &stats);
    assert_in_range(stats.connections_accepted, least, most);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, PATIENCE);
}

static void
full_connections_get_company(void **state)
{
    (void)state;
    check_growth(0, 1, 1);
    check_growth(3, 2, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_connect_when_asked),
        cmocka_unit_test(nobody_there_is_a_failure),
        cmocka_unit_test(failing_lasts_until_ready),
        cmocka_unit_test(old_failures_are_forgotten),
        cmocka_unit_test(backoffs_are_chosen),
        cmocka_unit_test(who_fails_rests_as_well),
        cmocka_unit_test(many_may_watch),
        cmocka_unit_test(idle_connections_are_closed),
        cmocka_unit_test(calls_keep_connections),
        cmocka_unit_test(full_connections_get_company),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
