/* SPDX-License-Identifier: Apache-2.0 */
/* ORCA: what a server tells of its load, in a call's trailers and on a stream (gRFC A51); clients
 * balance by it. */
/* Threads: a weir_orca is safe from any thread; what takes a call follows call.h. */
#pragma once

#include <weir/server.h>

WEIR_BEGIN_C

/* A value under a name of the application's own. */
struct weir_orca_metric {
    const char *name;
    double value;
};

/* The most names in each list of a report; what is over is left out. */
#define WEIR_ORCA_METRICS_MAX 64

/* Zero is "not told". Shares count 1 as all there is. */
struct weir_orca_report {
    double cpu_utilization;         /* may exceed 1 */
    double memory_utilization;      /* 0 to 1 */
    double application_utilization; /* may exceed 1 */
    double calls_per_second, errors_per_second;
    const struct weir_orca_metric *request_cost; /* of one call; not on the stream */
    size_t request_cost_count;
    const struct weir_orca_metric *utilization; /* of further resources, 0 to 1 */
    size_t utilization_count;
    const struct weir_orca_metric *named;
    size_t named_count;
};

/* ---- server ---- */

/* A server's load, as last told. */
typedef struct weir_orca weir_orca;

/* Zero is the default of every field. */
struct weir_orca_options {
    int64_t min_interval; /* nanoseconds between reports of a stream, at least; 30 s */
};

/* options may be NULL. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_orca_new(
    const struct weir_orca_options *options, weir_orca **out_orca);

/* After every server that offers it. */
WEIR_API void weir_orca_free(weir_orca *orca);

/* Tell the load: the next report of every stream, and of every call that reports. Copies it.
 * RESOURCE_EXHAUSTED: no memory; the last one stays. */
WEIR_API WEIR_CHECK weir_code weir_orca_tell(
    weir_orca *orca, const struct weir_orca_report *report);

/* Offer xds.service.orca.v3.OpenRcaService. Borrows orca until the server is freed. */
WEIR_API WEIR_CHECK weir_code weir_orca_add(weir_server *server, weir_orca *orca);

/* In a handler: send a report with the call's trailers, once a call. Where `report` does not tell
 * something, what the orca was told last counts; either may be NULL. What weir_call_add_trailer
 * says. */
WEIR_API WEIR_CHECK weir_code weir_orca_report_call(
    weir_call *call, weir_orca *orca, const struct weir_orca_report *report);

/* ---- client ---- */

/* The report in the trailers of a call that has ended; lives as long as the call. NOT_FOUND: there
 * is none. INTERNAL: it does not parse. */
WEIR_API WEIR_CHECK weir_code weir_orca_of_call(
    weir_call *call, struct weir_orca_report *out_report);

/* Open a stream of reports on a fresh call object, one every `interval` nanoseconds or as seldom as
 * the server wants. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_orca_open(weir_call *call, int64_t interval);

/* The next report; lives until the next one. False: weir_call_code says why. Suspends. */
WEIR_API WEIR_CHECK bool weir_orca_receive(weir_call *call, struct weir_orca_report *out_report);

WEIR_END_C
