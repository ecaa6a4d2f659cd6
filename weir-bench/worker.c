/* SPDX-License-Identifier: Apache-2.0 */
#include "weir-bench/worker.h"

#include "weir-bench/connection.h"
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Time for calls to complete after the load has ended. */
#define GRACE (5 * WEIR_SECOND)

/* ---- the schedule ---- */

void
worker_read_clock(struct worker *worker)
{
    worker->now = weir_now();
}

static int64_t
due_at(const struct worker *worker, uint64_t number)
{
    return worker->started + (int64_t)((double)number * 1e9 / worker->rate);
}

/* Calls become due until this time. */
static int64_t
end_of_dues(const struct worker *worker)
{
    int64_t start = worker->started + worker->plan->options->warm_up;

    if (worker->plan->options->duration > WEIR_NEVER - start)
        return WEIR_NEVER;
    return start + worker->plan->options->duration;
}

bool
worker_next(const struct worker *worker, int64_t *out_due)
{
    if (worker->phase == WORKER_CONNECTING || worker->begun == worker->calls)
        return false;
    *out_due = worker->rate > 0 ? due_at(worker, worker->begun) : worker->now;
    if (worker->rate > 0)
        return *out_due <= worker->now && *out_due < end_of_dues(worker);
    return worker->phase < WORKER_ENDING;
}

static bool
begin_one(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->connection_count; i++) {
        struct connection *conn = &worker->connections[worker->turn];

        worker->turn = (worker->turn + 1) % worker->connection_count;
        if (connection_begin(conn))
            return true;
    }
    return false;
}

