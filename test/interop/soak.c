/* SPDX-License-Identifier: Apache-2.0 */
/* rpc_soak and channel_soak: many large unary calls on one channel, or each on a channel of its
 * own.
 *
 * Calls have no deadline, so that a slow one tells how slow it was. Each is logged as the public
 * descriptions want it, and all are judged at the end. */
/* Threads: those that are asked for share the iterations, each taking every nth of them. */
#include "client.h"
#include "payload.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct iteration {
    bool done;
    bool failed;
    int64_t elapsed; /* nanoseconds */
};

struct soak {
    struct interop *interop;
    bool fresh_channels;
    int64_t end; /* no iteration begins after it */
    struct iteration *iterations;
};

struct worker {
    struct soak *soak;
    uint32_t first;
    pthread_t thread;
};

/* ---- one iteration ---- */

/* What is left of an iteration when its call is gone. */
struct outcome {
    int64_t elapsed;
    char peer[128];
    char why[256]; /* "": it succeeded */
};

static void
call_once(const struct client_options *options, weir_call *call, struct outcome *outcome)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    const Grpc__Testing__SimpleResponse *response = NULL;
    Grpc__Testing__Payload payload;
    weir_code code;

    payload_init(&payload, (int32_t)options->soak_request_size);
    request.payload = &payload;
    request.response_size = (int32_t)options->soak_response_size;
    code = grpc_testing_TestService_UnaryCall(call, &request, &response);
    if (code != WEIR_OK)
        snprintf(outcome->why, sizeof(outcome->why), "%s \"%s\"", weir_code_name(code),
            weir_call_message(call));
    else if (!payload_is(response->payload, options->soak_response_size))
        snprintf(outcome->why, sizeof(outcome->why), "the response is not %u zeros",
            (unsigned)options->soak_response_size);
}

static void
use_channel(
    const struct interop *interop, weir_channel *channel, int64_t start, struct outcome *outcome)
{
    weir_call *call;
    weir_code code = interop_call_new(interop, channel, &call);

    if (code != WEIR_OK) {
        snprintf(outcome->why, sizeof(outcome->why), "no call: %s", weir_code_name(code));
        return;
    }
    call_once(interop->options, call, outcome);
    outcome->elapsed = weir_now() - start;
    if (weir_call_peer(call)[0] != '\0')
        snprintf(outcome->peer, sizeof(outcome->peer), "%s", weir_call_peer(call));
    weir_call_free(call);
}

/* The time includes making a channel, but not ending it. */
static void
iterate(const struct soak *soak, struct outcome *outcome)
{
    const struct interop *interop = soak->interop;
    weir_channel *channel = interop->channel;
    int64_t start = weir_now();

    *outcome = (struct outcome){.peer = "unknown"};
    if (!soak->fresh_channels) {
        use_channel(interop, channel, start, outcome);
        return;
    }
    if (interop_channel_new(interop, &channel) != WEIR_OK) {
        snprintf(outcome->why, sizeof(outcome->why), "no channel");
        return;
    }
    use_channel(interop, channel, start, outcome);
    weir_channel_free(channel);
}

static void
record(const struct soak *soak, uint32_t index, struct outcome *outcome)
{
    const struct client_options *options = soak->interop->options;
    int64_t elapsed_ms = outcome->elapsed / WEIR_MILLISECOND;

    if (outcome->why[0] == '\0' && outcome->elapsed > options->soak_max_latency * WEIR_MILLISECOND)
        snprintf(outcome->why, sizeof(outcome->why), "slower than %u ms",
            (unsigned)options->soak_max_latency);
    soak->iterations[index] = (struct iteration){
        .done = true, .failed = outcome->why[0] != '\0', .elapsed = outcome->elapsed};
    fprintf(stderr, "soak iteration: %u elapsed_ms: %lld peer: %s server_uri: %s %s%s\n",
        (unsigned)index, (long long)elapsed_ms, outcome->peer, soak->interop->target,
        outcome->why[0] == '\0' ? "succeeded" : "failed: ", outcome->why);
}

