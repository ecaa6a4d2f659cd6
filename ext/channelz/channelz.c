/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.channelz.v1: nothing is kept for it but the list of servers; each question is answered from
 * what these count anyway. */
#include "channelz/channelz.h"

#include <stdlib.h>

/* The most results of an answer, and how many there are when the client does not say. */
#define PAGE 100

weir_code
weir_channelz_new(weir_channelz **out_channelz)
{
    weir_channelz *channelz = calloc(1, sizeof(*channelz));

    if (channelz == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *out_channelz = channelz;
    return WEIR_OK;
}

void
weir_channelz_free(weir_channelz *channelz)
{
    if (channelz == NULL)
        return;
    free(channelz->servers);
    free(channelz);
}

weir_code
weir_channelz_show_server(weir_channelz *channelz, weir_server *server)
{
    weir_server **servers =
        realloc(channelz->servers, (channelz->server_count + 1) * sizeof(weir_server *));

    if (servers == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    servers[channelz->server_count++] = server;
    channelz->servers = servers;
    return WEIR_OK;
}

/* ---- pages ---- */

static weir_code
fail_memory(weir_call *call)
{
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
}

static weir_code
check_page(weir_call *call, int64_t start, int64_t max)
{
    if (start < 0 || max < 0)
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "a page cannot begin or end below zero");
    return WEIR_OK;
}

static size_t
page_size(int64_t max)
{
    return max == 0 || max > PAGE ? PAGE : (size_t)max;
}

/* ---- servers ---- */

static weir_server *
server_of(const weir_channelz *channelz, int64_t id)
{
    return id >= 1 && (uint64_t)id <= channelz->server_count ? channelz->servers[id - 1] : NULL;
}

static int64_t
first_socket(int64_t server_id)
{
    return (server_id - 1) << CHANNELZ_OWNER_BIT;
}

/* False: no memory. */
static bool
tell_listeners(
    weir_call *call, const weir_server *server, int64_t id, Grpc__Channelz__V1__Server *told)
{
    int64_t socket = first_socket(id) | CHANNELZ_LISTENS;
    size_t count = 0;

    while (weir_server_address(server, count) != NULL)
        count++;
    told->listen_socket = weir_call_alloc(call, count * sizeof(*told->listen_socket));
    if (told->listen_socket == NULL)
        return count == 0;
    for (; told->n_listen_socket < count; told->n_listen_socket++) {
        size_t place = told->n_listen_socket;

        told->listen_socket[place] = channelz_socket_ref(
            call, socket + (int64_t)place + 1, weir_server_address(server, place));
        if (told->listen_socket[place] == NULL)
            return false;
    }
    return true;
}

static Grpc__Channelz__V1__Server *
tell_server(weir_call *call, const weir_server *server, int64_t id)
{
    Grpc__Channelz__V1__Server *told = weir_call_alloc(call, sizeof(*told));
    Grpc__Channelz__V1__ServerRef *ref = weir_call_alloc(call, sizeof(*ref));

    if (told == NULL || ref == NULL)
        return NULL;
    grpc__channelz__v1__server__init(told);
    grpc__channelz__v1__server_ref__init(ref);
    ref->server_id = id;
    told->ref = ref;
    told->data = channelz_server_data(call, server);
    return told->data != NULL && tell_listeners(call, server, id, told) ? told : NULL;
}

static weir_code
get_servers(void *self, weir_call *call, const Grpc__Channelz__V1__GetServersRequest *request,
    Grpc__Channelz__V1__GetServersResponse *out)
{
    const weir_channelz *channelz = self;
    size_t most = page_size(request->max_results);
    int64_t id = request->start_server_id < 1 ? 1 : request->start_server_id;

    WEIR_TRY(check_page(call, request->start_server_id, request->max_results));
    out->server = weir_call_alloc(call, most * sizeof(*out->server));
    if (out->server == NULL)
        return fail_memory(call);
    for (; out->n_server < most && server_of(channelz, id) != NULL; id++) {
        out->server[out->n_server] = tell_server(call, server_of(channelz, id), id);
        if (out->server[out->n_server] == NULL)
            return fail_memory(call);
        out->n_server++;
    }
    out->end = server_of(channelz, id) == NULL;
    return WEIR_OK;
}

static weir_code
fail_unknown(weir_call *call, const char *what, int64_t id)
{
    return weir_fail(call, WEIR_NOT_FOUND, "no %s has the id %lld", what, (long long)id);
}

static weir_code
get_server(void *self, weir_call *call, const Grpc__Channelz__V1__GetServerRequest *request,
    Grpc__Channelz__V1__GetServerResponse *out)
{
    const weir_server *server = server_of(self, request->server_id);

    if (server == NULL)
        return fail_unknown(call, "server", request->server_id);
    out->server = tell_server(call, server, request->server_id);
    return out->server == NULL ? fail_memory(call) : WEIR_OK;
}

/* ---- sockets ---- */

/* The connections from an id on: one more than there is room for shows whether there are others. */
static weir_code
get_server_sockets(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetServerSocketsRequest *request,
    Grpc__Channelz__V1__GetServerSocketsResponse *out)
{
    weir_server *server = server_of(self, request->server_id);
    int64_t first = first_socket(request->server_id);
    int64_t from = request->start_socket_id <= first ? 0 : request->start_socket_id - first;
    size_t most = page_size(request->max_results), count;
    struct weir_connection *list;

    WEIR_TRY(check_page(call, request->start_socket_id, request->max_results));
    if (server == NULL)
        return fail_unknown(call, "server", request->server_id);
    list = weir_call_alloc(call, (most + 1) * sizeof(*list));
    out->socket_ref = weir_call_alloc(call, most * sizeof(*out->socket_ref));
    if (list == NULL || out->socket_ref == NULL)
        return fail_memory(call);
    WEIR_TRY(weir_server_connections(server, call, (uint64_t)from, most + 1, list, &count));
    for (; out->n_socket_ref < most && out->n_socket_ref < count; out->n_socket_ref++) {
        const struct weir_connection *one = &list[out->n_socket_ref];
        Grpc__Channelz__V1__SocketRef *ref =
            channelz_socket_ref(call, first + (int64_t)one->number, one->peer_text);

        if (ref == NULL)
            return fail_memory(call);
        out->socket_ref[out->n_socket_ref] = ref;
    }
    out->end = count <= most;
    return WEIR_OK;
}

/* One that listens; NULL with OK: there is none. */
static weir_code
find_listener(weir_call *call, const weir_server *server, int64_t id, int64_t number,
    Grpc__Channelz__V1__Socket **out_socket)
{
    const char *address = number == 0 ? NULL : weir_server_address(server, (size_t)number - 1);

    if (address == NULL)
        return WEIR_OK;
    *out_socket = channelz_listener(call, id, address);
    return *out_socket == NULL ? fail_memory(call) : WEIR_OK;
}

static weir_code
find_connection(weir_call *call, weir_server *server, int64_t id, int64_t number,
    Grpc__Channelz__V1__Socket **out_socket)
{
    struct weir_connection *one = weir_call_alloc(call, sizeof(*one));
    size_t count;

    if (one == NULL)
        return fail_memory(call);
    WEIR_TRY(weir_server_connections(server, call, (uint64_t)number, 1, one, &count));
    if (count == 0 || one->number != (uint64_t)number)
        return WEIR_OK;
    *out_socket = channelz_connection(call, id, one);
    return *out_socket == NULL ? fail_memory(call) : WEIR_OK;
}

static weir_code
get_socket(void *self, weir_call *call, const Grpc__Channelz__V1__GetSocketRequest *request,
    Grpc__Channelz__V1__GetSocketResponse *out)
{
    int64_t id = request->socket_id;
    int64_t number = id & (CHANNELZ_LISTENS - 1);
    weir_server *server = id < 1 ? NULL : server_of(self, (id >> CHANNELZ_OWNER_BIT) + 1);

    if (server != NULL && (id & CHANNELZ_LISTENS) != 0)
        WEIR_TRY(find_listener(call, server, id, number, &out->socket));
    else if (server != NULL)
        WEIR_TRY(find_connection(call, server, id, number, &out->socket));
    return out->socket == NULL ? fail_unknown(call, "socket", id) : WEIR_OK;
}

/* ---- channels ---- */

static weir_code
get_top_channels(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetTopChannelsRequest *request,
    Grpc__Channelz__V1__GetTopChannelsResponse *out)
{
    (void)self;
    WEIR_TRY(check_page(call, request->start_channel_id, request->max_results));
    out->end = true;
    return WEIR_OK;
}

static weir_code
get_channel(void *self, weir_call *call, const Grpc__Channelz__V1__GetChannelRequest *request,
    Grpc__Channelz__V1__GetChannelResponse *out)
{
    (void)self;
    (void)out;
    return fail_unknown(call, "channel", request->channel_id);
}

static weir_code
get_subchannel(void *self, weir_call *call, const Grpc__Channelz__V1__GetSubchannelRequest *request,
    Grpc__Channelz__V1__GetSubchannelResponse *out)
{
    (void)self;
    (void)out;
    return fail_unknown(call, "subchannel", request->subchannel_id);
}

static const struct grpc_channelz_v1_Channelz_handlers handlers = {
    .GetTopChannels = get_top_channels,
    .GetServers = get_servers,
    .GetServer = get_server,
    .GetServerSockets = get_server_sockets,
    .GetChannel = get_channel,
    .GetSubchannel = get_subchannel,
    .GetSocket = get_socket,
};

weir_code
weir_channelz_offer(weir_channelz *channelz, weir_server *server)
{
    return grpc_channelz_v1_Channelz_add(server, &handlers, channelz);
}
