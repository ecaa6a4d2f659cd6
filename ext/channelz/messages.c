/* SPDX-License-Identifier: Apache-2.0 */
/* Converts Weir's statistics to messages of channelz. */
#include "channelz/channelz.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>
#include <weir/stats.h>

/* A new message of a type in the call's arena, set to its defaults. */
static void *
new_message(weir_call *call, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = weir_call_alloc(call, type->sizeof_message);

    if (message != NULL)
        protobuf_c_message_init(type, message);
    return message;
}

#define NEW(call, type) new_message(call, &grpc__channelz__v1__##type##__descriptor)

/* Convert a time of weir_now to wall-clock time; *out_time stays NULL for an event that never
 * happened. False: no memory. */
static bool
tell_time(weir_call *call, int64_t point, Google__Protobuf__Timestamp **out_time)
{
    struct timespec now;
    int64_t wall;

    if (point == 0)
        return true;
    clock_gettime(CLOCK_REALTIME, &now);
    wall = (int64_t)now.tv_sec * WEIR_SECOND + now.tv_nsec - (weir_now() - point);
    *out_time = new_message(call, &google__protobuf__timestamp__descriptor);
    if (*out_time == NULL)
        return false;
    (*out_time)->seconds = wall / WEIR_SECOND;
    (*out_time)->nanos = (int32_t)(wall % WEIR_SECOND);
    return true;
}

static Google__Protobuf__Int64Value *
tell_number(weir_call *call, int64_t number)
{
    Google__Protobuf__Int64Value *told =
        new_message(call, &google__protobuf__int64_value__descriptor);

    if (told != NULL)
        told->value = number;
    return told;
}

Grpc__Channelz__V1__SocketRef *
channelz_socket_ref(weir_call *call, int64_t id, const char *name)
{
    Grpc__Channelz__V1__SocketRef *ref = NEW(call, socket_ref);

    if (ref == NULL)
        return NULL;
    ref->socket_id = id;
    ref->name = weir_call_dup(call, weir_str_of(name));
    return ref->name == NULL ? NULL : ref;
}

/* ---- addresses ---- */

static Grpc__Channelz__V1__Address *
tell_path(weir_call *call, const char *path)
{
    Grpc__Channelz__V1__Address *told = NEW(call, address);
    Grpc__Channelz__V1__Address__UdsAddress *uds = NEW(call, address__uds_address);

    if (told == NULL || uds == NULL)
        return NULL;
    uds->filename = weir_call_dup(call, weir_str_of(path));
    told->address_case = GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_UDS_ADDRESS;
    told->uds_address = uds;
    return uds->filename == NULL ? NULL : told;
}

static Grpc__Channelz__V1__Address *
tell_ip(weir_call *call, const uint8_t *bytes, size_t len, uint16_t port)
{
    Grpc__Channelz__V1__Address *told = NEW(call, address);
    Grpc__Channelz__V1__Address__TcpIpAddress *tcpip = NEW(call, address__tcp_ip_address);

    if (told == NULL || tcpip == NULL ||
        (tcpip->ip_address.data = weir_call_alloc(call, len)) == NULL)
        return NULL;
    memcpy(tcpip->ip_address.data, bytes, len);
    tcpip->ip_address.len = len;
    tcpip->port = port;
    told->address_case = GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_TCPIP_ADDRESS;
    told->tcpip_address = tcpip;
    return told;
}

static Grpc__Channelz__V1__Address *
tell_other(weir_call *call, const char *name)
{
    Grpc__Channelz__V1__Address *told = NEW(call, address);
    Grpc__Channelz__V1__Address__OtherAddress *other = NEW(call, address__other_address);

    if (told == NULL || other == NULL)
        return NULL;
    other->name = weir_call_dup(call, weir_str_of(name));
    told->address_case = GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_OTHER_ADDRESS;
    told->other_address = other;
    return other->name == NULL ? NULL : told;
}

/* "unix:/path" without the prefix. */
static const char *
path_of(const char *text)
{
    return text + strlen("unix:");
}

static Grpc__Channelz__V1__Address *
tell_address(weir_call *call, const struct weir_address *address, const char *text)
{
    switch (address->family) {
    case WEIR_ADDRESS_IPV4:
        return tell_ip(call, address->bytes, 4, address->port);
    case WEIR_ADDRESS_IPV6:
        return tell_ip(call, address->bytes, 16, address->port);
    case WEIR_ADDRESS_UNIX:
        return tell_path(call, path_of(text));
    default:
        return tell_other(call, text);
    }
}

/* ---- sockets ---- */

/* Streams are started by the client: on a server's connection, by the peer. */
static Grpc__Channelz__V1__SocketData *
tell_data(weir_call *call, const struct weir_connection *from, bool is_channel)
{
    Grpc__Channelz__V1__SocketData *data = NEW(call, socket_data);

    if (data == NULL ||
        !tell_time(call, from->last_stream,
            is_channel ? &data->last_local_stream_created_timestamp
                       : &data->last_remote_stream_created_timestamp) ||
        !tell_time(call, from->last_message_sent, &data->last_message_sent_timestamp) ||
        !tell_time(call, from->last_message_received, &data->last_message_received_timestamp))
        return NULL;
    data->streams_started = (int64_t)from->streams_started;
    data->streams_succeeded = (int64_t)from->streams_succeeded;
    data->streams_failed = (int64_t)from->streams_failed;
    data->messages_sent = (int64_t)from->messages_sent;
    data->messages_received = (int64_t)from->messages_received;
    data->keep_alives_sent = (int64_t)from->pings_sent;
    data->local_flow_control_window = tell_number(call, from->send_window);
    data->remote_flow_control_window = tell_number(call, from->receive_window);
    return data->local_flow_control_window == NULL || data->remote_flow_control_window == NULL
               ? NULL
               : data;
}

