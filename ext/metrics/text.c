/* SPDX-License-Identifier: Apache-2.0 */
/* The text format of Prometheus, version 0.0.4. */
#include "metrics/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct weir_scrape {
    void (*write)(void *arg, const char *text, size_t len);
    void *arg;
    const char *name; /* from weir_scrape_name */
    size_t len;
    char held[4096]; /* output not written yet */
};

/* ---- names and labels ---- */

bool
metrics_name_is_valid(const char *name, bool colons)
{
    for (const char *at = name; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_' ||
                      (colons && *at == ':');

        if (!letter && (at == name || *at < '0' || *at > '9'))
            return false;
    }
    return name[0] != '\0';
}

char *
metrics_label_names(const struct weir_label *labels, size_t count)
{
    size_t size = 1;
    char *text, *at;

    for (size_t i = 0; i < count; i++)
        size += strlen(labels[i].name) + 1;
    at = text = malloc(size);
    if (text == NULL)
        return NULL;
    *at = '\0';
    for (size_t i = 0; i < count; i++)
        at += snprintf(at, size - (size_t)(at - text), "%s%s", i > 0 ? "," : "", labels[i].name);
    return text;
}

/* Escape a label's value; invalid UTF-8 becomes U+FFFD. At most three bytes per byte. */
static char *
escape_value(char *at, const char *value)
{
    size_t len = strlen(value), size;
    uint32_t code_point;

    for (; len > 0; value += size, len -= size) {
        size = weir_utf8_decode(value, len, &code_point);
        if (size == 0) {
            memcpy(at, "\xEF\xBF\xBD", 3);
            at += 3;
            size = 1;
        } else if (*value == '\n' || *value == '"' || *value == '\\') {
            *at++ = '\\';
            *at++ = *value == '\n' ? 'n' : *value;
        } else {
            memcpy(at, value, size);
            at += size;
        }
    }
    return at;
}

char *
metrics_labels_text(const struct weir_label *labels, size_t count, bool other)
{
    size_t size = 8;
    char *text, *at;

    for (size_t i = 0; i < count; i++)
        size += strlen(labels[i].name) + strlen(labels[i].value) * 3 + 16;
    at = text = malloc(size);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        at += snprintf(at, size - (size_t)(at - text), "%s%s=\"", i > 0 ? "," : "", labels[i].name);
        at = escape_value(at, other ? "other" : labels[i].value);
        *at++ = '"';
    }
    *at = '\0';
    return text;
}

/* ---- writing ---- */

static void
flush(weir_scrape *scrape)
{
    if (scrape->len > 0)
        scrape->write(scrape->arg, scrape->held, scrape->len);
    scrape->len = 0;
}

static void
put(weir_scrape *scrape, const char *text)
{
    size_t len = strlen(text);

    if (len > sizeof(scrape->held) - scrape->len)
        flush(scrape);
    if (len > sizeof(scrape->held)) {
        scrape->write(scrape->arg, text, len);
        return;
    }
    memcpy(scrape->held + scrape->len, text, len);
    scrape->len += len;
}

/* In HELP only backslashes and newlines are escaped. */
static void
put_help(weir_scrape *scrape, const char *help)
{
    char one[2] = "";

    for (; *help != '\0'; help++) {
        one[0] = *help;
        put(scrape, *help == '\n' ? "\\n" : *help == '\\' ? "\\\\" : one);
    }
}

static void
put_uint(weir_scrape *scrape, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    put(scrape, text);
}

