/* SPDX-License-Identifier: Apache-2.0 */
/* userd's traces: which calls are sampled, and the thread that exports them to a collector. */
/* Threads: opened and closed by the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"
#include "userd/log.h"
#include <pthread.h>
#include <weir/metrics.h>
#include <weir/server.h>
#include <weir/tracing.h>

flag_reader tracing_read_sample; /* double, the share that is not sampled: 1 minus the value */

struct tracing {
    weir_tracer *tracer; /* NULL: no traces */
    pthread_t thread;
    bool running;
};

/* The channel to the collector; NULL: there is none. */
weir_channel *tracing_channel(const struct tracing *tracing);

/* Trace the calls of a server that has its address, and add the counts of spans to the metrics. url
 * NULL: do nothing. False: no memory or no thread. tracing_close must be called in any case, after
 * the server is freed; it drops spans that cannot be exported within two seconds, and logs how
 * many. */
bool tracing_open(struct tracing *tracing, const char *url, double skip, weir_server *server,
    weir_metrics *metrics);
void tracing_close(struct tracing *tracing, const struct log *log);