/* ---- all of them ---- */

static void
sleep_until(int64_t moment)
{
    int64_t left = moment - weir_now();
    struct timespec duration = {
        .tv_sec = (time_t)(left / WEIR_SECOND), .tv_nsec = (long)(left % WEIR_SECOND)};

    if (left > 0)
        (void)nanosleep(&duration, NULL);
}

static void *
work(void *arg)
{
    const struct worker *worker = arg;
    const struct soak *soak = worker->soak;
    const struct client_options *options = soak->interop->options;
    struct outcome outcome;

    for (uint32_t i = worker->first; i < options->soak_iterations; i += options->soak_threads) {
        int64_t start = weir_now();

        if (start >= soak->end)
            break;
        iterate(soak, &outcome);
        record(soak, i, &outcome);
        sleep_until(start + options->soak_pause * WEIR_MILLISECOND);
    }
    return NULL;
}

static bool
work_on_threads(struct soak *soak, uint32_t count)
{
    struct worker workers[64];
    uint32_t started = 0;

    while (started < count) {
        struct worker *worker = &workers[started];

        *worker = (struct worker){.soak = soak, .first = started};
        if (pthread_create(&worker->thread, NULL, work, worker) != 0)
            break;
        started++;
    }
    for (uint32_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    return started == count || interop_fail(soak->interop, "a thread could not be started");
}

static int
compare_elapsed(const void *left, const void *right)
{
    const struct iteration *a = left, *b = right;

    return (a->elapsed > b->elapsed) - (a->elapsed < b->elapsed);
}

static double
in_ms(const struct iteration *iteration)
{
    return (double)iteration->elapsed / (double)WEIR_MILLISECOND;
}

/* Sorts them. */
static void
print_latencies(struct iteration *iterations, size_t count)
{
    const struct iteration *median = &iterations[count / 2];
    const struct iteration *ninth = &iterations[count * 9 / 10];

    qsort(iterations, count, sizeof(*iterations), compare_elapsed);
    fprintf(stderr, "soak latencies in ms: median %.3f, 90th percentile %.3f, worst %.3f\n",
        in_ms(median), in_ms(ninth), in_ms(&iterations[count - 1]));
}

static bool
judge(struct soak *soak)
{
    const struct client_options *options = soak->interop->options;
    uint32_t done = 0, failed = 0;

    for (uint32_t i = 0; i < options->soak_iterations; i++) {
        done += soak->iterations[i].done;
        failed += soak->iterations[i].failed;
    }
    if (done < options->soak_iterations)
        return interop_fail(soak->interop, "time was over after %u of %u iterations",
            (unsigned)done, (unsigned)options->soak_iterations);
    print_latencies(soak->iterations, options->soak_iterations);
    return failed <= options->soak_max_failures ||
           interop_fail(soak->interop, "%u of %u iterations failed, more than %u", (unsigned)failed,
               (unsigned)done, (unsigned)options->soak_max_failures);
}

static bool
run_soak(struct interop *interop, bool fresh_channels)
{
    const struct client_options *options = interop->options;
    int64_t limit = options->soak_timeout != 0 ? options->soak_timeout * WEIR_SECOND
                                               : (int64_t)options->soak_max_latency *
                                                     options->soak_iterations * WEIR_MILLISECOND;
    struct soak soak = {
        .interop = interop, .fresh_channels = fresh_channels, .end = weir_now() + limit};
    bool passed;

    soak.iterations = calloc(options->soak_iterations, sizeof(*soak.iterations));
    if (soak.iterations == NULL)
        return interop_fail(interop, "out of memory");
    passed = work_on_threads(&soak, options->soak_threads) && judge(&soak);
    free(soak.iterations);
    return passed;
}

static bool
rpc_soak(struct interop *interop)
{
    return run_soak(interop, false);
}

static bool
channel_soak(struct interop *interop)
{
    return run_soak(interop, true);
}

const struct interop_case interop_soak_cases[] = {
    {"rpc_soak", .whole = rpc_soak},
    {"channel_soak", .whole = channel_soak},
    {.name = NULL},
};
