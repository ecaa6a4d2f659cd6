/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for Prometheus: of calls, of the runtime, and one's own. */
/* Threads: every function here is safe from any thread, but new and free. Counting takes no lock
 * and no memory; making a series takes a lock. */
#pragma once

#include <weir/http.h>
#include <weir/interceptor.h>
#include <weir/pool.h>
#include <weir/tls.h>

WEIR_BEGIN_C

/* What is counted, by name. */
typedef struct weir_metrics weir_metrics;

/* Zero is the default of every field. */
struct weir_metrics_options {
    size_t max_methods; /* a side; calls of further ones are counted as "other"; 256 */
    size_t max_series;  /* of a name: further labels are counted as "other"; 1000 */
};

/* options may be NULL. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_metrics_new(
    const struct weir_metrics_options *options, weir_metrics **out_metrics);

/* After every server and channel that counts in it. */
WEIR_API void weir_metrics_free(weir_metrics *metrics);

/* ---- calls ---- */

/* Count calls, of a server or of a channel; self is the weir_metrics:
 *   grpc_requests_total{method,type}              calls that have begun
 *   grpc_request_duration_seconds{method,type}    histogram, from 50 us to 10 s; on a server since
 *                                                 the request was read
 *   grpc_request_errors_total{method,code}        calls that ended with another code than OK
 * On the client's side the names begin with grpc_client_. */
WEIR_API weir_interceptor weir_metrics_intercept;

/* ---- the text ---- */

/* Write everything in the text format of Prometheus, piece by piece. */
WEIR_API void weir_metrics_write(
    weir_metrics *metrics, void (*write)(void *arg, const char *text, size_t len), void *arg);

/* The same as the answer of an HTTP endpoint, for weir_server_handle; self is the weir_metrics. */
WEIR_API weir_http_handler weir_metrics_answer;

/* ---- one's own ----
 *
 * A name with labels is a series. Asking for one makes it, or gives the one that is there; it lives
 * as long as the metrics. Copies the texts. NULL: not a name, or one of another type or with other
 * labels, or no memory. */

struct weir_label {
    const char *name, *value;
};

typedef struct weir_counter weir_counter;
typedef struct weir_gauge weir_gauge;
typedef struct weir_histogram weir_histogram;

/* By convention the name of a counter ends in "_total". */
WEIR_API weir_counter *weir_metrics_counter(weir_metrics *metrics, const char *name,
    const char *help, const struct weir_label *labels, size_t label_count);
WEIR_API weir_gauge *weir_metrics_gauge(weir_metrics *metrics, const char *name, const char *help,
    const struct weir_label *labels, size_t label_count);

/* bounds: what each bucket holds at most, rising; at most 32 of them. */
WEIR_API weir_histogram *weir_metrics_histogram(weir_metrics *metrics, const char *name,
    const char *help, const double *bounds, size_t bound_count, const struct weir_label *labels,
    size_t label_count);

/* Each does nothing with NULL. */
WEIR_API void weir_counter_add(weir_counter *counter, uint64_t more);
WEIR_API void weir_gauge_set(weir_gauge *gauge, double value);
WEIR_API void weir_gauge_add(weir_gauge *gauge, double more);
WEIR_API void weir_histogram_observe(weir_histogram *histogram, double value);

/* ---- what is counted elsewhere ---- */

/* One reading of everything. */
typedef struct weir_scrape weir_scrape;

/* Asked at each reading for what it knows. It must not park. */
typedef void weir_collector(void *self, weir_scrape *scrape);

/* Borrows self until the metrics are freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_metrics_collect(
    weir_metrics *metrics, weir_collector *collector, void *self);

/* Begin a name, which no other may have; its values follow. type: "counter" or "gauge". */
WEIR_API void weir_scrape_name(
    weir_scrape *scrape, const char *name, const char *type, const char *help);
WEIR_API void weir_scrape_value(
    weir_scrape *scrape, const struct weir_label *labels, size_t label_count, double value);

/* Collect what a server counts (weir/stats.h), as weir_server_..., a pool, as weir_pool_..., and a
 * TLS setup (weir/tls.h), as weir_tls_...: one of each at most, borrowed until the metrics are
 * freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_metrics_server(weir_metrics *metrics, weir_server *server);
WEIR_API WEIR_CHECK weir_code weir_metrics_pool(weir_metrics *metrics, weir_pool *pool);
WEIR_API WEIR_CHECK weir_code weir_metrics_tls(weir_metrics *metrics, weir_tls *tls);

WEIR_END_C
