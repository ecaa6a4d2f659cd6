/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the metrics: names, their series, the cells that are counted in. */
/* Threads: lists grow under the lock and never shrink; cells are atomic. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <weir/metrics.h>

#define METRICS_BOUNDS_MAX 32

/* Who counts at the same time on several CPUs does so in several places. A power of two. */
#define METRICS_SHARDS 8

/* A CPU's cells begin on a line of their own. */
#define METRICS_LINE 64

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/* One name with its labels' values, and for each shard:
 *   counter:    the count
 *   gauge:      the bits of a double, in the first shard alone
 *   histogram:  a count for each bucket, the last for what is beyond; the bits of the sum */
struct metrics_series {
    struct metrics_series *next;
    struct metrics_family *family;
    char *labels; /* as they are written, `method="/a/B",type="unary"`; "" without */
    _Atomic uint64_t *cells;
    size_t stride; /* cells from one shard to the next */
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
    pthread_mutex_t lock; /* of the lists and of the methods' tables, for who writes */
    struct metrics_family *first, **last;
    struct metrics_collector *collectors, **last_collector;
    size_t max_series;
    struct metrics_methods *server, *client;
};

/* What a series is asked for by. */
struct metrics_wanted {
    enum metrics_type type;
    const char *name, *help;
    const struct weir_label *labels;
    size_t label_count;
    const double *bounds;
    size_t bound_count;
    size_t max_series;
};

/* Under the lock. NULL as weir_metrics_counter has it. */
struct metrics_series *metrics_series_of(
    weir_metrics *metrics, const struct metrics_wanted *wanted);

/* The sum of a cell over the shards. */
uint64_t metrics_cell_sum(const struct metrics_series *series, size_t cell);

/* The sum of the doubles in it. */
double metrics_cell_total(const struct metrics_series *series, size_t cell);

/* ---- text.c ---- */

/* Labels as they are written. The caller frees it. NULL: no memory. `other`: every value is
 * "other".
 */
char *metrics_labels_text(const struct weir_label *labels, size_t count, bool other);

/* The names alone. The caller frees it. NULL: no memory. */
char *metrics_label_names(const struct weir_label *labels, size_t count);

/* Is it a name of Prometheus? colons: only names of metrics have them. */
bool metrics_name_is_valid(const char *name, bool colons);

/* ---- methods.c ---- */

struct metrics_methods *metrics_methods_new(bool is_server, size_t max);
void metrics_methods_free(struct metrics_methods *methods);
