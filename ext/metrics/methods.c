/* SPDX-License-Identifier: Apache-2.0 */
/* Calls by method. A method's path is the same pointer in all its calls, so an append-only hash
 * table of pointers finds its series without a lock. A path with several addresses has several
 * entries for the same series. */
#include "metrics/series.h"

#include <stdlib.h>

#define CODES 17

struct method {
    struct method *next;
    const char *path; /* the first of its addresses; NULL: `others` */
    weir_method_kind kind;
    weir_counter *requests;
    weir_histogram *duration;
    weir_counter *_Atomic errors[CODES]; /* created on the first occurrence */
};

struct entry {
    const char *path;
    struct method *method;
};

struct metrics_methods {
    bool is_server;
    size_t max;
    struct method *first;
    size_t count, used;               /* methods; entries */
    struct method *_Atomic others[4]; /* one per kind: methods unknown, or beyond max */
    size_t mask;
    struct entry *_Atomic slots[];
};

static const char *const kind_names[] = {[WEIR_UNARY] = "unary",
    [WEIR_CLIENT_STREAM] = "client_stream",
    [WEIR_SERVER_STREAM] = "server_stream",
    [WEIR_BIDI_STREAM] = "bidi_stream"};

static const char *const code_names[CODES] = {"OK", "Canceled", "Unknown", "InvalidArgument",
    "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted",
    "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
    "DataLoss", "Unauthenticated"};

static const double bounds[] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

struct metrics_methods *
metrics_methods_new(bool is_server, size_t max)
{
    size_t size = 16;
    struct metrics_methods *methods;

    while (size < max * 4)
        size *= 2;
    methods = calloc(1, sizeof(*methods) + size * sizeof(methods->slots[0]));
    if (methods == NULL)
        return NULL;
    methods->is_server = is_server;
    methods->max = max;
    methods->mask = size - 1;
    return methods;
}

void
metrics_methods_free(struct metrics_methods *methods)
{
    if (methods == NULL)
        return;
    for (size_t i = 0; i <= methods->mask; i++)
        free(methods->slots[i]);
    for (struct method *method = methods->first, *next; method != NULL; method = next) {
        next = method->next;
        free(method);
    }
    free(methods);
}

/* ---- series ---- */

#define SIDE_NAME(side, name) ((side)->is_server ? "grpc_" name : "grpc_client_" name)

static const char *
name_of(const struct method *method)
{
    return method->path == NULL ? "other" : method->path;
}

static bool
make_series(weir_metrics *metrics, struct metrics_methods *side, struct method *method)
{
    const struct weir_label labels[] = {
        {"method", name_of(method)}, {"type", kind_names[method->kind]}};
    struct metrics_wanted wanted = {.type = METRICS_COUNTER,
        .name = SIDE_NAME(side, "requests_total"),
        .help = "Calls that have begun.",
        .labels = labels,
        .label_count = 2,
        .max_series = SIZE_MAX};

    method->requests = (weir_counter *)metrics_series_of(metrics, &wanted);
    wanted.type = METRICS_HISTOGRAM;
    wanted.name = SIDE_NAME(side, "request_duration_seconds");
    wanted.help = "How long calls took, from their beginning to their status.";
    wanted.bounds = bounds;
    wanted.bound_count = sizeof(bounds) / sizeof(bounds[0]);
    method->duration = (weir_histogram *)metrics_series_of(metrics, &wanted);
    return method->requests != NULL && method->duration != NULL;
}

static weir_counter *
error_counter(
    weir_metrics *metrics, struct metrics_methods *side, struct method *method, weir_code code)
{
    const struct weir_label labels[] = {{"method", name_of(method)}, {"code", code_names[code]}};
    const struct metrics_wanted wanted = {.type = METRICS_COUNTER,
        .name = SIDE_NAME(side, "request_errors_total"),
        .help = "Calls that ended with another code than OK.",
        .labels = labels,
        .label_count = 2,
        .max_series = SIZE_MAX};
    weir_counter *counter = atomic_load_explicit(&method->errors[code], memory_order_acquire);

    if (counter != NULL)
        return counter;
    pthread_mutex_lock(&metrics->lock);
    counter = (weir_counter *)metrics_series_of(metrics, &wanted);
    pthread_mutex_unlock(&metrics->lock);
    atomic_store_explicit(&method->errors[code], counter, memory_order_release);
    return counter;
}

