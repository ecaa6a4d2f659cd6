/* SPDX-License-Identifier: Apache-2.0 */
/* userd's traces. */
#include "userd/tracing.h"

#include <stdlib.h>
#include <string.h>

#define FLUSH_TIME (2 * WEIR_SECOND)

bool
tracing_read_sample(const struct flag *flag, const char *text, void *field)
{
    char *end;
    double share = strtod(text, &end);

    (void)flag;
    if (text[0] == '\0' || text[strspn(text, "0123456789.")] != '\0' || *end != '\0' || share > 1)
        return false;
    *(double *)field = 1 - share;
    return true;
}

static void *
run(void *tracer)
{
    weir_tracer_run(tracer);
    return NULL;
}

static void
collect(void *self, weir_scrape *scrape)
{
    const struct weir_label full = {"reason", "queue_full"}, sent = {"reason", "not_taken"};
    struct weir_tracer_counters counters;

    weir_tracer_count(self, &counters);
    weir_scrape_name(
        scrape, "weir_tracing_spans_exported_total", "counter", "Spans that the collector took.");
    weir_scrape_value(scrape, NULL, 0, (double)counters.exported);
    weir_scrape_name(
        scrape, "weir_tracing_spans_dropped_total", "counter", "Spans that were lost.");
    weir_scrape_value(scrape, &full, 1, (double)counters.dropped_full);
    weir_scrape_value(scrape, &sent, 1, (double)counters.dropped_sent);
}

bool
tracing_open(struct tracing *tracing, const char *url, double skip, weir_server *server,
    weir_metrics *metrics)
{
    const struct weir_tracer_options options = {.endpoint = url,
        .service_name = "userd",
        .service_version = weir_version(),
        .server_address = weir_server_address(server, 0),
        .skip = skip};

    if (url == NULL)
        return true;
    if (weir_tracer_new(&options, &tracing->tracer) != WEIR_OK ||
        weir_server_wrap(server, weir_tracer_intercept, tracing->tracer) != WEIR_OK ||
        weir_metrics_collect(metrics, collect, tracing->tracer) != WEIR_OK)
        return false;
    tracing->running = pthread_create(&tracing->thread, NULL, run, tracing->tracer) == 0;
    return tracing->running;
}

weir_channel *
tracing_channel(const struct tracing *tracing)
{
    return tracing->tracer == NULL ? NULL : weir_tracer_channel(tracing->tracer);
}

void
tracing_close(struct tracing *tracing, const struct log *log)
{
    struct weir_tracer_counters counters;

    if (tracing->running) {
        weir_tracer_stop(tracing->tracer, FLUSH_TIME);
        pthread_join(tracing->thread, NULL);
        weir_tracer_count(tracing->tracer, &counters);
        if (counters.dropped_full + counters.dropped_sent > 0)
            log_line(log, LOG_WARN, "spans were dropped",
                log_number("queue_full", (int64_t)counters.dropped_full),
                log_number("not_taken", (int64_t)counters.dropped_sent));
    }
    weir_tracer_free(tracing->tracer);
}
