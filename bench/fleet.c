/* SPDX-License-Identifier: Apache-2.0 */
/* A client of several servers that calls GetUser at a fixed rate until its standard input ends. It
 * prints its results as JSON lines, each with the totals so far:
 *
 *   bench-fleet TARGET BALANCER CALLS_PER_SECOND
 *   {"calls": 1200, "failed": 0, "why": "", "servers": {"ipv4:127.0.0.1:50051": 600, ...}}
 *
 * Calls are retried: those that kill -9 leaves unanswered go to another server. */
#include "user.weir.h"
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/etcd.h>
#include <weir/retry.h>
#include <weir/weir.h>

#define CALLERS 32
#define REPORT_PERIOD (100 * WEIR_MILLISECOND)
#define CALL_TIMEOUT (40 * WEIR_SECOND)

/* The minimum of a channel. */
#define KEEPALIVE_TIME (10 * WEIR_SECOND)
#define KEEPALIVE_TIMEOUT (2 * WEIR_SECOND)

struct fleet {
    weir_loop *loop;
    weir_channel *channel;
    int64_t period; /* of each caller */
    atomic_bool over;
    weir_event *never; /* never set */
    unsigned running;  /* fibers */
    json_int_t calls, failed;
    char why[256];
    json_t *servers;
};

static void
count_server(struct fleet *fleet, weir_call *call)
{
    const char *peer = weir_call_peer(call);
    json_int_t before = json_integer_value(json_object_get(fleet->servers, peer));

    json_object_set_new(fleet->servers, peer, json_integer(before + 1));
}

static void
call_once(struct fleet *fleet)
{
    User__GetUserRequest request = USER__GET_USER_REQUEST__INIT;
    const User__GetUserResponse *response;
    weir_call *call = weir_call_new(fleet->channel, NULL);
    weir_code code;

    request.id = 1;
    weir_call_set_timeout(call, CALL_TIMEOUT);
    code = user_UserService_GetUser(call, &request, &response);
    fleet->calls++;
    if (code == WEIR_OK) {
        count_server(fleet, call);
    } else {
        fleet->failed++;
        snprintf(fleet->why, sizeof(fleet->why), "%s: %s", weir_code_name(code),
            weir_call_message(call));
    }
    weir_call_free(call);
}

static void
wait_until(const struct fleet *fleet, int64_t due)
{
    (void)!weir_event_wait_until(fleet->never, NULL, due);
}

static void
leave(struct fleet *fleet)
{
    if (--fleet->running == 0)
        weir_loop_stop(fleet->loop);
}

static void
call_on(void *arg)
{
    struct fleet *fleet = arg;
    int64_t due = weir_now();

    while (!fleet->over) {
        call_once(fleet);
        due += fleet->period;
        if (due > weir_now())
            wait_until(fleet, due);
    }
    leave(fleet);
}

static void
report(const struct fleet *fleet)
{
    json_t *line = json_pack("{s:I, s:I, s:s, s:O}", "calls", fleet->calls, "failed", fleet->failed,
        "why", fleet->why, "servers", fleet->servers);

    json_dumpf(line, stdout, 0);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static void
report_on(void *arg)
{
    struct fleet *fleet = arg;

    while (!fleet->over) {
        report(fleet);
        wait_until(fleet, weir_now() + REPORT_PERIOD);
    }
    leave(fleet);
}

static void *
watch_input(void *arg)
{
    char byte;

    while (read(0, &byte, 1) > 0)
        ;
    ((struct fleet *)arg)->over = true;
    return NULL;
}

static void
note(void *self, const char *text)
{
    (void)self;
    fprintf(stderr, "bench-fleet: %s\n", text);
}

static void
must(weir_code code, const char *what)
{
    if (code == WEIR_OK)
        return;
    fprintf(stderr, "bench-fleet: %s: %s\n", what, weir_code_name(code));
    exit(1);
}

int
main(int argc, char **argv)
{
    const struct weir_retry_options retries = {
        .retries = 4, .initial_backoff = 10 * WEIR_MILLISECOND, .unthrottled = true};
    const struct weir_etcd_resolver_options etcd = {.note = note};
    struct weir_channel_options options = {.catalog = weir_catalog_new(),
        .keepalive_time = KEEPALIVE_TIME,
        .keepalive_timeout = KEEPALIVE_TIMEOUT};
    struct fleet fleet = {.servers = json_object(), .never = weir_event_new()};
    weir_retry *retry;
    pthread_t watcher;

    if (argc != 4 || strtol(argv[3], NULL, 10) <= 0)
        return 2;
    fleet.period = CALLERS * WEIR_SECOND / strtol(argv[3], NULL, 10);
    options.balancer = argv[2];
    must(weir_etcd_add_resolver(options.catalog, &etcd), "resolver");
    must(weir_loop_new(&fleet.loop), "loop");
    must(weir_channel_new(fleet.loop, argv[1], &options, &fleet.channel), argv[1]);
    must(weir_retry_new(&retries, &retry), "retry");
    must(weir_channel_wrap(fleet.channel, weir_retry_calls, retry), "wrap");
    for (; fleet.running < CALLERS; fleet.running++)
        must(weir_loop_spawn(fleet.loop, call_on, &fleet), "caller");
    fleet.running++;
    must(weir_loop_spawn(fleet.loop, report_on, &fleet), "reporter");
    must(pthread_create(&watcher, NULL, watch_input, &fleet) == 0 ? WEIR_OK : WEIR_UNAVAILABLE,
        "thread");
    weir_loop_run(fleet.loop);
    pthread_join(watcher, NULL);
    report(&fleet);
    weir_channel_free(fleet.channel);
    weir_loop_free(fleet.loop);
    weir_retry_free(retry);
    weir_catalog_free(options.catalog);
    weir_event_unref(fleet.never);
    json_decref(fleet.servers);
    return 0;
}
