/* SPDX-License-Identifier: Apache-2.0 */
/* userd's limits: the rate of calls from each client address, and concurrent calls. */
/* Threads: opened and closed by the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"
#include "userd/log.h"
#include <weir/concurrency.h>
#include <weir/metrics.h>
#include <weir/ratelimit.h>
#include <weir/server.h>

/* --rate. */
struct limits_rate {
    bool given;
    struct weir_rate rate; /* 0: off */
};

#define LIMITS_RATE_FORMS \
    "calls a second and how many at once, a year's at most, such as 100:200 or 0.5, or off"

/* "RATE[:BURST]" or "off". False: it is neither, or a rate that weir_ratelimit_new refuses. */
bool limits_rate_parse(const char *text, struct weir_rate *out_rate);
flag_reader limits_read_rate; /* struct limits_rate */

struct limits {
    weir_ratelimit *rate; /* NULL: no limit */
    weir_concurrency *concurrency;
};

struct limits_options {
    struct weir_rate rate;
    const struct weir_method_rate *methods; /* methods with rates of their own */
    size_t method_count;
    bool concurrency;
    const struct weir_ratelimit_backend *shared; /* NULL: rates are counted in this process */
    void *shared_self;
};

/* Wrap the server, and add the number of refused calls to the metrics. False: no memory.
 * limits_close must be called in any case, after the server is freed; it logs that number. */
bool limits_open(struct limits *limits, const struct limits_options *options, weir_server *server,
    weir_metrics *metrics);
void limits_close(struct limits *limits, const struct log *log);
