/* SPDX-License-Identifier: Apache-2.0 */
/* SIGTERM and SIGINT: the first drains the server, the second ends it at once. SIGHUP: certificates
 * are read again. SIGUSR2: a successor is started (handover.h). */
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
    unsigned ends;               /* signals to end that were received */
    void (*draining)(void *arg); /* may be NULL: called before the server drains, for each signal */
    void *arg;
    pthread_t thread;
    atomic_bool stopped;
};

/* Block the signals in this thread and in those it starts; before any thread is started. */
void signals_block(void);

/* Start a thread that waits for the signals; server, log, tls, ops, grace, handover.argv, draining
 * and arg are set. False: it cannot be started. */
bool signals_start(struct signals *signals);

/* Before the server is freed. */
void signals_stop(struct signals *signals);
