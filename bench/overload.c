/* SPDX-License-Identifier: Apache-2.0 */
/* An open-loop load: calls begin at a fixed rate whether or not the server keeps up, and their
 * latency counts from the time at which they were due. Prints one line of JSON; latencies are in
 * microseconds.
 *
 *     bench-overload --connect HOST:PORT --rate CALLS_A_SECOND --seconds N */
/* Threads: the main thread paces, another one runs the loop with a fiber for each call. */
#include "echo.weir.h"
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

enum { CHANNELS = 16, TIMEOUT = 20, PATIENCE = 60 /* seconds */ };

struct outcome {
    weir_code code;
    int64_t due, took;
    weir_channel *channel;
};

struct load {
    const char *address;
    long rate, seconds;
    weir_loop *loop;
    weir_channel *channels[CHANNELS];
    struct outcome *outcomes;
    size_t count;
};

static atomic_size_t ended;

/* ---- calls ---- */

static void
call_once(void *arg)
{
    struct outcome *outcome = arg;
    Echo__EchoMessage request = ECHO__ECHO_MESSAGE__INIT;
    const Echo__EchoMessage *response = NULL;
    weir_call *call = weir_call_new(outcome->channel, NULL);

    outcome->code = WEIR_RESOURCE_EXHAUSTED;
    request.text = (char *)"overload";
    if (call != NULL) {
        weir_call_set_timeout(call, TIMEOUT * WEIR_SECOND);
        outcome->code = echo_Echo_Unary(call, &request, &response);
    }
    outcome->took = weir_now() - outcome->due;
    weir_call_free(call);
    atomic_fetch_add(&ended, 1);
}

static void
sleep_until(int64_t due)
{
    const struct timespec time = {due / WEIR_SECOND, (long)(due % WEIR_SECOND)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        continue;
}

/* False: some calls never ended. */
static bool
make_calls(struct load *load)
{
    int64_t start = weir_now(), patience;

    for (size_t i = 0; i < load->count; i++) {
        struct outcome *outcome = &load->outcomes[i];

        outcome->channel = load->channels[i % CHANNELS];
        outcome->due = start + (int64_t)i * WEIR_SECOND / load->rate;
        sleep_until(outcome->due);
        if (weir_loop_spawn(load->loop, call_once, outcome) != WEIR_OK)
            return false;
    }
    patience = weir_now() + PATIENCE * WEIR_SECOND;
    while (atomic_load(&ended) < load->count && weir_now() < patience)
        usleep(1000);
    return atomic_load(&ended) == load->count;
}

/* ---- results ---- */

static int
compare(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* In microseconds; the latencies are sorted. */
static double
percentile(const int64_t *took, size_t count, size_t percent)
{
    size_t at = count * percent / 100;

    return count == 0 ? 0 : (double)took[at] / (double)WEIR_MICROSECOND;
}

/* Count and latencies of the calls with this code; the first tenth is warm-up. */
static size_t
print_code(const struct load *load, weir_code code, const char *name)
{
    int64_t *took = calloc(load->count, sizeof(*took));
    size_t count = 0, all = 0;

    if (took == NULL)
        return 0;
    for (size_t i = 0; i < load->count; i++) {
        if (load->outcomes[i].code != code)
            continue;
        all++;
        if (i >= load->count / 10)
            took[count++] = load->outcomes[i].took;
    }
    qsort(took, count, sizeof(*took), compare);
    printf("\"%s\": {\"count\": %zu, \"p50\": %.1f, \"p99\": %.1f}, ", name, all,
        percentile(took, count, 50), percentile(took, count, 99));
    free(took);
    return all;
}

static void
print_outcomes(const struct load *load)
{
    size_t told;

    printf("{");
    told = print_code(load, WEIR_OK, "ok");
    told += print_code(load, WEIR_UNAVAILABLE, "refused");
    printf("\"other\": %zu}\n", load->count - told);
}

/* ---- setup ---- */

static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static bool
open_channels(struct load *load)
{
    if (weir_loop_new(&load->loop) != WEIR_OK)
        return false;
    for (size_t i = 0; i < CHANNELS; i++) {
        if (weir_channel_new(load->loop, load->address, NULL, &load->channels[i]) != WEIR_OK)
            return false;
    }
    load->count = (size_t)(load->rate * load->seconds);
    load->outcomes = calloc(load->count, sizeof(*load->outcomes));
    return load->outcomes != NULL;
}

static bool
run(struct load *load)
{
    pthread_t thread;
    bool all;

    if (!open_channels(load) || pthread_create(&thread, NULL, turn, load->loop) != 0)
        return false;
    all = make_calls(load);
    weir_loop_stop(load->loop);
    pthread_join(thread, NULL);
    if (!all) /* their fibers still use what would be freed */
        return false;
    print_outcomes(load);
    for (size_t i = 0; i < CHANNELS; i++)
        weir_channel_free(load->channels[i]);
    weir_loop_free(load->loop);
    free(load->outcomes);
    return true;
}

static bool
parse_number(const char *text, long *out_number)
{
    char *end;

    errno = 0;
    *out_number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out_number > 0 && *out_number < 1000000;
}

static bool
parse_options(int argc, char **argv, struct load *load)
{
    static const struct option known[] = {{"connect", required_argument, NULL, 'c'},
        {"rate", required_argument, NULL, 'r'}, {"seconds", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0}};
    int letter;

    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (letter == 'c')
            load->address = optarg;
        else if (letter == '?' ||
                 !parse_number(optarg, letter == 'r' ? &load->rate : &load->seconds))
            return false;
    }
    return optind == argc && load->address != NULL && load->rate > 0 && load->seconds > 0;
}

int
main(int argc, char **argv)
{
    struct load load = {NULL};

    if (!parse_options(argc, argv, &load)) {
        fprintf(stderr, "usage: bench-overload --connect HOST:PORT --rate N --seconds N\n");
        return 2;
    }
    if (run(&load))
        return 0;
    fprintf(stderr, "bench-overload: out of memory or of threads, or calls that never ended\n");
    return 1;
}
