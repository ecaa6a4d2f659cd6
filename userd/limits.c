/* SPDX-License-Identifier: Apache-2.0 */
/* Rate and concurrency limits. */
#include "userd/limits.h"

#include "userd/ops.h"
#include <stdlib.h>
#include <string.h>

#define RATE_MOST 1e9

/* A plain decimal number above 0; strtod would also accept signs, exponents, "inf" and "0x1". */
static bool
parse_calls(const char *text, size_t len, double *out_calls)
{
    char digits[32], *end;
    double calls;

    if (len == 0 || len >= sizeof(digits) || strspn(text, "0123456789.") < len)
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    calls = strtod(digits, &end);
    if (*end != '\0' || !(calls > 0) || calls > RATE_MOST)
        return false;
    *out_calls = calls;
    return true;
}

static bool
parse_burst(const char *text, uint32_t *out_burst)
{
    double burst;

    if (!parse_calls(text, strlen(text), &burst) || burst != (double)(uint32_t)burst)
        return false;
    *out_burst = (uint32_t)burst;
    return true;
}

/* Try whether weir_ratelimit_new accepts the rate. */
static bool
can_be_kept(const struct weir_rate *rate)
{
    const struct weir_ratelimit_options options = {.rate = *rate, .memory = 1};
    weir_ratelimit *limit;

    if (weir_ratelimit_new(&options, &limit) != WEIR_OK)
        return false;
    weir_ratelimit_free(limit);
    return true;
}

bool
limits_rate_parse(const char *text, struct weir_rate *out_rate)
{
    struct weir_rate rate = {0};
    size_t len = strcspn(text, ":");

    if (strcmp(text, "off") != 0 &&
        (!parse_calls(text, len, &rate.rate) ||
            (text[len] == ':' && !parse_burst(text + len + 1, &rate.burst)) || !can_be_kept(&rate)))
        return false;
    *out_rate = rate;
    return true;
}

bool
limits_read_rate(const struct flag *flag, const char *text, void *field)
{
    struct limits_rate *rate = field;

    (void)flag;
    rate->given = true;
    return limits_rate_parse(text, &rate->rate);
}

static bool
open_rate(struct limits *limits, const struct limits_options *options, weir_server *server)
{
    const struct weir_ratelimit_options rates = {.rate = options->rate,
        .methods = options->methods,
        .method_count = options->method_count,
        .backend = options->shared,
        .backend_self = options->shared_self};

    if (options->rate.rate == 0 && options->method_count == 0)
        return true;
    return weir_ratelimit_new(&rates, &limits->rate) == WEIR_OK &&
           weir_server_wrap(server, weir_ratelimit_intercept, limits->rate) == WEIR_OK;
}

static bool
open_concurrency(struct limits *limits, const struct limits_options *options, weir_server *server)
{
    if (!options->concurrency)
        return true;
    return weir_concurrency_new(NULL, &limits->concurrency) == WEIR_OK &&
           weir_server_wrap(server, weir_concurrency_intercept, limits->concurrency) == WEIR_OK;
}

static void
collect_rate(const weir_ratelimit *rate, weir_scrape *scrape)
{
    struct weir_ratelimit_counters counters;

    weir_ratelimit_count(rate, &counters);
    ops_put(scrape, "weir_ratelimit_refused_total", "counter",
        "Calls above the rate of their address.", (double)counters.limited);
    ops_put(scrape, "weir_ratelimit_crowded_total", "counter",
        "Times that an address found no bucket free.", (double)counters.crowded);
    ops_put(scrape, "weir_ratelimit_fallback_total", "counter",
        "Times that the shared buckets were out of reach.", (double)counters.fallback);
}

static void
collect_concurrency(const weir_concurrency *concurrency, weir_scrape *scrape)
{
    struct weir_concurrency_counters counters;

    weir_concurrency_count(concurrency, &counters);
    ops_put(scrape, "weir_concurrency_refused_total", "counter",
        "Calls refused by overload protection.", (double)counters.shed);
    ops_put(scrape, "weir_concurrency_limit", "gauge", "Calls at once that are let in.",
        counters.limit);
    ops_put(scrape, "weir_concurrency_in_flight", "gauge", "Calls that hold a place.",
        counters.in_flight);
}

static void
collect(void *self, weir_scrape *scrape)
{
    const struct limits *limits = self;

    if (limits->rate != NULL)
        collect_rate(limits->rate, scrape);
    if (limits->concurrency != NULL)
        collect_concurrency(limits->concurrency, scrape);
}

bool
limits_open(struct limits *limits, const struct limits_options *options, weir_server *server,
    weir_metrics *metrics)
{
    return open_rate(limits, options, server) && open_concurrency(limits, options, server) &&
           weir_metrics_collect(metrics, collect, limits) == WEIR_OK;
}

void
limits_close(struct limits *limits, const struct log *log)
{
    struct weir_ratelimit_counters rate = {0};
    struct weir_concurrency_counters concurrency = {0};

    if (limits->rate != NULL)
        weir_ratelimit_count(limits->rate, &rate);
    if (limits->concurrency != NULL)
        weir_concurrency_count(limits->concurrency, &concurrency);
    if (rate.limited + concurrency.shed > 0)
        log_line(log, LOG_WARN, "calls were refused",
            log_number("rate_limit", (int64_t)rate.limited),
            log_number("overload", (int64_t)concurrency.shed));
    weir_ratelimit_free(limits->rate);
    weir_concurrency_free(limits->concurrency);
}
