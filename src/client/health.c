/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of Health.Watch on a subchannel's connection, on a fiber of its own.
 *
 * The library has no generated code, so the two messages are described by hand. The watch outlives
 * its connection for a moment, and holds the channel so long. */
#include "client/health.h"

#include "client/session.h"
#include <stdio.h>
#include <stdlib.h>

struct health_watch {
    struct weir_channel *channel;
    struct client_conn *conn; /* NULL: it is to end */
    struct weir_call *call;   /* under way, else NULL */
    struct fiber *fiber;
    bool unimplemented; /* the server tells no health: it is taken for good */
};

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

/* ---- what it comes to ---- */

static void
tell(struct health_watch *watch, enum health health, const char *why)
{
    struct weir_subchannel *subchannel;

    if (watch->conn == NULL)
        return;
    subchannel = watch->conn->subchannel;
    if (subchannel->health == health && health != HEALTH_BAD)
        return;
    subchannel->health = health;
    if (health == HEALTH_BAD)
        snprintf(subchannel->why, sizeof(subchannel->why), "%s", why);
    balancer_changed(subchannel);
}

/* ---- the stream ---- */

static weir_code
begin(struct health_watch *watch)
{
    struct rpc_transport *transport = &watch->conn->transport;
    struct weir_call *call = watch->call;
    const struct client_method *method = client_method_lookup(watch->channel, &watch_method);
    const struct request request = {
        {&request_type, 0, NULL}, (char *)(uintptr_t)config_health_service(watch->channel->config)};
    struct h2_stream *stream = method == NULL ? NULL : h2_stream_open(transport->h2);

    if (stream == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    call_attach(call, transport, stream);
    call->attached_at = 0; /* it is not counted at its server */
    WEIR_TRY(attempt_send_headers(call, method));
    return call_send_message(call, &request.base, true);
}

/* As long as it says something. True: it has. */
static bool
hear(struct health_watch *watch)
{
    struct weir_call *call = watch->call;
    ProtobufCMessage *message;
    bool heard = false;

    for (;;) {
        call_renew_scratch(call);
        message = NULL;
        if (call_take_message(call, &response_type, &message) != WEIR_OK || message == NULL)
            return heard;
        heard = true;
        if (((struct response *)(void *)message)->status == SERVING)
            tell(watch, HEALTH_GOOD, NULL);
        else
            tell(watch, HEALTH_BAD, "the server says that it does not serve");
    }
}

static bool
ask_once(struct health_watch *watch)
{
    struct weir_call *call = client_take_call(watch->channel);
    bool heard = false;
    weir_code code;

    if (call == NULL)
        return false;
    watch->call = call;
    call->method = &watch_method;
    call->path = watch_method.path;
    code = begin(watch);
    if (code == WEIR_OK)
        heard = hear(watch);
    code = attempt_settle(call, code);
    watch->unimplemented = code == WEIR_UNIMPLEMENTED;
    if (!watch->unimplemented)
        tell(watch, HEALTH_BAD, "the server does not tell its health");
    watch->call = NULL;
    call_retire(call);
    return heard;
}

/* ---- its fiber ---- */

struct pause {
    struct loop_timer timer;
    struct fiber *fiber;
    bool over;
};

static void
pause_is_over(struct loop_timer *timer)
{
    struct pause *pause = container_of(timer, struct pause, timer);

    pause->over = true;
    fiber_wake(pause->fiber);
}

static void
rest(struct health_watch *watch, int64_t duration)
{
    weir_loop *loop = watch->channel->loop;
    struct pause pause = {.fiber = watch->fiber};

    loop_timer_init(&pause.timer, pause_is_over);
    if (loop_timer_start(loop, &pause.timer, loop_now(loop) + duration) != WEIR_OK)
        return;
    while (!pause.over && watch->conn != NULL)
        fiber_park();
    loop_timer_stop(loop, &pause.timer);
}

static void
watch_on_fiber(void *arg)
{
    struct health_watch *watch = arg;
    struct weir_channel *channel = watch->channel;
    int64_t backoff = CLIENT_BACKOFF_INITIAL;

    watch->fiber = fiber_current();
    while (watch->conn != NULL) {
        if (ask_once(watch))
            backoff = CLIENT_BACKOFF_INITIAL;
        if (watch->unimplemented)
            break;
        if (watch->conn != NULL)
            rest(watch, client_next_backoff(&backoff));
    }
    tell(watch, HEALTH_GOOD, NULL);
    if (watch->conn != NULL)
        watch->conn->subchannel->watch = NULL;
    free(watch);
    client_let_go(channel);
}

void
health_begin(struct client_conn *conn)
{
    struct weir_subchannel *subchannel = conn->subchannel;
    struct weir_channel *channel = subchannel->channel;
    struct health_watch *watch;

    if (subchannel->watch != NULL)
        return;
    subchannel->health = HEALTH_GOOD;
    if (config_health_service(channel->config) == NULL || channel->balancer.type->together ||
        channel->leaving != NULL)
        return;
    watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return; /* without memory it is not asked */
    *watch = (struct health_watch){.channel = channel, .conn = conn};
    subchannel->watch = watch;
    subchannel->health = HEALTH_UNKNOWN;
    client_hold(channel);
    if (fiber_start(channel->loop, watch_on_fiber, watch) == WEIR_OK)
        return;
    subchannel->watch = NULL;
    subchannel->health = HEALTH_GOOD;
    free(watch);
    client_let_go(channel);
}

void
health_stop(struct client_conn *conn)
{
    struct health_watch *watch = conn->subchannel->watch;

    if (watch == NULL || watch->conn != conn)
        return;
    conn->subchannel->watch = NULL;
    watch->conn = NULL;
    if (watch->call != NULL) {
        call_end(watch->call, WEIR_CANCELLED, "the connection takes no more calls");
        call_advance(watch->call);
    }
    if (watch->fiber != NULL)
        fiber_wake(watch->fiber);
}

static void
stop_in(const struct list *subchannels)
{
    list_each (link, subchannels) {
        struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);

        if (subchannel->watch != NULL)
            health_stop(subchannel->watch->conn);
    }
}

void
health_stop_all(struct weir_channel *channel)
{
    stop_in(&channel->subchannels);
    stop_in(&channel->parting);
}
