/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of the metrics: families, their series, and the cells of the values. */
/* Threads: lists grow under the lock and never shrink; cells are atomic. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <weir/metrics.h>

#define METRICS_BOUNDS_MAX 32

/* Concurrent increments on different CPUs go to different cells. A power of two. */
#define METRICS_SHARDS 8

/* Cache line: the cells of each shard start on a new one. */
#define METRICS_LINE 64

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/* One name with its labels' values, and for each shard:
 *   counter:    the count
 *   gauge:      the bits of a double, only in the first shard
 *   histogram:  a count for each bucket, the last one for larger values; the bits of the sum */
struct metrics_series {
    struct metrics_series *next;
    struct metrics_family *family;
    char *labels; /* in text format, `method="/a/B",type="unary"`; "" without labels */
    _Atomic uint64_t *cells;
    size_t stride; /* number of cells per shard */
};

struct metrics_family {
    struct metrics_family *next;
    char *name, *help;
    enum metrics_type type;
    char *label_names; /* "method,type" */
    size_t bound_count;
    double bounds[METRICS_BOUNDS_MAX];
    struct metrics_series *first, **last;
    size_t count, max;
};

struct metrics_collector {
    struct metrics_collector *next;
    weir_collector *collect;
    void *self;
};

struct metrics_methods;

struct weir_metrics {
    pthread_mutex_t lock; /* for writers of the lists and of the methods' tables */
    struct metrics_family *first, **last;
    struct metrics_collector *collectors, **last_collector;
    size_t max_series;
    struct metrics_methods *server, *client;
};

/* The key of a series. */
struct metrics_wanted {
    enum metrics_type type;
    const char *name, *help;
    const struct weir_label *labels;
    size_t label_count;
    const double *bounds;
    size_t bound_count;
    size_t max_series;
};

/* Under the lock. NULL as in weir_metrics_counter. */
struct metrics_series *metrics_series_of(
    weir_metrics *metrics, const struct metrics_wanted *wanted);

/* The sum of a cell over the shards. */
uint64_t metrics_cell_sum(const struct metrics_series *series, size_t cell);

/* The sum of the doubles in a cell over the shards. */
double metrics_cell_total(const struct metrics_series *series, size_t cell);

/* ---- text.c ---- */

/* Labels in text format, freed by the caller. NULL: no memory. `other`: every value is "other". */
char *metrics_labels_text(const struct weir_label *labels, size_t count, bool other);

/* Only the names, freed by the caller. NULL: no memory. */
char *metrics_label_names(const struct weir_label *labels, size_t count);

/* Is it a valid Prometheus name? colons: allowed, as only in metric names. */
bool metrics_name_is_valid(const char *name, bool colons);

/* ---- methods.c ---- */

struct metrics_methods *metrics_methods_new(bool is_server, size_t max);
void metrics_methods_free(struct metrics_methods *methods);
