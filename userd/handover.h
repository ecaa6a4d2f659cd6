/* SPDX-License-Identifier: Apache-2.0 */
/* Restart without downtime: a new userd inherits this one's listening sockets, and ends this one
 * once it serves. Until then both accept from the same queues, so that no client is refused. */
/* Threads: belongs to the thread that waits for signals, except for the functions that new
 * processes call. */
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
    pid_t successor; /* 0: none is running */
};

/* Start the successor with the same command line; the executable is looked up again, so it may be
 * another version. */
void handover_start(struct handover *handover);

/* Call when a child has ended; acts if it was the successor. */
void handover_reap(struct handover *handover);

/* Was this process started by handover_start of its parent? */
bool handover_has_predecessor(void);

/* Tell the predecessor to end, because this process is ready to serve. */
void handover_complete(const struct log *log);