/* ---- looking up a method ---- */

/* Under the lock. */
static struct method *
add_method(
    weir_metrics *metrics, struct metrics_methods *side, const char *path, weir_method_kind kind)
{
    struct method *method = calloc(1, sizeof(*method));

    if (method == NULL)
        return NULL;
    method->path = path;
    method->kind = kind;
    if (!make_series(metrics, side, method)) {
        free(method);
        return NULL;
    }
    method->next = side->first;
    side->first = method;
    return method;
}

static struct method *
other_method(weir_metrics *metrics, struct metrics_methods *side, weir_method_kind kind)
{
    struct method *other = atomic_load_explicit(&side->others[kind], memory_order_acquire);

    if (other != NULL)
        return other;
    pthread_mutex_lock(&metrics->lock);
    other = atomic_load_explicit(&side->others[kind], memory_order_relaxed);
    if (other == NULL) {
        other = add_method(metrics, side, NULL, kind);
        atomic_store_explicit(&side->others[kind], other, memory_order_release);
    }
    pthread_mutex_unlock(&metrics->lock);
    return other;
}

static size_t
place_of(const struct metrics_methods *side, const char *path)
{
    return (size_t)(((uintptr_t)path * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & side->mask;
}

/* The slot of a path, or the empty one to insert it. */
static size_t
find_slot(const struct metrics_methods *side, const char *path, struct entry **out_entry)
{
    size_t at = place_of(side, path);
    struct entry *entry;

    while ((entry = atomic_load_explicit(&side->slots[at], memory_order_acquire)) != NULL &&
           entry->path != path)
        at = (at + 1) & side->mask;
    *out_entry = entry;
    return at;
}

/* Under the lock: the method of this name, created if there is room. */
static struct method *
method_named(
    weir_metrics *metrics, struct metrics_methods *side, const char *path, weir_method_kind kind)
{
    struct method *method;

    for (method = side->first; method != NULL; method = method->next) {
        if (method->path != NULL && strcmp(method->path, path) == 0)
            return method;
    }
    if (side->count == side->max)
        return NULL;
    method = add_method(metrics, side, path, kind);
    side->count += method != NULL;
    return method;
}

/* Add a path not seen at this address before. The table stays at most half full. */
static struct method *
learn(weir_metrics *metrics, struct metrics_methods *side, const char *path, weir_method_kind kind)
{
    struct method *method = NULL;
    struct entry *entry, *added;
    size_t slot;

    pthread_mutex_lock(&metrics->lock);
    slot = find_slot(side, path, &entry);
    if (entry != NULL) {
        method = entry->method;
    } else if (side->used < side->max * 2) {
        method = method_named(metrics, side, path, kind);
        added = method == NULL ? NULL : malloc(sizeof(*added));
        if (added != NULL) {
            *added = (struct entry){path, method};
            atomic_store_explicit(&side->slots[slot], added, memory_order_release);
            side->used++;
        }
    }
    pthread_mutex_unlock(&metrics->lock);
    return method == NULL ? other_method(metrics, side, kind) : method;
}

static struct method *
method_of(weir_metrics *metrics, struct metrics_methods *side, weir_call *call)
{
    const char *path = weir_call_method(call);
    struct entry *entry;

    if (!weir_call_known(call))
        return other_method(metrics, side, weir_call_kind(call));
    find_slot(side, path, &entry);
    return entry != NULL ? entry->method : learn(metrics, side, path, weir_call_kind(call));
}

weir_code
weir_metrics_intercept(void *self, weir_call *call, weir_next *next)
{
    weir_metrics *metrics = self;
    struct metrics_methods *side = weir_call_is_server(call) ? metrics->server : metrics->client;
    struct method *method = method_of(metrics, side, call);
    int64_t begun = weir_call_is_server(call) ? weir_call_arrived(call) : weir_now();
    weir_code code, end;

    if (method == NULL)
        return weir_proceed(next, call);
    weir_counter_add(method->requests, 1);
    code = weir_proceed(next, call);
    weir_histogram_observe(method->duration, (double)(weir_now() - begun) / 1e9);
    end = weir_call_code(call); /* the actual status if the call was ended early */
    if (end == WEIR_OK)
        end = code;
    if (end != WEIR_OK)
        weir_counter_add(
            error_counter(metrics, side, method, (unsigned)end < CODES ? end : WEIR_UNKNOWN), 1);
    return code;
}
