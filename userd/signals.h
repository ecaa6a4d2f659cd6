/* SPDX-License-Identifier: Apache-2.0 */
/* SIGTERM and SIGINT: before it serves they end the program; then the first drains the server, the
 * second ends it at once. SIGHUP: certificates are read again. SIGUSR2: a successor takes over
 * (handover.h). */
/* Threads: start and stop belong to the main thread; one thread of its own waits for the signals.
 */
#pragma once

#include "userd/handover.h"
#include "userd/log.h"
#include "userd/ops.h"
#include "userd/watchdog.h"
#include <pthread.h>
#include <stdatomic.h>
#include <weir/server.h>

struct signals {
    weir_server *server; /* borrowed, like log */
    const struct log *log;
    weir_tls *tls; /* may be NULL */
    struct ops *ops;
    int64_t grace;
    struct handover handover;
    struct watchdog watchdog;
    unsigned ends;               /* signals to end that have come */
    void (*draining)(void *arg); /* may be NULL: before the server drains, each time */
    void *arg;
    pthread_t thread;
    bool started;
    atomic_bool serving, stopped;
};

/* Hold the signals back in this thread and in all that it starts: before the first of them. */
void signals_block(void);

/* Wait for the signals on a thread; server, log, tls, ops, grace, handover.argv, draining and arg
 * are set. False: it cannot be started. */
bool signals_start(struct signals *signals);

/* From here on signals are the server's. */
void signals_serve(struct signals *signals);

/* Before the server is freed. Does nothing unless it is started. */
void signals_stop(struct signals *signals);
