/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's share of the load: its loop, its connections, and when calls begin.
 *
 *   CONNECTING --all ready--> WARM_UP --> MEASURING --time or calls over--> ENDING --> ENDED
 *
 * Without a rate, each call that ends is replaced by a new one. With a rate, calls are due at fixed
 * points in time; a call that finds no free stream stays due, and its latency counts from then, so
 * that a server that stalls does not get less load (coordinated omission). */
/* Threads: worker_run and all that it calls belong to the worker's thread; worker_done is safe from
 * any. */
#pragma once

#include "net/net.h"
#include "weir-bench/request.h"
#include "weir-bench/tally.h"

enum worker_phase {
    WORKER_CONNECTING,
    WORKER_WARM_UP,
    WORKER_MEASURING,
    WORKER_ENDING,
    WORKER_ENDED
};

struct connection;

/* What all workers of a run share. */
struct plan {
    const struct options *options;
    const struct request *request;
    const struct net_address *addresses; /* tried in this order */
    size_t address_count;
    const char *host; /* of the target, for TLS */
    weir_tls *tls;    /* NULL: plaintext */
};

struct worker {
    const struct plan *plan;
    uint32_t number;           /* among the plan's workers, from 0 */
    uint32_t connection_count; /* of this worker */
    double rate;               /* calls per second; 0: no rate */
    uint64_t calls;            /* to make; UINT64_MAX: no limit */

    weir_loop *loop;
    struct connection *connections;
    uint32_t ready; /* number of ready connections */
    enum worker_phase phase;
    struct loop_timer timer; /* end of the phase */
    int64_t now;             /* read once per batch of events */
    int64_t started, measured_from;
    uint64_t begun, in_flight;
    uint32_t turn; /* the connection to try first for the next call */
    int pace_fd;   /* a timerfd; -1 without a rate */
    uv_poll_t pace;
    bool pacing; /* pace is initialised, and must be closed last */
    struct tally tally;
    char error[256]; /* why the worker failed; "" while it has not */
};

/* Run to the end. False: it could not start or continue; error says why. */
bool worker_run(struct worker *worker);

/* Calls that ended so far; safe from any thread. */
uint64_t worker_done(const struct worker *worker);

/* ---- for its connections ---- */

/* Read the clock. */
void worker_read_clock(struct worker *worker);

/* A connection has become ready; a connection that was ready is lost. */
void worker_on_ready(struct worker *worker);
void worker_on_lost(struct worker *worker);

/* The server cannot be reached at all. */
void worker_fail(struct worker *worker, const char *why);

/* May a call begin now? *out_due: when it should have begun. */
bool worker_next(const struct worker *worker, int64_t *out_due);

/* A call has ended that began, or was due, at `due`; took: the time to record, negative for none.
 */
void worker_on_ended(
    struct worker *worker, int64_t due, int64_t took, weir_code code, const char *text);

/* A stream that sends one message after each response has received one after this time. */
void worker_on_round_trip(struct worker *worker, int64_t took);
