/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports: copies in one allocation, and conversion to protobuf. */
#include "orca/report.h"

#include <stdlib.h>

const char orca_trailer[] = "endpoint-load-metrics-bin";

/* The three lists of a report, in a fixed order. */
#define LISTS 3

struct metrics {
    const struct weir_orca_metric *list;
    size_t count;
};

static void
lists_of(const struct weir_orca_report *report, struct metrics out_lists[LISTS])
{
    out_lists[0] = (struct metrics){report->request_cost, report->request_cost_count};
    out_lists[1] = (struct metrics){report->utilization, report->utilization_count};
    out_lists[2] = (struct metrics){report->named, report->named_count};
    for (size_t i = 0; i < LISTS; i++) {
        if (out_lists[i].count > WEIR_ORCA_METRICS_MAX)
            out_lists[i].count = WEIR_ORCA_METRICS_MAX;
    }
}

static void
set_lists(struct weir_orca_report *report, const struct metrics lists[LISTS])
{
    report->request_cost = lists[0].list;
    report->request_cost_count = lists[0].count;
    report->utilization = lists[1].list;
    report->utilization_count = lists[1].count;
    report->named = lists[2].list;
    report->named_count = lists[2].count;
}

/* ---- copies ---- */

/* The size of the names of all lists, and their number. */
static size_t
names_size(const struct metrics lists[LISTS], size_t *out_count)
{
    size_t size = 0, count = 0;

    for (size_t i = 0; i < LISTS; i++) {
        count += lists[i].count;
        for (size_t n = 0; n < lists[i].count; n++)
            size += strlen(lists[i].list[n].name) + 1;
    }
    *out_count = count;
    return size;
}

static char *
copy_name(char **place, const char *name)
{
    size_t size = strlen(name) + 1;
    char *copy = *place;

    memcpy(copy, name, size);
    *place += size;
    return copy;
}

/*   orca_copy | metrics of the three lists | names */
struct orca_copy *
orca_copy_new(const struct weir_orca_report *report)
{
    struct metrics lists[LISTS];
    struct weir_orca_metric *metric;
    struct orca_copy *copy;
    size_t count, size;
    char *names;

    lists_of(report, lists);
    size = names_size(lists, &count);
    copy = malloc(sizeof(*copy) + count * sizeof(*metric) + size);
    if (copy == NULL)
        return NULL;
    metric = (struct weir_orca_metric *)(copy + 1);
    names = (char *)(metric + count);
    for (size_t i = 0; i < LISTS; i++) {
        const struct weir_orca_metric *from = lists[i].list;

        lists[i].list = metric;
        for (size_t n = 0; n < lists[i].count; n++)
            *metric++ = (struct weir_orca_metric){copy_name(&names, from[n].name), from[n].value};
    }
    copy->report = *report;
    set_lists(&copy->report, lists);
    return copy;
}

static void
complete(double *value, double from)
{
    if (*value == 0)
        *value = from;
}

void
orca_report_complete(struct weir_orca_report *report, const struct weir_orca_report *from)
{
    complete(&report->cpu_utilization, from->cpu_utilization);
    complete(&report->memory_utilization, from->memory_utilization);
    complete(&report->application_utilization, from->application_utilization);
    complete(&report->calls_per_second, from->calls_per_second);
    complete(&report->errors_per_second, from->errors_per_second);
    if (report->utilization_count == 0) {
        report->utilization = from->utilization;
        report->utilization_count = from->utilization_count;
    }
    if (report->named_count == 0) {
        report->named = from->named;
        report->named_count = from->named_count;
    }
}

/* ---- messages ---- */

/* protobuf-c has a separate type for the entries of each map, all with a base, a key and a value,
 * so one can be used for all. */
typedef Xds__Data__Orca__V3__OrcaLoadReport__RequestCostEntry map_entry;

_Static_assert(
    sizeof(map_entry) == sizeof(Xds__Data__Orca__V3__OrcaLoadReport__UtilizationEntry) &&
        sizeof(map_entry) == sizeof(Xds__Data__Orca__V3__OrcaLoadReport__NamedMetricsEntry),
    "the entries of maps are alike");

