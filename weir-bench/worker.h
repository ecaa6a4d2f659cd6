/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's share of the load: its loop, its connections, and when calls begin.
 *
 *   CONNECTING --all are ready--> WARM_UP --> MEASURING --time or calls are over--> ENDING -->
 * ENDED
 *
 * Without a rate each call that ends begins another one in its place. With one, calls are due at
 * fixed points in time; one that finds no free stream stays due, and its time counts from when it
 * was due, so that a server that stalls is not asked less (coordinated omission). */
/* Threads: worker_run belongs to the worker's thread, and all it calls; worker_done is for any. */
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
    const struct net_address *addresses; /* to try, in this order */
    size_t address_count;
    const char *host; /* of the target, for TLS */
    weir_tls *tls;    /* NULL: plain text */
};

struct worker {
    const struct plan *plan;
    uint32_t number;           /* of the plan's workers, from 0 */
    uint32_t connection_count; /* its own */
    double rate;               /* calls a second; 0: without */
    uint64_t calls;            /* to make; UINT64_MAX: no limit */

    weir_loop *loop;
    struct connection *connections;
    uint32_t ready; /* connections that are */
    enum worker_phase phase;
    struct loop_timer timer; /* the end of the phase */
    int64_t now;             /* read once a batch */
    int64_t started, measured_from;
    uint64_t begun, in_flight;
    uint32_t turn; /* the connection to look at first for a call that is due */
    int pace_fd;   /* a timerfd, -1 without a rate */
    uv_poll_t pace;
    bool pacing; /* pace is libuv's, and closes last */
    struct tally tally;
    char error[256]; /* why it could not go on; "" while it can */
};

/* Run to the end. False: it could not begin, or go on; error says why. */
bool worker_run(struct worker *worker);

/* Calls that have ended so far; from any thread. */
uint64_t worker_done(const struct worker *worker);

/* ---- for its connections ---- */

/* Read the clock. */
void worker_read_clock(struct worker *worker);

/* A connection has become ready; or one that was is lost. */
void worker_on_ready(struct worker *worker);
void worker_on_lost(struct worker *worker);

/* It cannot be reached at all. */
void worker_fail(struct worker *worker, const char *why);

/* May a call begin now? *out_due: when it ought to have. */
bool worker_next(const struct worker *worker, int64_t *out_due);

/* A call that began, or was due, then has ended; took: the time to note, below zero for none. */
void worker_on_ended(
    struct worker *worker, int64_t due, int64_t took, weir_code code, const char *text);

/* A message came back in this time, of a stream that sends the next one then. */
void worker_on_round_trip(struct worker *worker, int64_t took);
