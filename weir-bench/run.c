/* SPDX-License-Identifier: Apache-2.0 */
#include "weir-bench/run.h"

#include "usercommon/complain.h"
#include "weir-bench/worker.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAX_ADDRESSES 16

struct runner {
    struct worker worker;
    pthread_t thread;
    struct crew *crew;
    bool good;
};

struct crew {
    struct runner *runners;
    uint32_t count;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    uint32_t running; /* guarded by the lock */
};

static void *
run_thread(void *arg)
{
    struct runner *runner = arg;

    runner->good = worker_run(&runner->worker);
    pthread_mutex_lock(&runner->crew->lock);
    runner->crew->running--;
    pthread_cond_signal(&runner->crew->ended);
    pthread_mutex_unlock(&runner->crew->lock);
    return NULL;
}

/* ---- progress ---- */

static uint64_t
done_so_far(const struct crew *crew)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < crew->count; i++)
        sum += worker_done(&crew->runners[i].worker);
    return sum;
}

static void
show_progress(const struct crew *crew, unsigned second, uint64_t *before)
{
    uint64_t now = done_so_far(crew);

    fprintf(stderr, "\r%4u s  %12llu calls  %10llu a second ", second, (unsigned long long)now,
        (unsigned long long)(now - *before));
    fflush(stderr);
    *before = now;
}

/* The caller holds the lock. */
static void
wait_for_all(struct crew *crew, bool shows)
{
    struct timespec until;
    uint64_t before = 0;
    unsigned second = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    while (crew->running > 0) {
        until.tv_sec++;
        while (crew->running > 0 && pthread_cond_timedwait(&crew->ended, &crew->lock, &until) == 0)
            continue;
        if (shows)
            show_progress(crew, ++second, &before);
    }
    if (shows)
        fputs("\r\033[K", stderr);
}

/* ---- workers ---- */

/* A worker's share of a number. */
static uint32_t
part_of(uint32_t number, uint32_t which, uint32_t count)
{
    return number / count + (which < number % count);
}

static void
init_worker(struct worker *worker, const struct plan *plan, uint32_t which)
{
    const struct options *options = plan->options;

    worker->plan = plan;
    worker->connection_count = part_of(options->connections, which, options->threads);
    worker->number = which;
    worker->rate = (double)options->rate / options->threads;
    worker->calls =
        options->calls > 0 ? part_of(options->calls, which, options->threads) : UINT64_MAX;
}

static bool
start_all(struct crew *crew, const struct plan *plan)
{
    bool good = true;

    for (uint32_t i = 0; i < crew->count && good; i++) {
        struct runner *runner = &crew->runners[i];

        init_worker(&runner->worker, plan, i);
        runner->crew = crew;
        pthread_mutex_lock(&crew->lock);
        good = pthread_create(&runner->thread, NULL, run_thread, runner) == 0;
        crew->running += good;
        pthread_mutex_unlock(&crew->lock);
        if (!good)
            crew->count = i;
    }
    return good;
}

static int
collect(struct crew *crew, const struct plan *plan, struct tally *out_tally)
{
    int status = 0;

    for (uint32_t i = 0; i < crew->count; i++) {
        struct runner *runner = &crew->runners[i];

        pthread_join(runner->thread, NULL);
        tally_merge(out_tally, &runner->worker.tally);
        if (!runner->good && status == 0) {
            complain("weir-bench", "%s: %s", plan->options->target, runner->worker.error);
            status = 1;
        }
    }
    return status;
}

static int
run_plan(const struct plan *plan, struct tally *out_tally)
{
    struct crew crew = {.count = plan->options->threads,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .ended = PTHREAD_COND_INITIALIZER};
    int status = 1;
    bool good;

    crew.runners = calloc(crew.count, sizeof(*crew.runners));
    if (crew.runners == NULL) {
        complain("weir-bench", "out of memory");
        return 1;
    }
    good = start_all(&crew, plan);
    pthread_mutex_lock(&crew.lock);
    wait_for_all(&crew, !plan->options->quiet && isatty(STDERR_FILENO));
    pthread_mutex_unlock(&crew.lock);
    status = collect(&crew, plan, out_tally);
    if (!good) {
        complain("weir-bench", "cannot start a thread");
        status = 1;
    }
    free(crew.runners);
    return status;
}

/* ---- the plan ---- */

/* *out_tls is NULL without TLS. False: an error was printed. */
static bool
open_tls(const struct options *options, weir_tls **out_tls)
{
    const struct weir_tls_client_options tls = {.ca_file = options->ca,
        .pair = {options->cert, options->key},
        .server_name = options->server_name};
    char error[WEIR_TLS_ERROR];

    *out_tls = NULL;
    if (!options->tls || weir_tls_client_new(&tls, out_tls, error) == WEIR_OK)
        return true;
    complain("weir-bench", "TLS: %s", error);
    return false;
}

static int
run_request(const struct options *options, struct plan *plan, struct tally *out_tally)
{
    struct request request;
    char error[FLAGS_ERROR];
    int status;

    if (!request_init(&request, options, error)) {
        complain("weir-bench", "%s", error);
        return EXIT_USAGE;
    }
    plan->request = &request;
    status = run_plan(plan, out_tally);
    plan->request = NULL;
    request_fini(&request);
    return status;
}

int
run(const struct options *options, struct tally *out_tally)
{
    struct net_address addresses[MAX_ADDRESSES];
    struct net_endpoint endpoint;
    struct plan plan = {.options = options, .addresses = addresses};
    const char *why = "";
    int status;

    if (net_endpoint_parse(options->target, &endpoint) != WEIR_OK) {
        complain("weir-bench", "\"%s\" is not HOST:PORT or unix:PATH", options->target);
        return EXIT_USAGE;
    }
    if (net_resolve(&endpoint, addresses, MAX_ADDRESSES, &plan.address_count, &why) != WEIR_OK) {
        complain("weir-bench", "%s: %s", options->target, why);
        return 1;
    }
    if (!open_tls(options, &plan.tls))
        return EXIT_USAGE;
    plan.host = options->server_name != NULL ? options->server_name
                : endpoint.is_unix           ? "localhost"
                                             : endpoint.host;
    status = run_request(options, &plan, out_tally);
    weir_tls_free(plan.tls);
    return status;
}