/* False: no memory. */
static bool
tell_security(weir_call *call, const char *cipher, Grpc__Channelz__V1__Security **out_security)
{
    Grpc__Channelz__V1__Security *security;
    Grpc__Channelz__V1__Security__Tls *tls;

    if (cipher == NULL)
        return true;
    security = NEW(call, security);
    tls = NEW(call, security__tls);
    if (security == NULL || tls == NULL)
        return false;
    tls->cipher_suite_case = GRPC__CHANNELZ__V1__SECURITY__TLS__CIPHER_SUITE_STANDARD_NAME;
    tls->standard_name = (char *)(uintptr_t)cipher;
    security->model_case = GRPC__CHANNELZ__V1__SECURITY__MODEL_TLS;
    security->tls = tls;
    *out_security = security;
    return true;
}

Grpc__Channelz__V1__Socket *
channelz_connection(
    weir_call *call, int64_t id, const struct weir_connection *connection, bool is_channel)
{
    Grpc__Channelz__V1__Socket *socket = NEW(call, socket);

    if (socket == NULL || !tell_security(call, connection->tls_cipher, &socket->security))
        return NULL;
    socket->ref = channelz_socket_ref(call, id, connection->peer_text);
    socket->data = tell_data(call, connection, is_channel);
    socket->local = tell_address(call, &connection->local, connection->local_text);
    socket->remote = tell_address(call, &connection->peer, connection->peer_text);
    return socket->ref == NULL || socket->data == NULL || socket->local == NULL ||
                   socket->remote == NULL
               ? NULL
               : socket;
}

/* "127.0.0.1:50051", "[::1]:50051", "unix:/path"; a zone ("%eth0") is omitted. */
static Grpc__Channelz__V1__Address *
tell_text(weir_call *call, const char *text)
{
    const char *colon = strrchr(text, ':');
    bool bracket = text[0] == '[';
    char host[WEIR_ADDRESS_TEXT];
    uint8_t bytes[16];
    uint16_t port;
    size_t len;

    if (strncmp(text, "unix:", strlen("unix:")) == 0)
        return tell_path(call, path_of(text));
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
        return tell_other(call, text);
    port = (uint16_t)strtoul(colon + 1, NULL, 10);
    len = strcspn(text + bracket, bracket ? "%]" : ":");
    memcpy(host, text + bracket, len);
    host[len] = '\0';
    if (inet_pton(bracket ? AF_INET6 : AF_INET, host, bytes) != 1)
        return tell_other(call, text);
    return tell_ip(call, bytes, bracket ? 16 : 4, port);
}

Grpc__Channelz__V1__Socket *
channelz_listener(weir_call *call, int64_t id, const char *address)
{
    Grpc__Channelz__V1__Socket *socket = NEW(call, socket);

    if (socket == NULL)
        return NULL;
    socket->ref = channelz_socket_ref(call, id, address);
    socket->data = NEW(call, socket_data);
    socket->local = tell_text(call, address);
    return socket->ref == NULL || socket->data == NULL || socket->local == NULL ? NULL : socket;
}

/* ---- servers ---- */

Grpc__Channelz__V1__ServerData *
channelz_server_data(weir_call *call, const weir_server *server)
{
    Grpc__Channelz__V1__ServerData *data = NEW(call, server_data);
    struct weir_server_stats stats;

    weir_server_stats(server, &stats);
    if (data == NULL || !tell_time(call, stats.last_call, &data->last_call_started_timestamp))
        return NULL;
    data->calls_started = (int64_t)stats.calls_started;
    data->calls_succeeded = (int64_t)stats.calls_succeeded;
    data->calls_failed = (int64_t)stats.calls_failed;
    return data;
}

/* ---- channels ---- */

/* Weir's states are numbered one below those of the protocol, which start with UNKNOWN. */
static Grpc__Channelz__V1__ChannelConnectivityState *
tell_state(weir_call *call, weir_connectivity state)
{
    Grpc__Channelz__V1__ChannelConnectivityState *told = NEW(call, channel_connectivity_state);

    if (told != NULL)
        told->state = (Grpc__Channelz__V1__ChannelConnectivityState__State)(state + 1);
    return told;
}

Grpc__Channelz__V1__ChannelData *
channelz_channel_data(weir_call *call, const struct weir_channel_stats *stats)
{
    Grpc__Channelz__V1__ChannelData *data = NEW(call, channel_data);

    if (data == NULL || !tell_time(call, stats->last_call, &data->last_call_started_timestamp))
        return NULL;
    data->state = tell_state(call, stats->state);
    data->target = weir_call_dup(call, weir_str_of(stats->target));
    data->calls_started = (int64_t)stats->calls_started;
    data->calls_succeeded = (int64_t)stats->calls_succeeded;
    data->calls_failed = (int64_t)stats->calls_failed;
    return data->state == NULL || data->target == NULL ? NULL : data;
}

Grpc__Channelz__V1__ChannelData *
channelz_subchannel_data(weir_call *call, const struct weir_subchannel_stats *stats)
{
    const struct weir_channel_stats alike = {.target = stats->address,
        .state = stats->state,
        .calls_started = stats->calls_started,
        .calls_succeeded = stats->calls_succeeded,
        .calls_failed = stats->calls_failed,
        .last_call = stats->last_call};

    return channelz_channel_data(call, &alike);
}
