/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.channelz.v1: keeps only the servers and channels shown; responses are made from the counters
 * that these have anyway. */
#include "channelz/channelz.h"

#include <stdlib.h>

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
    free(channelz->owners);
    free(channelz);
}

static weir_code
show(weir_channelz *channelz, struct channelz_owner owner)
{
    struct channelz_owner *owners =
        realloc(channelz->owners, (channelz->count + 1) * sizeof(*owners));

    if (owners == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    owners[channelz->count++] = owner;
    channelz->owners = owners;
    return WEIR_OK;
}

weir_code
weir_channelz_show_server(weir_channelz *channelz, weir_server *server)
{
    return show(channelz, (struct channelz_owner){.server = server});
}

weir_code
weir_channelz_show_channel(weir_channelz *channelz, weir_channel *channel)
{
    return show(channelz, (struct channelz_owner){.channel = channel});
}

/* ---- ids and pages ---- */

const struct channelz_owner *
channelz_owner_of(const weir_channelz *channelz, int64_t id)
{
    return id >= 1 && (uint64_t)id <= channelz->count ? &channelz->owners[id - 1] : NULL;
}

const struct channelz_owner *
channelz_owner_of_part(const weir_channelz *channelz, int64_t id)
{
    return id < 1 ? NULL : channelz_owner_of(channelz, (id >> CHANNELZ_OWNER_BIT) + 1);
}

int64_t
channelz_first_part(int64_t owner_id)
{
    return (owner_id - 1) << CHANNELZ_OWNER_BIT;
}

uint64_t
channelz_number_of(int64_t part_id)
{
    return (uint64_t)part_id & (uint64_t)(CHANNELZ_LISTENS - 1);
}

weir_code
channelz_fail_memory(weir_call *call)
{
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
}

weir_code
channelz_fail_unknown(weir_call *call, const char *what, int64_t id)
{
    return weir_fail(call, WEIR_NOT_FOUND, "no %s has the id %lld", what, (long long)id);
}

weir_code
channelz_check_page(weir_call *call, int64_t start, int64_t max)
{
    if (start < 0 || max < 0)
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "a page cannot begin or end below zero");
    return WEIR_OK;
}

size_t
channelz_page_size(int64_t max)
{
    return max == 0 || max > CHANNELZ_PAGE ? CHANNELZ_PAGE : (size_t)max;
}

/* ---- servers ---- */

static weir_server *
server_of(const weir_channelz *channelz, int64_t id)
{
    const struct channelz_owner *owner = channelz_owner_of(channelz, id);

    return owner == NULL ? NULL : owner->server;
}

/* False: no memory. */
static bool
tell_listeners(
    weir_call *call, const weir_server *server, int64_t id, Grpc__Channelz__V1__Server *told)
{
    int64_t socket = channelz_first_part(id) | CHANNELZ_LISTENS;
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
    size_t most = channelz_page_size(request->max_results);
    int64_t id = request->start_server_id;

    WEIR_TRY(channelz_check_page(call, request->start_server_id, request->max_results));
    out->server = weir_call_alloc(call, most * sizeof(*out->server));
    if (out->server == NULL)
        return channelz_fail_memory(call);
    for (; id <= (int64_t)channelz->count && out->n_server < most; id++) {
        const weir_server *server = server_of(channelz, id);

        if (server == NULL)
            continue;
        out->server[out->n_server] = tell_server(call, server, id);
        if (out->server[out->n_server++] == NULL)
            return channelz_fail_memory(call);
    }
    while (id <= (int64_t)channelz->count && server_of(channelz, id) == NULL)
        id++;
    out->end = id > (int64_t)channelz->count;
    return WEIR_OK;
}

static weir_code
get_server(void *self, weir_call *call, const Grpc__Channelz__V1__GetServerRequest *request,
    Grpc__Channelz__V1__GetServerResponse *out)
{
    const weir_server *server = server_of(self, request->server_id);

    if (server == NULL)
        return channelz_fail_unknown(call, "server", request->server_id);
    out->server = tell_server(call, server, request->server_id);
    return out->server == NULL ? channelz_fail_memory(call) : WEIR_OK;
}

/* ---- sockets ---- */

