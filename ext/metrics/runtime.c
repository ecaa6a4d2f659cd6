/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of servers, pools and TLS configurations. */
#include <weir/metrics.h>
#include <weir/stats.h>

static void
put_one(weir_scrape *scrape, const char *name, const char *type, const char *help, uint64_t value)
{
    weir_scrape_name(scrape, name, type, help);
    weir_scrape_value(scrape, NULL, 0, (double)value);
}

static void
put_limits(weir_scrape *scrape, const struct weir_server_stats *stats)
{
    weir_scrape_name(scrape, "weir_server_limit_hits_total", "counter",
        "Times that a peer was stopped by a limit.");
    for (unsigned i = 0; i < WEIR_LIMIT_COUNT; i++) {
        const struct weir_label label = {"limit", weir_limit_name((enum weir_limit)i)};

        weir_scrape_value(scrape, &label, 1, (double)stats->limit_hits[i]);
    }
}

static void
put_offences(weir_scrape *scrape, const struct weir_server_stats *stats)
{
    const struct weir_label futile = {"kind", "futile"}, harmful = {"kind", "harmful"};

    weir_scrape_name(scrape, "weir_server_offences_total", "counter",
        "Connections that were of no use, or did harm, which addresses that are not trusted owe.");
    weir_scrape_value(scrape, &futile, 1, (double)stats->connections_futile);
    weir_scrape_value(scrape, &harmful, 1, (double)stats->connections_harmful);
    put_one(scrape, "weir_server_addresses_held_back", "gauge",
        "Addresses of which new connections are let in one by one.", stats->addresses_held_back);
}

static void
collect_server(void *self, weir_scrape *scrape)
{
    struct weir_server_stats stats;
    weir_server *server = self;

    weir_server_stats(server, &stats);
    put_one(scrape, "weir_server_connections_accepted_total", "counter",
        "Connections that were accepted.", stats.connections_accepted);
    put_one(scrape, "weir_server_connections_refused_total", "counter",
        "Connections that were closed at once, over a limit or for want of memory.",
        stats.connections_refused);
    put_one(scrape, "weir_server_connections", "gauge", "Connections that are open.",
        stats.connections_live);
    put_one(scrape, "weir_server_handshakes_failed_total", "counter",
        "Connections that ended before their handshake was over.", stats.handshakes_failed);
    put_one(scrape, "weir_server_protocol_errors_total", "counter",
        "Connections that ended because the client broke the rules of HTTP/2.",
        stats.protocol_errors);
    put_one(scrape, "weir_server_calls_started_total", "counter", "Calls that have come.",
        stats.calls_started);
    put_one(scrape, "weir_server_calls_refused_total", "counter",
        "Calls that were refused for want of memory.", stats.calls_refused);
    put_one(scrape, "weir_server_calls", "gauge", "Calls that are under way.", stats.calls_live);
    put_one(scrape, "weir_server_received_bytes_total", "counter", "Bytes of HTTP/2 that came.",
        stats.bytes_in);
    put_one(scrape, "weir_server_sent_bytes_total", "counter", "Bytes of HTTP/2 that were sent.",
        stats.bytes_out);
    put_one(
        scrape, "weir_server_fibers", "gauge", "Fibers that run or are parked.", stats.fibers_live);
    put_one(scrape, "weir_server_timers", "gauge", "Timers that run.", stats.timers_live);
    put_one(
        scrape, "weir_server_fiber_stacks", "gauge", "Stacks that are mapped.", stats.fiber_stacks);
    put_one(scrape, "weir_server_fibers_refused_total", "counter",
        "Fibers for which there was no stack.", stats.fibers_refused);
    put_one(scrape, "weir_server_http_requests_total", "counter", "Requests to the HTTP endpoints.",
        stats.http_requests);
    put_one(scrape, "weir_server_http_connections", "gauge",
        "Connections to the HTTP endpoints that are open.", stats.http_connections_live);
    put_limits(scrape, &stats);
    put_offences(scrape, &stats);
}

static void
collect_pool(void *self, weir_scrape *scrape)
{
    struct weir_pool_stats stats;

    weir_pool_stats(self, &stats);
    put_one(scrape, "weir_pool_threads", "gauge", "Threads for work that blocks.", stats.threads);
    put_one(scrape, "weir_pool_busy", "gauge", "Threads of the pool that work.", stats.busy);
    put_one(scrape, "weir_pool_queued", "gauge", "Work that waits for a thread of the pool.",
        stats.queued);
    put_one(scrape, "weir_pool_done_total", "counter", "Work that the pool has done.", stats.done);
}

static void
collect_tls(void *self, weir_scrape *scrape)
{
    struct weir_tls_counts counts;

    weir_tls_count(self, &counts);
    put_one(scrape, "weir_tls_handshakes_total", "counter", "TLS handshakes that succeeded.",
        counts.handshakes);
    put_one(scrape, "weir_tls_handshakes_resumed_total", "counter",
        "TLS handshakes that succeeded with a ticket.", counts.resumed);
    put_one(scrape, "weir_tls_handshakes_failed_total", "counter", "TLS handshakes that failed.",
        counts.failed);
    put_one(scrape, "weir_tls_reloads_total", "counter",
        "Times that certificates were read again and are used now.", counts.reloads);
    put_one(scrape, "weir_tls_reload_failures_total", "counter",
        "Times that certificates could not be read again, so that the former ones stayed in use.",
        counts.reload_failures);
}

weir_code
weir_metrics_server(weir_metrics *metrics, weir_server *server)
{
    return weir_metrics_collect(metrics, collect_server, server);
}

weir_code
weir_metrics_pool(weir_metrics *metrics, weir_pool *pool)
{
    return weir_metrics_collect(metrics, collect_pool, pool);
}

weir_code
weir_metrics_tls(weir_metrics *metrics, weir_tls *tls)
{
    return weir_metrics_collect(metrics, collect_tls, tls);
}
