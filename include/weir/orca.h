/* SPDX-License-Identifier: Apache-2.0 */
/* ORCA load reports of servers, in a call's trailers and on a stream (gRFC A51), for load
 * balancing. Part of libweir-ext. */
/* Threads: a weir_orca is safe from any thread; functions that take a call follow call.h. */
#pragma once

#include <weir/server.h>

WEIR_BEGIN_C

/* An application-defined metric. */
struct weir_orca_metric {
    const char *name;
    double value;
};

/* The maximum length of each list in a report; the rest is omitted. */
#define WEIR_ORCA_METRICS_MAX 64

/* A load report. Zero: not reported. Utilizations are fractions of 1. */
struct weir_orca_report {
    double cpu_utilization;         /* may exceed 1 */
    double memory_utilization;      /* 0 to 1 */
    double application_utilization; /* may exceed 1 */
    double calls_per_second, errors_per_second;
    const struct weir_orca_metric *request_cost; /* of the call; not on a stream */
    size_t request_cost_count;
    const struct weir_orca_metric *utilization; /* of other resources, 0 to 1 */
    size_t utilization_count;
    const struct weir_orca_metric *named; /* other metrics */
    size_t named_count;
};

/* ---- server ---- */

/* A server's current load. */
typedef struct weir_orca weir_orca;

/* Zero selects each field's default, which is given last. */
struct weir_orca_options {
    int64_t min_interval; /* nanoseconds between reports on a stream; default 30 s */
};

/* Create an empty load. options may be NULL. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_orca_new(
    const struct weir_orca_options *options, weir_orca **out_orca);

/* After every server that offers it is freed. */
WEIR_API void weir_orca_free(weir_orca *orca);

/* Set the load, for the next reports on streams and in calls. Copies it. RESOURCE_EXHAUSTED: no
 * memory; the load is unchanged. */
WEIR_API WEIR_CHECK weir_code weir_orca_tell(
    weir_orca *orca, const struct weir_orca_report *report);

/* Offer xds.service.orca.v3.OpenRcaService on a server. Borrows orca until the server is freed.
 * Errors are those of weir_server_add. */
WEIR_API WEIR_CHECK weir_code weir_orca_add(weir_server *server, weir_orca *orca);

/* In a handler, once per call: send a report in the trailers. Fields that `report` leaves zero are
 * taken from orca; either may be NULL. Errors are those of weir_call_add_trailer. */
WEIR_API WEIR_CHECK weir_code weir_orca_report_call(
    weir_call *call, weir_orca *orca, const struct weir_orca_report *report);

/* ---- client ---- */

/* The report in the trailers of a call that has ended. Lives as long as the call. INTERNAL: it does
 * not parse. NOT_FOUND: there is none. */
WEIR_API WEIR_CHECK weir_code weir_orca_of_call(
    weir_call *call, struct weir_orca_report *out_report);

/* Open a stream of reports on a new call object, one every `interval` nanoseconds, or at a longer
 * interval of the server's. Errors are those of weir_call_open. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_orca_open(weir_call *call, int64_t interval);

/* Receive the next report, which lives until the next receive. False: weir_call_code says why.
 * Suspends. */
WEIR_API WEIR_CHECK bool weir_orca_receive(weir_call *call, struct weir_orca_report *out_report);

WEIR_END_C