/* Allocate a piece of memory whose size was computed before. */
static void *
take(char **place, size_t size)
{
    void *piece = *place;

    *place += size;
    return piece;
}

/* Fill a map of a message: a list of pointers, followed by the entries. */
static void *
fill_map(const ProtobufCMessageDescriptor *type, struct metrics from, char **place, char **names)
{
    map_entry **list = take(place, from.count * sizeof(map_entry *));
    map_entry *entries = take(place, from.count * sizeof(*entries));

    for (size_t i = 0; i < from.count; i++) {
        protobuf_c_message_init(type, &entries[i]);
        entries[i].key = copy_name(names, from.list[i].name);
        entries[i].value = from.list[i].value;
        list[i] = &entries[i];
    }
    return list;
}

static void
fill_maps(orca_load_report *message, const struct metrics lists[LISTS], char *place, char *names)
{
    message->request_cost =
        fill_map(&xds__data__orca__v3__orca_load_report__request_cost_entry__descriptor, lists[0],
            &place, &names);
    message->n_request_cost = lists[0].count;
    message->utilization =
        fill_map(&xds__data__orca__v3__orca_load_report__utilization_entry__descriptor, lists[1],
            &place, &names);
    message->n_utilization = lists[1].count;
    message->named_metrics =
        fill_map(&xds__data__orca__v3__orca_load_report__named_metrics_entry__descriptor, lists[2],
            &place, &names);
    message->n_named_metrics = lists[2].count;
}

/*   orca_message | for each list pointers, then entries | names */
struct orca_message *
orca_message_new(const struct weir_orca_report *report)
{
    struct metrics lists[LISTS];
    struct orca_message *message;
    size_t count, size, entries;

    lists_of(report, lists);
    size = names_size(lists, &count);
    entries = count * (sizeof(map_entry *) + sizeof(map_entry));
    message = malloc(sizeof(*message) + entries + size);
    if (message == NULL)
        return NULL;
    xds__data__orca__v3__orca_load_report__init(&message->report);
    message->report.cpu_utilization = report->cpu_utilization;
    message->report.mem_utilization = report->memory_utilization;
    message->report.application_utilization = report->application_utilization;
    message->report.rps_fractional = report->calls_per_second;
    message->report.eps = report->errors_per_second;
    fill_maps(&message->report, lists, (char *)(message + 1), (char *)(message + 1) + entries);
    return message;
}

/* ---- reading ---- */

static const struct weir_orca_metric *
read_map(weir_call *call, orca_memory *memory, void *entries, size_t *count)
{
    map_entry *const *list = entries;
    struct weir_orca_metric *metrics;

    if (*count > WEIR_ORCA_METRICS_MAX)
        *count = WEIR_ORCA_METRICS_MAX;
    metrics = memory(call, *count * sizeof(*metrics));
    for (size_t i = 0; metrics != NULL && i < *count; i++)
        metrics[i] = (struct weir_orca_metric){list[i]->key, list[i]->value};
    return metrics;
}

bool
orca_report_read(weir_call *call, orca_memory *memory, const orca_load_report *message,
    struct weir_orca_report *out_report)
{
    struct weir_orca_report report = {
        .cpu_utilization = message->cpu_utilization,
        .memory_utilization = message->mem_utilization,
        .application_utilization = message->application_utilization,
        .calls_per_second = message->rps_fractional,
        .errors_per_second = message->eps,
        .request_cost_count = message->n_request_cost,
        .utilization_count = message->n_utilization,
        .named_count = message->n_named_metrics,
    };

    report.request_cost = read_map(call, memory, message->request_cost, &report.request_cost_count);
    report.utilization = read_map(call, memory, message->utilization, &report.utilization_count);
    report.named = read_map(call, memory, message->named_metrics, &report.named_count);
    if (report.request_cost == NULL || report.utilization == NULL || report.named == NULL)
        return false;
    *out_report = report;
    return true;
}