static void
sleep_until_due(struct worker *worker)
{
    int64_t due = due_at(worker, worker->begun);
    struct itimerspec when = {
        .it_value = {.tv_sec = due / WEIR_SECOND, .tv_nsec = (long)(due % WEIR_SECOND)}};

    if (due > worker->now && worker->phase < WORKER_ENDING)
        timerfd_settime(worker->pace_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Begin the calls that are due; those without a free stream are retried when a stream becomes free.
 */
static void
keep_pace(struct worker *worker)
{
    int64_t due;

    while (worker_next(worker, &due))
        if (!begin_one(worker))
            return;
    sleep_until_due(worker);
}

static void
on_pace(uv_poll_t *poll, int status, int events)
{
    struct worker *worker = poll->data;
    uint64_t expirations;

    (void)status;
    (void)events;
    if (read(worker->pace_fd, &expirations, sizeof(expirations)) < 0)
        return;
    worker_read_clock(worker);
    keep_pace(worker);
}

static bool
start_pace(struct worker *worker)
{
    worker->pace_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (worker->pace_fd < 0 ||
        uv_poll_init(loop_uv(worker->loop), &worker->pace, worker->pace_fd) != 0)
        return false;
    worker->pacing = true;
    worker->pace.data = worker;
    return uv_poll_start(&worker->pace, UV_READABLE, on_pace) == 0;
}

/* ---- the phases ---- */

static void
set_timer(struct worker *worker, int64_t after)
{
    int64_t due = after > WEIR_NEVER - worker->now ? WEIR_NEVER : worker->now + after;

    if (loop_timer_start(worker->loop, &worker->timer, due) != WEIR_OK)
        worker_fail(worker, "no memory");
}

/* Record calls that were due and have not ended with the time that they have taken so far. */
static void
give_up_dues(struct worker *worker)
{
    int64_t due;

    while (worker->rate > 0 && worker_next(worker, &due)) {
        worker->begun++;
        worker->tally.unfinished++;
        histogram_add(&worker->tally.latency, worker->now - due);
    }
}

static void
on_closed_pace(uv_handle_t *handle)
{
    struct worker *worker = handle->data;

    weir_loop_stop(worker->loop);
}

static void
end(struct worker *worker)
{
    if (worker->phase == WORKER_ENDED)
        return;
    loop_timer_stop(worker->loop, &worker->timer);
    worker->tally.unfinished += worker->in_flight;
    give_up_dues(worker);
    worker->phase = WORKER_ENDED;
    for (uint32_t i = 0; i < worker->connection_count; i++)
        connection_close(&worker->connections[i]);
    if (worker->pacing)
        uv_close((uv_handle_t *)&worker->pace, on_closed_pace);
    else
        weir_loop_stop(worker->loop);
    loop_touch(worker->loop);
}

static bool
is_over(const struct worker *worker)
{
    int64_t due;

    return worker->in_flight == 0 && !(worker->rate > 0 && worker_next(worker, &due));
}

static void
stop_measuring(struct worker *worker)
{
    worker->tally.time = worker->now - worker->measured_from;
    worker->phase = WORKER_ENDING;
    set_timer(worker, GRACE);
    if (is_over(worker))
        end(worker);
}

static void
start_measuring(struct worker *worker)
{
    worker->phase = WORKER_MEASURING;
    worker->measured_from = worker->now;
    set_timer(worker, worker->plan->options->duration);
}

static void
phase_is_over(struct loop_timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, timer);

    worker_read_clock(worker);
    if (worker->phase == WORKER_WARM_UP)
        start_measuring(worker);
    else if (worker->phase == WORKER_MEASURING)
        stop_measuring(worker);
    else
        end(worker);
}

/* All calls of a limited number have ended; a worker's share may be zero. */
static bool
all_are_made(const struct worker *worker)
{
    return worker->phase == WORKER_MEASURING && worker->in_flight == 0 &&
           worker->begun == worker->calls;
}

/* ---- events of connections ---- */

static void
start(struct worker *worker)
{
    worker->started = worker->now;
    if (worker->plan->options->warm_up > 0) {
        worker->phase = WORKER_WARM_UP;
        set_timer(worker, worker->plan->options->warm_up);
    } else {
        start_measuring(worker);
    }
    if (worker->rate > 0)
        keep_pace(worker);
    else
        for (uint32_t i = 0; i < worker->connection_count; i++)
            connection_fill(&worker->connections[i]);
    if (all_are_made(worker))
        stop_measuring(worker);
}

void
worker_on_ready(struct worker *worker)
{
    worker->ready++;
    if (worker->phase == WORKER_CONNECTING && worker->ready == worker->connection_count)
        start(worker);
    else if (worker->phase > WORKER_CONNECTING && worker->rate > 0)
        keep_pace(worker);
}

void
worker_on_lost(struct worker *worker)
{
    worker->ready--;
    worker->tally.reconnects++;
}

void
worker_fail(struct worker *worker, const char *why)
{
    if (worker->error[0] == '\0')
        snprintf(worker->error, sizeof(worker->error), "%s", why);
    end(worker);
}

/* Is a call that ends now part of the result? With a rate, it is if it became due while measuring.
 */
static bool
counts(const struct worker *worker, int64_t due)
{
    if (worker->phase == WORKER_MEASURING)
        return worker->rate <= 0 || due >= worker->measured_from;
    return worker->phase == WORKER_ENDING && worker->rate > 0 && due >= worker->measured_from;
}

void
worker_on_ended(struct worker *worker, int64_t due, int64_t took, weir_code code, const char *text)
{
    struct tally *tally = &worker->tally;

    worker->in_flight--;
    counter_add(&tally->done, 1);
    if (counts(worker, due)) {
        tally_code(tally, code, text);
        tally->in_time += worker->phase == WORKER_MEASURING;
        if (took >= 0)
            histogram_add(&tally->latency, took);
    }
    if (all_are_made(worker))
        stop_measuring(worker);
    else if (worker->phase == WORKER_ENDING && is_over(worker))
        end(worker);
    else if (worker->rate > 0 && worker->phase < WORKER_ENDED)
        keep_pace(worker);
}

void
worker_on_round_trip(struct worker *worker, int64_t took)
{
    if (worker->phase == WORKER_MEASURING)
        histogram_add(&worker->tally.latency, took);
}

uint64_t
worker_done(const struct worker *worker)
{
    return counter_read(&worker->tally.done);
}

/* ---- setup ---- */

static bool
make_connections(struct worker *worker)
{
    uint32_t wanted = worker->connection_count;

    worker->connection_count = 0;
    worker->connections = calloc(wanted, sizeof(*worker->connections));
    if (worker->connections == NULL)
        return false;
    while (worker->connection_count < wanted)
        if (!connection_init(&worker->connections[worker->connection_count++], worker))
            return false;
    return true;
}

static void
free_all(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->connection_count; i++)
        connection_fini(&worker->connections[i]);
    free(worker->connections);
    if (worker->pace_fd >= 0)
        close(worker->pace_fd);
    weir_loop_free(worker->loop);
}

bool
worker_run(struct worker *worker)
{
    worker->pace_fd = -1;
    loop_timer_init(&worker->timer, phase_is_over);
    if (weir_loop_new(&worker->loop) != WEIR_OK) {
        snprintf(worker->error, sizeof(worker->error), "out of memory or of file descriptors");
        return false;
    }
    worker_read_clock(worker);
    if (!make_connections(worker) || (worker->rate > 0 && !start_pace(worker)))
        worker_fail(worker, "out of memory or of file descriptors");
    for (uint32_t i = 0; i < worker->connection_count && worker->phase != WORKER_ENDED; i++)
        connection_open(&worker->connections[i]);
    weir_loop_run(worker->loop);
    free_all(worker);
    return worker->error[0] == '\0';
}
