/* SPDX-License-Identifier: Apache-2.0 */
#include "weir-bench/report.h"

#include <jansson.h>

static const struct {
    const char *name;
    double share;
} shares[] = {
    {"p50", 0.5}, {"p75", 0.75}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

#define SHARES (sizeof(shares) / sizeof(shares[0]))

void
report_time(double nanoseconds, char out_text[REPORT_TIME])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    unsigned unit = 0;

    while (nanoseconds >= 999.5 && unit < 3) {
        nanoseconds /= 1000;
        unit++;
    }
    snprintf(out_text, REPORT_TIME, "%.*f %s",
        nanoseconds >= 99.95   ? 0
        : nanoseconds >= 9.995 ? 1
                               : 2,
        nanoseconds, units[unit]);
}

static double
seconds(const struct tally *tally)
{
    return (double)tally->time / 1e9;
}

static double
per_second(const struct tally *tally, uint64_t count)
{
    return tally->time > 0 ? (double)count / seconds(tally) : 0;
}

static const char *
what_is_timed(const struct options *options)
{
    return options->kind == WEIR_BIDI_STREAM ? "round trip" : "call";
}

/* ---- text ---- */

static void
print_time(const char *name, double nanoseconds, FILE *out)
{
    char text[REPORT_TIME];

    report_time(nanoseconds, text);
    fprintf(out, "  %-7s %10s\n", name, text);
}

static void
print_latencies(const struct options *options, const struct tally *tally, FILE *out)
{
    fprintf(out, "\ntime of a %s\n", what_is_timed(options));
    print_time("mean", histogram_mean(&tally->latency), out);
    for (unsigned i = 0; i < SHARES; i++)
        print_time(shares[i].name, (double)histogram_at(&tally->latency, shares[i].share), out);
    print_time("longest", (double)tally->latency.most, out);
}

static void
print_codes(const struct tally *tally, FILE *out)
{
    for (unsigned i = 0; i < TALLY_CODES; i++)
        if (i != WEIR_OK && tally->codes[i] > 0)
            fprintf(out, "  %s %llu, the first: \"%s\"\n", weir_code_name((weir_code)i),
                (unsigned long long)tally->codes[i], tally->texts[i]);
    if (tally->unfinished > 0)
        fprintf(out, "  %llu not answered by the end\n", (unsigned long long)tally->unfinished);
    if (tally->reconnects > 0)
        fprintf(out, "  %llu connections lost\n", (unsigned long long)tally->reconnects);
}

void
report_text(const struct options *options, const struct tally *tally, FILE *out)
{
    fprintf(out, "%s %s, %s, %u x %u", options->target, options->method,
        options_kind_name(options->kind), options->connections, options->streams);
    if (options->rate > 0)
        fprintf(out, ", %u calls a second", options->rate);
    fprintf(out, "\n%llu calls in %.2f s, %.1f a second; %llu failed\n",
        (unsigned long long)tally_calls(tally), seconds(tally), per_second(tally, tally->in_time),
        (unsigned long long)tally_failures(tally));
    print_codes(tally, out);
    if (options->kind != WEIR_UNARY)
        fprintf(out, "%llu messages sent, %llu received, %.1f a second\n",
            (unsigned long long)tally->messages_sent, (unsigned long long)tally->messages_received,
            per_second(tally, tally->messages_sent + tally->messages_received));
    if (tally->latency.count > 0)
        print_latencies(options, tally, out);
}

/* ---- JSON ---- */

static json_t *
json_of(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *
load_json(const struct options *options)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:b, s:b}", "target",
        options->target, "method", options->method, "kind", options_kind_name(options->kind),
        "connections", (int)options->connections, "streams", (int)options->streams, "threads",
        (int)options->threads, "messages", (int)options->messages, "rate", (int)options->rate,
        "tls", options->tls, "changing", options->changing);
}

static json_t *
codes_json(const struct tally *tally)
{
    json_t *codes = json_object();

    for (unsigned i = 0; i < TALLY_CODES; i++)
        if (tally->codes[i] > 0)
            json_object_set_new(codes, weir_code_name((weir_code)i), json_of(tally->codes[i]));
    return codes;
}

static json_t *
latency_json(const struct tally *tally)
{
    const struct histogram *histogram = &tally->latency;
    json_t *latency = json_object();

    json_object_set_new(latency, "mean", json_real(histogram_mean(histogram)));
    for (unsigned i = 0; i < SHARES; i++)
        json_object_set_new(
            latency, shares[i].name, json_of(histogram_at(histogram, shares[i].share)));
    json_object_set_new(latency, "max", json_of(histogram->most));
    return latency;
}

static json_t *
result_json(const struct options *options, const struct tally *tally)
{
    json_t *result = json_object();

    json_object_set_new(result, "load", load_json(options));
    json_object_set_new(result, "seconds", json_real(seconds(tally)));
    json_object_set_new(result, "calls", json_of(tally_calls(tally)));
    json_object_set_new(result, "calls_per_second", json_real(per_second(tally, tally->in_time)));
    json_object_set_new(result, "failed", json_of(tally_failures(tally)));
    json_object_set_new(result, "unfinished", json_of(tally->unfinished));
    json_object_set_new(result, "connections_lost", json_of(tally->reconnects));
    json_object_set_new(result, "codes", codes_json(tally));
    json_object_set_new(result, "messages_sent", json_of(tally->messages_sent));
    json_object_set_new(result, "messages_received", json_of(tally->messages_received));
    json_object_set_new(result, "bytes_sent", json_of(tally->bytes_sent));
    json_object_set_new(result, "bytes_received", json_of(tally->bytes_received));
    json_object_set_new(result, "latency_ns", latency_json(tally));
    return result;
}

bool
report_json(const struct options *options, const struct tally *tally, FILE *out)
{
    json_t *result = result_json(options, tally);
    bool good = result != NULL && json_dumpf(result, out, JSON_INDENT(2)) == 0;

    json_decref(result);
    return good && fputc('\n', out) != EOF && fflush(out) == 0;
}
