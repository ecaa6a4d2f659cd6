/* SPDX-License-Identifier: Apache-2.0 */
/* Families and series. A series is looked up once, under a lock, and its user keeps the pointer.
 * Its cells are spread over CPUs, so that loops do not contend for cache lines. */
#define _GNU_SOURCE /* sched_getcpu */
#include "metrics/series.h"

#include <sched.h>
#include <stdlib.h>

#define MAX_METHODS_DEFAULT 256
#define MAX_SERIES_DEFAULT 1000

/* ---- cells ---- */

static _Atomic uint64_t *
cells_here(const struct metrics_series *series)
{
    int cpu = sched_getcpu();

    return series->cells + ((unsigned)cpu & (METRICS_SHARDS - 1)) * series->stride;
}

static void
add_double(_Atomic uint64_t *cell, double more)
{
    uint64_t before = atomic_load_explicit(cell, memory_order_relaxed), after;
    double sum;

    do {
        memcpy(&sum, &before, sizeof(sum));
        sum += more;
        memcpy(&after, &sum, sizeof(after));
    } while (!atomic_compare_exchange_weak_explicit(
        cell, &before, after, memory_order_relaxed, memory_order_relaxed));
}

uint64_t
metrics_cell_sum(const struct metrics_series *series, size_t cell)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < METRICS_SHARDS; i++)
        sum +=
            atomic_load_explicit(&series->cells[i * series->stride + cell], memory_order_relaxed);
    return sum;
}

double
metrics_cell_total(const struct metrics_series *series, size_t cell)
{
    double total = 0, part;

    for (size_t i = 0; i < METRICS_SHARDS; i++) {
        uint64_t bits =
            atomic_load_explicit(&series->cells[i * series->stride + cell], memory_order_relaxed);

        memcpy(&part, &bits, sizeof(part));
        total += part;
    }
    return total;
}

/* The public handles are pointers to series. */
static struct metrics_series *
series_behind(void *handle)
{
    return handle;
}

void
weir_counter_add(weir_counter *counter, uint64_t more)
{
    if (counter != NULL)
        atomic_fetch_add_explicit(cells_here(series_behind(counter)), more, memory_order_relaxed);
}

void
weir_gauge_set(weir_gauge *gauge, double value)
{
    uint64_t bits;

    if (gauge == NULL)
        return;
    memcpy(&bits, &value, sizeof(bits));
    atomic_store_explicit(series_behind(gauge)->cells, bits, memory_order_relaxed);
}

void
weir_gauge_add(weir_gauge *gauge, double more)
{
    if (gauge != NULL)
        add_double(series_behind(gauge)->cells, more);
}

void
weir_histogram_observe(weir_histogram *histogram, double value)
{
    const struct metrics_series *series;
    const struct metrics_family *family;
    _Atomic uint64_t *cells;
    size_t bucket = 0;

    if (histogram == NULL)
        return;
    series = series_behind(histogram);
    family = series->family;
    cells = cells_here(series);
    while (bucket < family->bound_count && !(value <= family->bounds[bucket]))
        bucket++;
    atomic_fetch_add_explicit(&cells[bucket], 1, memory_order_relaxed);
    add_double(&cells[family->bound_count + 1], value);
}

/* ---- families ---- */

static void
free_family(struct metrics_family *family)
{
    struct metrics_series *next;

    if (family == NULL)
        return;
    for (struct metrics_series *series = family->first; series != NULL; series = next) {
        next = series->next;
        free(series->labels);
        free((void *)series->cells);
        free(series);
    }
    free(family->name);
    free(family->help);
    free(family->label_names);
    free(family);
}

static bool
is_valid(const struct metrics_wanted *wanted)
{
    if (!metrics_name_is_valid(wanted->name, true) || wanted->bound_count > METRICS_BOUNDS_MAX)
        return false;
    for (size_t i = 0; i < wanted->label_count; i++) {
        if (!metrics_name_is_valid(wanted->labels[i].name, false))
            return false;
    }
    for (size_t i = 1; i < wanted->bound_count; i++) {
        if (!(wanted->bounds[i - 1] < wanted->bounds[i]))
            return false;
    }
    return true;
}

static struct metrics_family *
new_family(weir_metrics *metrics, const struct metrics_wanted *wanted)
{
    struct metrics_family *family = is_valid(wanted) ? calloc(1, sizeof(*family)) : NULL;

    if (family == NULL)
        return NULL;
    family->name = strdup(wanted->name);
    family->help = strdup(wanted->help);
    family->label_names = metrics_label_names(wanted->labels, wanted->label_count);
    family->type = wanted->type;
    family->last = &family->first;
    family->max = wanted->max_series;
    family->bound_count = wanted->bound_count;
    if (wanted->bound_count > 0)
        memcpy(family->bounds, wanted->bounds, wanted->bound_count * sizeof(double));
    if (family->name == NULL || family->help == NULL || family->label_names == NULL) {
        free_family(family);
        return NULL;
    }
    *metrics->last = family;
    metrics->last = &family->next;
    return family;
}

static bool
fits(const struct metrics_family *family, const struct metrics_wanted *wanted)
{
    char *names = metrics_label_names(wanted->labels, wanted->label_count);
    bool same = names != NULL && strcmp(names, family->label_names) == 0 &&
                family->type == wanted->type && family->bound_count == wanted->bound_count &&
                (wanted->bound_count == 0 || memcmp(family->bounds, wanted->bounds,
                                                 wanted->bound_count * sizeof(double)) == 0);

    free(names);
    return same;
}

