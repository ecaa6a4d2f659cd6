/* SPDX-License-Identifier: Apache-2.0 */
/* Restart without a gap: a new userd is started with this one's listening sockets, and ends this
 * one once it serves. Until then both accept from the same queues, so that nobody is refused. */
/* Threads: belongs to the thread that waits for signals, but for what new processes call. */
#pragma once

#include "userd/log.h"
#include <stdbool.h>
#include <sys/types.h>
#include <weir/server.h>

#define HANDOVER_SOCKETS_MAX 1024

struct handover {
    char **argv; /* the command line; borrowed, like the rest */
    weir_server *server;
    const struct log *log;
    pid_t successor; /* 0: none is at work */
};

/* Start the successor: the same command line, found anew, so that it may be another version. */
void handover_start(struct handover *handover);

/* A child has ended: was it the successor? */
void handover_reap(struct handover *handover);

/* Was this process started by handover_start of its parent? */
bool handover_has_predecessor(void);

/* Everything is there to serve with: the predecessor may go. */
void handover_complete(const struct log *log);
