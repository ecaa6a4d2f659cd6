/* SPDX-License-Identifier: Apache-2.0 */
/* Out-of-band load reports (gRFC A51): a stream of xds.service.orca.v3, if the balancer wants one.
 * The fields that are used are described by hand. */
#include "client/load.h"

#include "client/client.h"

/* ---- xds.service.orca.v3 ---- */

struct duration { /* google.protobuf.Duration */
    ProtobufCMessage base;
    int64_t seconds;
    int32_t nanos;
};

struct request {
    ProtobufCMessage base;
    struct duration *interval;
};

struct report {
    ProtobufCMessage base;
    double cpu, calls, errors, application;
};

static const unsigned two_names[] = {1, 0}; /* nanos, seconds */
static const ProtobufCIntRange two_range[] = {{1, 0}, {0, 2}};

static const ProtobufCFieldDescriptor duration_fields[] = {
    {.name = "seconds",
        .id = 1,
        .label = PROTOBUF_C_LABEL_NONE,
        .type = PROTOBUF_C_TYPE_INT64,
        .offset = offsetof(struct duration, seconds)},
    {.name = "nanos",
        .id = 2,
        .label = PROTOBUF_C_LABEL_NONE,
        .type = PROTOBUF_C_TYPE_INT32,
        .offset = offsetof(struct duration, nanos)}};

static const ProtobufCMessageDescriptor duration_type = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "google.protobuf.Duration",
    .sizeof_message = sizeof(struct duration),
    .n_fields = 2,
    .fields = duration_fields,
    .fields_sorted_by_name = two_names,
    .n_field_ranges = 1,
    .field_ranges = two_range};

static const unsigned one_name[] = {0};
static const ProtobufCIntRange one_range[] = {{1, 0}, {0, 1}};

static const ProtobufCFieldDescriptor interval_field = {.name = "report_interval",
    .id = 1,
    .label = PROTOBUF_C_LABEL_NONE,
    .type = PROTOBUF_C_TYPE_MESSAGE,
    .offset = offsetof(struct request, interval),
    .descriptor = &duration_type};

static const ProtobufCMessageDescriptor request_type = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "xds.service.orca.v3.OrcaLoadReportRequest",
    .sizeof_message = sizeof(struct request),
    .n_fields = 1,
    .fields = &interval_field,
    .fields_sorted_by_name = one_name,
    .n_field_ranges = 1,
    .field_ranges = one_range};

#define NUMBER(field_name, field_id, member)                                      \
    {                                                                             \
        .name = (field_name), .id = (field_id), .label = PROTOBUF_C_LABEL_NONE,   \
        .type = PROTOBUF_C_TYPE_DOUBLE, .offset = offsetof(struct report, member) \
    }

static const ProtobufCFieldDescriptor report_fields[] = {NUMBER("cpu_utilization", 1, cpu),
    NUMBER("rps_fractional", 6, calls), NUMBER("eps", 7, errors),
    NUMBER("application_utilization", 9, application)};

static const unsigned report_names[] = {3, 0, 2, 1};
static const ProtobufCIntRange report_ranges[] = {{1, 0}, {6, 1}, {9, 3}, {0, 4}};

static void init_report(ProtobufCMessage *message);

static const ProtobufCMessageDescriptor report_type = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "xds.data.orca.v3.OrcaLoadReport",
    .sizeof_message = sizeof(struct report),
    .n_fields = 4,
    .fields = report_fields,
    .fields_sorted_by_name = report_names,
    .n_field_ranges = 3,
    .field_ranges = report_ranges,
    .message_init = init_report};

static void
init_report(ProtobufCMessage *message)
{
    *(struct report *)(void *)message = (struct report){.base = {&report_type, 0, NULL}};
}

static const struct weir_method report_method = {
    .path = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
    .kind = WEIR_SERVER_STREAM,
    .input = &request_type,
    .output = &report_type};

/* ---- results ---- */

static int64_t
period_of(const struct client_conn *conn)
{
    const struct client_balancer *balancer = &conn->subchannel->channel->balancer;

    return balancer->type->report_period == NULL || balancer->type->together
               ? 0
               : balancer->type->report_period(balancer->self);
}

static bool
wanted(const struct client_conn *conn)
{
    return period_of(conn) > 0;
}

static void
ignore(struct client_conn *conn)
{
    (void)conn;
}

static weir_code
ask(const struct client_conn *conn, struct weir_call *call)
{
    int64_t period = period_of(conn);
    struct duration interval = {
        {&duration_type, 0, NULL}, period / WEIR_SECOND, (int32_t)(period % WEIR_SECOND)};
    const struct request request = {{&request_type, 0, NULL}, &interval};

    return call_send_message(call, &request.base, true);
}

static void
heard(struct client_conn *conn, const ProtobufCMessage *message)
{
    struct weir_subchannel *subchannel = conn->subchannel;
    const struct client_balancer *balancer = &subchannel->channel->balancer;
    const struct report *report = (const struct report *)(const void *)message;
    const struct weir_load load = {.cpu_utilization = load_checked(report->cpu),
        .application_utilization = load_checked(report->application),
        .calls_per_second = load_checked(report->calls),
        .errors_per_second = load_checked(report->errors)};

    if (balancer->type->reported != NULL && !subchannel->removed)
        balancer->type->reported(
            balancer->self, subchannel, &load, loop_now(subchannel->channel->loop));
}

const struct watch_type watch_load = {.method = &report_method,
    .wanted = wanted,
    .unwatched = ignore,
    .watched = ignore,
    .ask = ask,
    .heard = heard,
    .renewed = ignore,
    .lost = ignore,
    .given_up = ignore};