/* The shortest text that parses to the same double, with a point whatever the locale. */
static void
put_double(weir_scrape *scrape, double number)
{
    char text[32];

    if (isnan(number) || isinf(number)) {
        put(scrape, isnan(number) ? "NaN" : number > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    for (char *at = text; *at != '\0'; at++) {
        if (*at == ',')
            *at = '.';
    }
    put(scrape, text);
}

static void
put_head(weir_scrape *scrape, const char *name, const char *type, const char *help)
{
    put(scrape, "# HELP ");
    put(scrape, name);
    put(scrape, " ");
    put_help(scrape, help);
    put(scrape, "\n# TYPE ");
    put(scrape, name);
    put(scrape, " ");
    put(scrape, type);
    put(scrape, "\n");
}

/* NAME SUFFIX {LABELS,le="BOUND"} and a space; bound may be NULL. */
static void
put_series(weir_scrape *scrape, const char *name, const char *suffix, const char *labels,
    const double *bound)
{
    put(scrape, name);
    put(scrape, suffix);
    if (labels[0] != '\0' || bound != NULL) {
        put(scrape, "{");
        put(scrape, labels);
        if (bound != NULL) {
            put(scrape, labels[0] != '\0' ? ",le=\"" : "le=\"");
            put_double(scrape, *bound);
            put(scrape, "\"");
        }
        put(scrape, "}");
    }
    put(scrape, " ");
}

/* Buckets are cumulative, and the last one is used as the count, so that both agree under
 * concurrent updates. */
static void
put_histogram(weir_scrape *scrape, const struct metrics_series *series)
{
    static const double infinite = INFINITY;
    const struct metrics_family *family = series->family;
    uint64_t count = 0;

    for (size_t i = 0; i <= family->bound_count; i++) {
        count += metrics_cell_sum(series, i);
        put_series(scrape, family->name, "_bucket", series->labels,
            i < family->bound_count ? &family->bounds[i] : &infinite);
        put_uint(scrape, count);
        put(scrape, "\n");
    }
    put_series(scrape, family->name, "_sum", series->labels, NULL);
    put_double(scrape, metrics_cell_total(series, family->bound_count + 1));
    put(scrape, "\n");
    put_series(scrape, family->name, "_count", series->labels, NULL);
    put_uint(scrape, count);
    put(scrape, "\n");
}

static void
put_family(weir_scrape *scrape, const struct metrics_family *family)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    put_head(scrape, family->name, types[family->type], family->help);
    for (const struct metrics_series *one = family->first; one != NULL; one = one->next) {
        if (family->type == METRICS_HISTOGRAM) {
            put_histogram(scrape, one);
            continue;
        }
        put_series(scrape, family->name, "", one->labels, NULL);
        if (family->type == METRICS_COUNTER)
            put_uint(scrape, metrics_cell_sum(one, 0));
        else
            put_double(scrape, metrics_cell_total(one, 0));
        put(scrape, "\n");
    }
}

/* ---- public ---- */

void
weir_scrape_name(weir_scrape *scrape, const char *name, const char *type, const char *help)
{
    scrape->name = name;
    put_head(scrape, name, type, help);
}

void
weir_scrape_value(
    weir_scrape *scrape, const struct weir_label *labels, size_t label_count, double value)
{
    char *text = metrics_labels_text(labels, label_count, false);

    if (text == NULL)
        return;
    put_series(scrape, scrape->name, "", text, NULL);
    put_double(scrape, value);
    put(scrape, "\n");
    free(text);
}

void
weir_metrics_write(
    weir_metrics *metrics, void (*write)(void *arg, const char *text, size_t len), void *arg)
{
    weir_scrape scrape = {.write = write, .arg = arg};
    const struct metrics_collector *collectors;

    pthread_mutex_lock(&metrics->lock);
    for (const struct metrics_family *one = metrics->first; one != NULL; one = one->next) {
        if (one->first != NULL)
            put_family(&scrape, one);
    }
    collectors = metrics->collectors;
    pthread_mutex_unlock(&metrics->lock);
    for (const struct metrics_collector *one = collectors; one != NULL; one = one->next)
        one->collect(one->self, &scrape);
    flush(&scrape);
}

static void
write_content(void *arg, const char *text, size_t len)
{
    weir_http_write(arg, text, len);
}

void
weir_metrics_answer(void *self, weir_http_exchange *exchange)
{
    weir_http_type(exchange, "text/plain; version=0.0.4; charset=utf-8");
    weir_metrics_write(self, write_content, exchange);
}
