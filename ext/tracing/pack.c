/* SPDX-License-Identifier: Apache-2.0 */
/* Converts spans to OTLP, with the attributes of OpenTelemetry's conventions for RPC. A request is
 * one allocation, except for the strings, which belong to the spans and the tracer. */
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"
#include "tracing/context.h"
#include "tracing/tracer.h"
#include <stdlib.h>

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest request;
typedef Opentelemetry__Proto__Trace__V1__ResourceSpans resource_spans;
typedef Opentelemetry__Proto__Trace__V1__ScopeSpans scope_spans;
typedef Opentelemetry__Proto__Trace__V1__Span otlp_span;
typedef Opentelemetry__Proto__Trace__V1__Status otlp_status;
typedef Opentelemetry__Proto__Resource__V1__Resource otlp_resource;
typedef Opentelemetry__Proto__Common__V1__InstrumentationScope otlp_scope;
typedef Opentelemetry__Proto__Common__V1__KeyValue key_value;
typedef Opentelemetry__Proto__Common__V1__AnyValue any_value;

#define ATTRIBUTES 8
#define RESOURCE_ATTRIBUTES 4

struct attribute {
    key_value pair;
    any_value value;
};

struct attributes {
    struct attribute list[ATTRIBUTES];
    key_value *pointers[ATTRIBUTES];
    size_t count;
};

struct packed_span {
    otlp_span span;
    otlp_status status;
    struct attributes attributes;
    char service[SPAN_METHOD], peer[SPAN_PEER];
};

struct pack {
    request request;
    resource_spans in_resource, *resource_pointer;
    scope_spans in_scope, *scope_pointer;
    otlp_resource resource;
    otlp_scope scope;
    struct attributes resource_attributes;
    otlp_span **pointers;
    struct packed_span spans[];
};

/* ---- attributes ---- */

static any_value *
add(struct attributes *attributes, const char *key)
{
    struct attribute *attribute = &attributes->list[attributes->count];

    opentelemetry__proto__common__v1__key_value__init(&attribute->pair);
    opentelemetry__proto__common__v1__any_value__init(&attribute->value);
    attribute->pair.key = (char *)key;
    attribute->pair.value = &attribute->value;
    attributes->pointers[attributes->count++] = &attribute->pair;
    return &attribute->value;
}

static void
add_text(struct attributes *attributes, const char *key, const char *text)
{
    any_value *value = add(attributes, key);

    value->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
    value->string_value = (char *)text;
}

static void
add_number(struct attributes *attributes, const char *key, int64_t number)
{
    any_value *value = add(attributes, key);

    value->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE;
    value->int_value = number;
}

/* rpc.service and rpc.method, from "user.UserService/GetUser". */
static void
add_method(struct packed_span *packed, const struct span *span)
{
    char *slash;

    memcpy(packed->service, span->method, sizeof(packed->service));
    slash = strrchr(packed->service, '/');
    if (slash != NULL)
        *slash++ = '\0';
    add_text(&packed->attributes, "rpc.service", packed->service);
    add_text(&packed->attributes, "rpc.method", slash == NULL ? "" : slash);
}

/* The peer is "ipv4:127.0.0.1:41234", "ipv6:[::1]:41234", "unix:/path" or "". For a client it is
 * also server.address. */
static void
add_peer(struct packed_span *packed, const struct span *span)
{
    struct attributes *attributes = &packed->attributes;
    bool is_unix = strncmp(span->peer, "unix:", 5) == 0;
    char *host, *port = NULL;

    memcpy(packed->peer, span->peer, sizeof(packed->peer));
    host = strchr(packed->peer, ':');
    if (host == NULL || host[1] == '\0')
        return;
    host++;
    if (!is_unix)
        port = strrchr(host, ':');
    if (port != NULL) {
        *port++ = '\0';
        host += host[0] == '[';
        host[strcspn(host, "]")] = '\0';
    }
    add_text(attributes, "network.peer.address", host);
    if (port != NULL)
        add_number(attributes, "network.peer.port", strtol(port, NULL, 10));
    if (!span->server) {
        add_text(attributes, "server.address", host);
        if (port != NULL)
            add_number(attributes, "server.port", strtol(port, NULL, 10));
    }
}

static void
add_server(const struct weir_tracer *tracer, struct packed_span *packed)
{
    if (tracer->server_host == NULL)
        return;
    add_text(&packed->attributes, "server.address", tracer->server_host);
    if (tracer->server_port > 0)
        add_number(&packed->attributes, "server.port", tracer->server_port);
}

/* ---- spans ---- */

/* OpenTelemetry's conventions for gRPC: for a client every code except OK is an error, for a server
 * only those that are its own fault. */