static struct metrics_family *
family_of(weir_metrics *metrics, const struct metrics_wanted *wanted)
{
    for (struct metrics_family *family = metrics->first; family != NULL; family = family->next) {
        if (strcmp(family->name, wanted->name) == 0)
            return fits(family, wanted) ? family : NULL;
    }
    return new_family(metrics, wanted);
}

/* ---- series ---- */

static bool
make_cells(struct metrics_series *series, const struct metrics_family *family)
{
    size_t count = family->type == METRICS_HISTOGRAM ? family->bound_count + 2 : 1;
    size_t per_line = METRICS_LINE / sizeof(uint64_t), size;
    void *cells;

    series->stride = (count + per_line - 1) / per_line * per_line;
    size = METRICS_SHARDS * series->stride * sizeof(uint64_t);
    if (posix_memalign(&cells, METRICS_LINE, size) != 0)
        return false;
    memset(cells, 0, size);
    series->cells = cells;
    return true;
}

/* Adopts the labels. */
static struct metrics_series *
add_series(struct metrics_family *family, char *labels)
{
    struct metrics_series *series = calloc(1, sizeof(*series));

    if (series == NULL || !make_cells(series, family)) {
        free(series);
        free(labels);
        return NULL;
    }
    series->family = family;
    series->labels = labels;
    *family->last = series;
    family->last = &series->next;
    family->count++;
    return series;
}

static struct metrics_series *
find_series(const struct metrics_family *family, const char *labels)
{
    for (struct metrics_series *series = family->first; series != NULL; series = series->next) {
        if (strcmp(series->labels, labels) == 0)
            return series;
    }
    return NULL;
}

struct metrics_series *
metrics_series_of(weir_metrics *metrics, const struct metrics_wanted *wanted)
{
    struct metrics_family *family = family_of(metrics, wanted);
    struct metrics_series *found;
    char *labels;

    for (int other = 0; family != NULL && other < 2; other++) {
        labels = metrics_labels_text(wanted->labels, wanted->label_count, other == 1);
        if (labels == NULL)
            return NULL;
        found = find_series(family, labels);
        if (found == NULL && (other == 1 || family->count < family->max))
            return add_series(family, labels);
        free(labels);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static struct metrics_series *
lock_and_find(weir_metrics *metrics, const struct metrics_wanted *wanted)
{
    struct metrics_series *series;

    pthread_mutex_lock(&metrics->lock);
    series = metrics_series_of(metrics, wanted);
    pthread_mutex_unlock(&metrics->lock);
    return series;
}

weir_counter *
weir_metrics_counter(weir_metrics *metrics, const char *name, const char *help,
    const struct weir_label *labels, size_t label_count)
{
    const struct metrics_wanted wanted = {
        METRICS_COUNTER, name, help, labels, label_count, NULL, 0, metrics->max_series};

    return (weir_counter *)lock_and_find(metrics, &wanted);
}

weir_gauge *
weir_metrics_gauge(weir_metrics *metrics, const char *name, const char *help,
    const struct weir_label *labels, size_t label_count)
{
    const struct metrics_wanted wanted = {
        METRICS_GAUGE, name, help, labels, label_count, NULL, 0, metrics->max_series};

    return (weir_gauge *)lock_and_find(metrics, &wanted);
}

weir_histogram *
weir_metrics_histogram(weir_metrics *metrics, const char *name, const char *help,
    const double *bounds, size_t bound_count, const struct weir_label *labels, size_t label_count)
{
    const struct metrics_wanted wanted = {METRICS_HISTOGRAM, name, help, labels, label_count,
        bounds, bound_count, metrics->max_series};

    return (weir_histogram *)lock_and_find(metrics, &wanted);
}

/* ---- collectors, life cycle ---- */

weir_code
weir_metrics_collect(weir_metrics *metrics, weir_collector *collector, void *self)
{
    struct metrics_collector *added = malloc(sizeof(*added));

    if (added == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *added = (struct metrics_collector){NULL, collector, self};
    pthread_mutex_lock(&metrics->lock);
    *metrics->last_collector = added;
    metrics->last_collector = &added->next;
    pthread_mutex_unlock(&metrics->lock);
    return WEIR_OK;
}

static size_t
or_default(size_t value, size_t otherwise)
{
    return value == 0 ? otherwise : value;
}

weir_code
weir_metrics_new(const struct weir_metrics_options *options, weir_metrics **out_metrics)
{
    static const struct weir_metrics_options defaults;
    weir_metrics *metrics = calloc(1, sizeof(*metrics));
    size_t max;

    if (metrics == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (options == NULL)
        options = &defaults;
    max = or_default(options->max_methods, MAX_METHODS_DEFAULT);
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->last = &metrics->first;
    metrics->last_collector = &metrics->collectors;
    metrics->max_series = or_default(options->max_series, MAX_SERIES_DEFAULT);
    metrics->server = metrics_methods_new(true, max);
    metrics->client = metrics_methods_new(false, max);
    if (metrics->server == NULL || metrics->client == NULL) {
        weir_metrics_free(metrics);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *out_metrics = metrics;
    return WEIR_OK;
}

void
weir_metrics_free(weir_metrics *metrics)
{
    if (metrics == NULL)
        return;
    metrics_methods_free(metrics->server);
    metrics_methods_free(metrics->client);
    for (struct metrics_family *family = metrics->first, *next; family != NULL; family = next) {
        next = family->next;
        free_family(family);
    }
    for (struct metrics_collector *one = metrics->collectors, *next; one != NULL; one = next) {
        next = one->next;
        free(one);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}
