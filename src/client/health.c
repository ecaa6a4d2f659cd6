/* SPDX-License-Identifier: Apache-2.0 */
/* Health.Watch on a connected server. The library has no generated code, so the two messages are
 * described by hand. */
#include "client/health.h"

#include "client/client.h"
#include <stdio.h>

/* ---- grpc.health.v1 ---- */

#define SERVING 1

struct request {
    ProtobufCMessage base;
    char *service;
};

struct response {
    ProtobufCMessage base;
    int32_t status; /* an enum, the same on the wire */
};

static const unsigned one_name[] = {0};
static const ProtobufCIntRange one_range[] = {{1, 0}, {0, 1}};

static const ProtobufCFieldDescriptor service_field = {.name = "service",
    .id = 1,
    .label = PROTOBUF_C_LABEL_NONE,
    .type = PROTOBUF_C_TYPE_STRING,
    .offset = offsetof(struct request, service),
    .default_value = &protobuf_c_empty_string};

static const ProtobufCFieldDescriptor status_field = {.name = "status",
    .id = 1,
    .label = PROTOBUF_C_LABEL_NONE,
    .type = PROTOBUF_C_TYPE_INT32,
    .offset = offsetof(struct response, status)};

static void init_response(ProtobufCMessage *message);

static const ProtobufCMessageDescriptor request_type = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "grpc.health.v1.HealthCheckRequest",
    .sizeof_message = sizeof(struct request),
    .n_fields = 1,
    .fields = &service_field,
    .fields_sorted_by_name = one_name,
    .n_field_ranges = 1,
    .field_ranges = one_range};

static const ProtobufCMessageDescriptor response_type = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "grpc.health.v1.HealthCheckResponse",
    .sizeof_message = sizeof(struct response),
    .n_fields = 1,
    .fields = &status_field,
    .fields_sorted_by_name = one_name,
    .n_field_ranges = 1,
    .field_ranges = one_range,
    .message_init = init_response};

static void
init_response(ProtobufCMessage *message)
{
    *(struct response *)(void *)message = (struct response){{&response_type, 0, NULL}, 0};
}

static const struct weir_method watch_method = {.path = "/grpc.health.v1.Health/Watch",
    .kind = WEIR_SERVER_STREAM,
    .input = &request_type,
    .output = &response_type};

/* ---- results ---- */

static void
tell(struct client_conn *conn, enum health health, const char *why)
{
    struct weir_subchannel *subchannel = conn->subchannel;

    if (subchannel->health == health && health != HEALTH_BAD)
        return;
    subchannel->health = health;
    if (health == HEALTH_BAD)
        snprintf(subchannel->why, sizeof(subchannel->why), "%s", why);
    balancer_changed(subchannel);
}

static bool
wanted(const struct client_conn *conn)
{
    const struct weir_channel *channel = conn->subchannel->channel;

    return config_health_service(channel->config) != NULL && !channel->balancer.type->together;
}

static void
unwatched(struct client_conn *conn)
{
    conn->subchannel->health = HEALTH_GOOD;
}

static void
watched(struct client_conn *conn)
{
    conn->subchannel->health = HEALTH_UNKNOWN;
}

static weir_code
ask(const struct client_conn *conn, struct weir_call *call)
{
    const char *service = config_health_service(conn->subchannel->channel->config);
    const struct request request = {{&request_type, 0, NULL}, (char *)(uintptr_t)service};

    return call_send_message(call, &request.base, true);
}

static void
heard(struct client_conn *conn, const ProtobufCMessage *message)
{
    if (((const struct response *)(const void *)message)->status == SERVING)
        tell(conn, HEALTH_GOOD, NULL);
    else
        tell(conn, HEALTH_BAD, "the server says that it does not serve");
}

static void
renewed(struct client_conn *conn)
{
    tell(conn, HEALTH_UNKNOWN, NULL);
}

static void
lost(struct client_conn *conn)
{
    tell(conn, HEALTH_BAD, "the server does not tell its health");
}

/* A server without the health service counts as healthy. */
static void
given_up(struct client_conn *conn)
{
    tell(conn, HEALTH_GOOD, NULL);
}

const struct watch_type watch_health = {.method = &watch_method,
    .wanted = wanted,
    .unwatched = unwatched,
    .watched = watched,
    .ask = ask,
    .heard = heard,
    .renewed = renewed,
    .lost = lost,
    .given_up = given_up};
