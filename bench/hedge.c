/* SPDX-License-Identifier: Apache-2.0 */
/* The effect of hedging with a server whose every twentieth response, at random, takes 100 times
 * longer. Server and client are threads of this program. Prints one line of JSON; latencies are in
 * microseconds.
 *
 *     bench-hedge [--hedge] --calls N */
/* Threads: one runs the server's loops, another one the client's, with a fiber for each caller. */
#include "echo.weir.h"
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

enum { CALLERS = 16, SLOW_IN = 20, TIMEOUT = 60 /* seconds */ };

#define FAST (4 * WEIR_MILLISECOND)
#define SLOW (100 * FAST)
#define DELAY (40 * WEIR_MILLISECOND)

struct bench {
    weir_server *server;
    weir_loop *loop;
    weir_channel *channel;
    int64_t *took;
    size_t count;
    bool hedged;
    atomic_size_t begun, failed, running, served;
    weir_event *ended;
};

/* ---- the server ---- */

static bool
is_slow(void)
{
    static atomic_uint state = 1;
    unsigned number = atomic_fetch_add(&state, 1) * 2654435761u; /* scattered, but the same in
                                                                    every run */

    return (number ^ number >> 15) % SLOW_IN == 0;
}

static weir_code
reply(void *self, weir_call *call, const Echo__EchoMessage *request, Echo__EchoMessage *response)
{
    struct bench *bench = self;

    atomic_fetch_add(&bench->served, 1);
    WEIR_TRY(weir_call_sleep(call, is_slow() ? SLOW : FAST));
    response->text = request->text;
    return WEIR_OK;
}

static const struct echo_Echo_handlers handlers = {.Unary = reply};

static void *
serve(void *server)
{
    return weir_server_run(server) == WEIR_OK ? server : NULL;
}

/* ---- the client ---- */

static bool
call_once(struct bench *bench, int64_t *out_took)
{
    Echo__EchoMessage request = ECHO__ECHO_MESSAGE__INIT;
    const Echo__EchoMessage *response = NULL;
    weir_call *call = weir_call_new(bench->channel, NULL);
    int64_t start = weir_now();
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    request.text = (char *)"hedge";
    if (call != NULL) {
        weir_call_set_timeout(call, TIMEOUT * WEIR_SECOND);
        code = echo_Echo_Unary(call, &request, &response);
    }
    *out_took = weir_now() - start;
    weir_call_free(call);
    return code == WEIR_OK;
}

static void
call_on(void *arg)
{
    struct bench *bench = arg;
    size_t number;

    while ((number = atomic_fetch_add(&bench->begun, 1)) < bench->count) {
        if (!call_once(bench, &bench->took[number]))
            atomic_fetch_add(&bench->failed, 1);
    }
    if (atomic_fetch_sub(&bench->running, 1) == 1)
        weir_event_set(bench->ended);
}

static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static bool
make_calls(struct bench *bench)
{
    pthread_t thread;
    bool begun = true;

    atomic_store(&bench->running, CALLERS);
    if (pthread_create(&thread, NULL, turn, bench->loop) != 0)
        return false;
    for (int i = 0; i < CALLERS && begun; i++)
        begun = weir_loop_spawn(bench->loop, call_on, bench) == WEIR_OK;
    if (begun)
        begun = weir_event_wait(bench->ended, NULL) == WEIR_OK;
    weir_loop_stop(bench->loop);
    pthread_join(thread, NULL);
    return begun;
}

/* ---- results ---- */

static int
compare(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static double
percentile(const struct bench *bench, size_t percent)
{
    size_t at = bench->count * percent / 100;

    return (double)bench->took[at] / (double)WEIR_MICROSECOND;
}

static void
print_outcome(struct bench *bench)
{
    qsort(bench->took, bench->count, sizeof(*bench->took), compare);
    printf("{\"calls\": %zu, \"failed\": %zu, \"served\": %zu, \"p50\": %.1f, \"p99\": %.1f}\n",
        bench->count, atomic_load(&bench->failed), atomic_load(&bench->served),
        percentile(bench, 50), percentile(bench, 99));
}

/* ---- setup ---- */

static bool
open_channel(struct bench *bench, const char *address)
{
    static const struct weir_method_name all = {NULL, NULL};
    static const struct weir_hedge_options hedge = {.attempts = 3, .delay = DELAY};
    static const struct weir_method_config method = {
        .names = &all, .name_count = 1, .hedge = &hedge};
    static const struct weir_service_config config = {.methods = &method, .method_count = 1};
    const struct weir_channel_options options = {.service_config = bench->hedged ? &config : NULL};

    bench->ended = weir_event_new();
    bench->took = calloc(bench->count, sizeof(*bench->took));
    return bench->ended != NULL && bench->took != NULL && weir_loop_new(&bench->loop) == WEIR_OK &&
           weir_channel_new(bench->loop, address, &options, &bench->channel) == WEIR_OK;
}

static bool
open_server(struct bench *bench, pthread_t *out_thread)
{
    return weir_server_new(NULL, &bench->server) == WEIR_OK &&
           echo_Echo_add(bench->server, &handlers, bench) == WEIR_OK &&
           weir_server_listen(bench->server, "127.0.0.1:0") == WEIR_OK &&
           pthread_create(out_thread, NULL, serve, bench->server) == 0;
}

static bool
run(struct bench *bench)
{
    pthread_t thread;
    bool good;

    if (!open_server(bench, &thread))
        return false;
    good = open_channel(bench, weir_server_address(bench->server, 0)) && make_calls(bench);
    if (good)
        print_outcome(bench);
    weir_channel_free(bench->channel);
    weir_loop_free(bench->loop);
    weir_server_drain(bench->server, WEIR_SECOND);
    pthread_join(thread, NULL);
    weir_server_free(bench->server);
    weir_event_unref(bench->ended);
    free(bench->took);
    return good;
}

static bool
parse_options(int argc, char **argv, struct bench *bench)
{
    static const struct option known[] = {{"hedge", no_argument, NULL, 'h'},
        {"calls", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    long calls = 0;
    char *end;
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'h') {
            bench->hedged = true;
        } else if (option == 'c') {
            errno = 0;
            calls = strtol(optarg, &end, 10);
            if (errno != 0 || *end != '\0')
                return false;
        } else {
            return false;
        }
    }
    bench->count = (size_t)calls;
    return calls >= 100 && calls <= 10000000 && optind == argc;
}

int
main(int argc, char **argv)
{
    struct bench bench = {.count = 0};

    if (!parse_options(argc, argv, &bench)) {
        fprintf(stderr, "usage: bench-hedge [--hedge] --calls N, from 100 to 10000000\n");
        return 2;
    }
    if (!run(&bench)) {
        fprintf(stderr, "bench-hedge: the calls could not be made\n");
        return 1;
    }
    return 0;
}
