/* SPDX-License-Identifier: Apache-2.0 */
/* userd's traces: which calls are recorded, and the thread that sends them to a collector. */
/* Threads: opened and closed by the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"
#include "userd/log.h"
#include <pthread.h>
#include <weir/metrics.h>
#include <weir/server.h>
#include <weir/tracing.h>

flag_reader tracing_read_sample; /* double, the share that is not recorded: 1 less what is given */

struct tracing {
    weir_tracer *tracer; /* NULL: nothing is traced */
    pthread_t thread;
    bool running;
};

/* The channel to the collector, NULL: none. */
weir_channel *tracing_channel(const struct tracing *tracing);

/* Trace the calls of a server that has its address, and let metrics tell what becomes of the spans.
 * url NULL: do nothing. False: no memory, or no thread. tracing_close is needed in any case, after
 * the server is freed; what cannot be sent within two seconds is dropped, and a line in the log
 * counts that. */
bool tracing_open(struct tracing *tracing, const char *url, double skip, weir_server *server,
    weir_metrics *metrics);
void tracing_close(struct tracing *tracing, const struct log *log);
