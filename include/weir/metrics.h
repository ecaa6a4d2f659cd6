/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics for Prometheus: of calls, of the runtime, and the application's own. Part of libweir-ext.
 */
/* Threads: safe from any thread, except new and free. Updating a metric neither locks nor
 * allocates; creating a series locks. */
#pragma once

#include <weir/http.h>
#include <weir/interceptor.h>
#include <weir/pool.h>
#include <weir/tls.h>

WEIR_BEGIN_C

/* A registry of metrics. */
typedef struct weir_metrics weir_metrics;

/* Zero selects each field's default, which is given last. */
struct weir_metrics_options {
    size_t max_methods; /* per side (server, client); further ones count as "other"; default 256 */
    size_t max_series;  /* per name; further labels count as "other"; default 1000 */
};

/* Create a registry. options may be NULL. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_metrics_new(
    const struct weir_metrics_options *options, weir_metrics **out_metrics);

/* After every server and channel that uses it. */
WEIR_API void weir_metrics_free(weir_metrics *metrics);

/* ---- calls ---- */

/* The interceptor, for servers and channels; self is the weir_metrics. Updates:
 *   grpc_requests_total{method,type}              calls started
 *   grpc_request_duration_seconds{method,type}    histogram, 50 us to 10 s; on a server from when
 *                                                 the request was read
 *   grpc_request_errors_total{method,code}        calls ended with a code other than OK
 * On a client the names begin with grpc_client_ instead of grpc_. Suspends. */
WEIR_API weir_interceptor weir_metrics_intercept;

/* ---- exposition ---- */

/* Write all metrics in Prometheus' text format, by several calls of `write`. */
WEIR_API void weir_metrics_write(
    weir_metrics *metrics, void (*write)(void *arg, const char *text, size_t len), void *arg);

/* An HTTP handler that does so, for weir_server_handle; self is the weir_metrics. */
WEIR_API weir_http_handler weir_metrics_answer;

/* ---- the application's own metrics ----
 *
 * A series is a name with label values. These functions create it, or return the existing one; it
 * lives as long as the registry. They copy the strings. NULL: the name is malformed or exists with
 * another type or other label names, or no memory. */

struct weir_label {
    const char *name, *value;
};

typedef struct weir_counter weir_counter;
typedef struct weir_gauge weir_gauge;
typedef struct weir_histogram weir_histogram;

/* By convention a counter's name ends in "_total". */
WEIR_API weir_counter *weir_metrics_counter(weir_metrics *metrics, const char *name,
    const char *help, const struct weir_label *labels, size_t label_count);
WEIR_API weir_gauge *weir_metrics_gauge(weir_metrics *metrics, const char *name, const char *help,
    const struct weir_label *labels, size_t label_count);

/* bounds: the upper bounds of the buckets, ascending, at most 32. */
WEIR_API weir_histogram *weir_metrics_histogram(weir_metrics *metrics, const char *name,
    const char *help, const double *bounds, size_t bound_count, const struct weir_label *labels,
    size_t label_count);

/* Update a metric. NULL: does nothing. */
WEIR_API void weir_counter_add(weir_counter *counter, uint64_t more);
WEIR_API void weir_gauge_set(weir_gauge *gauge, double value);
WEIR_API void weir_gauge_add(weir_gauge *gauge, double more);
WEIR_API void weir_histogram_observe(weir_histogram *histogram, double value);

/* ---- values counted elsewhere ---- */

/* One exposition of all metrics. */
typedef struct weir_scrape weir_scrape;

/* Called at each exposition to add its values. Must not suspend. */
typedef void weir_collector(void *self, weir_scrape *scrape);

/* Add a collector. Borrows self until the registry is freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_metrics_collect(
    weir_metrics *metrics, weir_collector *collector, void *self);

/* In a collector: begin a metric, whose name must be unique, and then add its values. type:
 * "counter" or "gauge". */
WEIR_API void weir_scrape_name(
    weir_scrape *scrape, const char *name, const char *type, const char *help);
WEIR_API void weir_scrape_value(
    weir_scrape *scrape, const struct weir_label *labels, size_t label_count, double value);

/* Collect the counters of a server (stats.h) as weir_server_..., of a pool as weir_pool_..., or of
 * TLS settings (tls.h) as weir_tls_...; at most one of each. Borrows them until the registry is
 * freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_metrics_server(weir_metrics *metrics, weir_server *server);
WEIR_API WEIR_CHECK weir_code weir_metrics_pool(weir_metrics *metrics, weir_pool *pool);
WEIR_API WEIR_CHECK weir_code weir_metrics_tls(weir_metrics *metrics, weir_tls *tls);

WEIR_END_C