/* The connections from an id on; one more than fits is read, to know whether there are more. */
static weir_code
get_server_sockets(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetServerSocketsRequest *request,
    Grpc__Channelz__V1__GetServerSocketsResponse *out)
{
    weir_server *server = server_of(self, request->server_id);
    size_t most = channelz_page_size(request->max_results), count;
    struct weir_connection *list;
    int64_t first, from;

    WEIR_TRY(channelz_check_page(call, request->start_socket_id, request->max_results));
    if (server == NULL)
        return channelz_fail_unknown(call, "server", request->server_id);
    first = channelz_first_part(request->server_id);
    from = request->start_socket_id <= first ? 0 : request->start_socket_id - first;
    list = weir_call_alloc(call, (most + 1) * sizeof(*list));
    out->socket_ref = weir_call_alloc(call, most * sizeof(*out->socket_ref));
    if (list == NULL || out->socket_ref == NULL)
        return channelz_fail_memory(call);
    WEIR_TRY(weir_server_connections(server, call, (uint64_t)from, most + 1, list, &count));
    for (; out->n_socket_ref < most && out->n_socket_ref < count; out->n_socket_ref++) {
        const struct weir_connection *one = &list[out->n_socket_ref];
        Grpc__Channelz__V1__SocketRef *ref =
            channelz_socket_ref(call, first + (int64_t)one->number, one->peer_text);

        if (ref == NULL)
            return channelz_fail_memory(call);
        out->socket_ref[out->n_socket_ref] = ref;
    }
    out->end = count <= most;
    return WEIR_OK;
}

/* Find a listening socket. NULL with OK: none. */
static weir_code
find_listener(
    weir_call *call, const weir_server *server, int64_t id, Grpc__Channelz__V1__Socket **out_socket)
{
    uint64_t number = channelz_number_of(id);
    const char *address = number == 0 ? NULL : weir_server_address(server, (size_t)(number - 1));

    if (address == NULL)
        return WEIR_OK;
    *out_socket = channelz_listener(call, id, address);
    return *out_socket == NULL ? channelz_fail_memory(call) : WEIR_OK;
}

/* The same for a connection. */
static weir_code
find_connection(weir_call *call, const struct channelz_owner *owner, int64_t id,
    Grpc__Channelz__V1__Socket **out_socket)
{
    struct weir_connection *one = weir_call_alloc(call, sizeof(*one));
    uint64_t number = channelz_number_of(id);
    size_t count;

    if (one == NULL)
        return channelz_fail_memory(call);
    if (owner->server != NULL)
        WEIR_TRY(weir_server_connections(owner->server, call, number, 1, one, &count));
    else
        WEIR_TRY(weir_channel_connections(owner->channel, 0, number, 1, one, &count));
    if (count == 0 || one->number != number)
        return WEIR_OK;
    *out_socket = channelz_connection(call, id, one, owner->channel != NULL);
    return *out_socket == NULL ? channelz_fail_memory(call) : WEIR_OK;
}

static weir_code
get_socket(void *self, weir_call *call, const Grpc__Channelz__V1__GetSocketRequest *request,
    Grpc__Channelz__V1__GetSocketResponse *out)
{
    int64_t id = request->socket_id;
    const struct channelz_owner *owner = channelz_owner_of_part(self, id);
    bool listens = (id & CHANNELZ_LISTENS) != 0;

    if (owner != NULL && listens && owner->server != NULL)
        WEIR_TRY(find_listener(call, owner->server, id, &out->socket));
    else if (owner != NULL && !listens)
        WEIR_TRY(find_connection(call, owner, id, &out->socket));
    return out->socket == NULL ? channelz_fail_unknown(call, "socket", id) : WEIR_OK;
}

static const struct grpc_channelz_v1_Channelz_handlers handlers = {
    .GetTopChannels = channelz_get_top_channels,
    .GetServers = get_servers,
    .GetServer = get_server,
    .GetServerSockets = get_server_sockets,
    .GetChannel = channelz_get_channel,
    .GetSubchannel = channelz_get_subchannel,
    .GetSocket = get_socket,
};

weir_code
weir_channelz_offer(weir_channelz *channelz, weir_server *server)
{
    return grpc_channelz_v1_Channelz_add(server, &handlers, channelz);
}