static bool
is_error(const struct span *span)
{
    switch (span->code) {
    case WEIR_OK:
        return false;
    case WEIR_UNKNOWN:
    case WEIR_DEADLINE_EXCEEDED:
    case WEIR_UNIMPLEMENTED:
    case WEIR_INTERNAL:
    case WEIR_UNAVAILABLE:
    case WEIR_DATA_LOSS:
        return true;
    default:
        return !span->server;
    }
}

static ProtobufCBinaryData
bytes_of(const uint8_t *bytes, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)bytes};
}

static void
pack_status(struct packed_span *packed, const struct span *span)
{
    opentelemetry__proto__trace__v1__status__init(&packed->status);
    packed->status.code = OPENTELEMETRY__PROTO__TRACE__V1__STATUS__STATUS_CODE__STATUS_CODE_ERROR;
    packed->status.message = (char *)span->message;
    packed->span.status = &packed->status;
}

static void
pack_attributes(
    const struct weir_tracer *tracer, struct packed_span *packed, const struct span *span)
{
    add_text(&packed->attributes, "rpc.system", "grpc");
    add_method(packed, span);
    add_number(&packed->attributes, "rpc.grpc.status_code", span->code);
    if (span->server)
        add_server(tracer, packed);
    add_peer(packed, span);
    packed->span.attributes = packed->attributes.pointers;
    packed->span.n_attributes = packed->attributes.count;
}

static void
pack_span(const struct weir_tracer *tracer, struct packed_span *packed, const struct span *span)
{
    otlp_span *out = &packed->span;

    opentelemetry__proto__trace__v1__span__init(out);
    out->trace_id = bytes_of(span->trace_id, sizeof(span->trace_id));
    out->span_id = bytes_of(span->span_id, sizeof(span->span_id));
    if (!context_is_zero(span->parent_id, sizeof(span->parent_id)))
        out->parent_span_id = bytes_of(span->parent_id, sizeof(span->parent_id));
    out->trace_state = (char *)span->state;
    out->name = (char *)span->method;
    out->kind = span->server ? OPENTELEMETRY__PROTO__TRACE__V1__SPAN__SPAN_KIND__SPAN_KIND_SERVER
                             : OPENTELEMETRY__PROTO__TRACE__V1__SPAN__SPAN_KIND__SPAN_KIND_CLIENT;
    out->start_time_unix_nano = (uint64_t)span->start;
    out->end_time_unix_nano = (uint64_t)span->end;
    out->flags = 1; /* sampled, as all exported spans are */
    pack_attributes(tracer, packed, span);
    if (is_error(span))
        pack_status(packed, span);
}

/* ---- resource and request ---- */

static void
pack_resource(struct pack *pack, const struct weir_tracer *tracer)
{
    struct attributes *attributes = &pack->resource_attributes;

    add_text(attributes, "service.name", tracer->service_name);
    if (tracer->service_version != NULL)
        add_text(attributes, "service.version", tracer->service_version);
    add_text(attributes, "telemetry.sdk.name", "weir");
    add_text(attributes, "telemetry.sdk.language", "c");
    pack->resource.attributes = attributes->pointers;
    pack->resource.n_attributes = attributes->count;
}

static void
pack_frame(struct pack *pack)
{
    opentelemetry__proto__collector__trace__v1__export_trace_service_request__init(&pack->request);
    opentelemetry__proto__trace__v1__resource_spans__init(&pack->in_resource);
    opentelemetry__proto__trace__v1__scope_spans__init(&pack->in_scope);
    opentelemetry__proto__resource__v1__resource__init(&pack->resource);
    opentelemetry__proto__common__v1__instrumentation_scope__init(&pack->scope);
    pack->scope.name = (char *)"weir";
    pack->scope.version = (char *)weir_version();
    pack->in_scope.scope = &pack->scope;
    pack->scope_pointer = &pack->in_scope;
    pack->in_resource.resource = &pack->resource;
    pack->in_resource.scope_spans = &pack->scope_pointer;
    pack->in_resource.n_scope_spans = 1;
    pack->resource_pointer = &pack->in_resource;
    pack->request.resource_spans = &pack->resource_pointer;
    pack->request.n_resource_spans = 1;
}

struct pack *
pack_new(const struct weir_tracer *tracer, const struct span *spans, size_t count)
{
    struct pack *pack =
        calloc(1, sizeof(*pack) + count * (sizeof(struct packed_span) + sizeof(otlp_span *)));

    if (pack == NULL)
        return NULL;
    pack_frame(pack);
    pack_resource(pack, tracer);
    pack->pointers = (otlp_span **)(void *)&pack->spans[count];
    for (size_t i = 0; i < count; i++) {
        pack_span(tracer, &pack->spans[i], &spans[i]);
        pack->pointers[i] = &pack->spans[i].span;
    }
    pack->in_scope.spans = pack->pointers;
    pack->in_scope.n_spans = count;
    return pack;
}

void
pack_free(struct pack *pack)
{
    free(pack);
}

const ProtobufCMessage *
pack_request(const struct pack *pack)
{
    return &pack->request.base;
}
