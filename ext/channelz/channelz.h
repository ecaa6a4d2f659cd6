/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of channelz: the objects shown, and their ids. */
/* Threads: constant while a server runs. */
#pragma once

#include "grpc/channelz/v1/channelz.weir.h"
#include <weir/channelz.h>
#include <weir/connections.h>

/* The id of a server or channel is its position among them, from 1. The id of a socket or
 * subchannel consists of its owner's position, from 0; a bit for listening sockets; and its number.
 * So those of one owner are in order of creation. */
#define CHANNELZ_OWNER_BIT 40
#define CHANNELZ_LISTENS (INT64_C(1) << 39)

/* Either a server or a channel. */
struct channelz_owner {
    weir_server *server;
    weir_channel *channel;
};

struct weir_channelz {
    struct channelz_owner *owners;
    size_t count;
};

/* The maximum number of results in a response, and the default. */
#define CHANNELZ_PAGE 100

/* The server or channel with this id, or NULL; and the owner of the socket or subchannel (part)
 * with this id. */
const struct channelz_owner *channelz_owner_of(const weir_channelz *channelz, int64_t id);
const struct channelz_owner *channelz_owner_of_part(const weir_channelz *channelz, int64_t id);

/* The first id of an owner's parts; and the number of a part. */
int64_t channelz_first_part(int64_t owner_id);
uint64_t channelz_number_of(int64_t part_id);

/* INVALID_ARGUMENT: start or max is negative. */
weir_code channelz_check_page(weir_call *call, int64_t start, int64_t max);
size_t channelz_page_size(int64_t max);

weir_code channelz_fail_memory(weir_call *call);
weir_code channelz_fail_unknown(weir_call *call, const char *what, int64_t id);

/* Handlers in channels.c. */
weir_code channelz_get_top_channels(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetTopChannelsRequest *request,
    Grpc__Channelz__V1__GetTopChannelsResponse *out);
weir_code channelz_get_channel(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetChannelRequest *request,
    Grpc__Channelz__V1__GetChannelResponse *out);
weir_code channelz_get_subchannel(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetSubchannelRequest *request,
    Grpc__Channelz__V1__GetSubchannelResponse *out);

/* Create messages in the arena of a call. NULL: no memory. */

Grpc__Channelz__V1__SocketRef *channelz_socket_ref(weir_call *call, int64_t id, const char *name);

/* A connection of a client to a server here, or of a channel. */
Grpc__Channelz__V1__Socket *channelz_connection(
    weir_call *call, int64_t id, const struct weir_connection *connection, bool is_channel);

/* A listening socket; address as from weir_server_address. */
Grpc__Channelz__V1__Socket *channelz_listener(weir_call *call, int64_t id, const char *address);

Grpc__Channelz__V1__ServerData *channelz_server_data(weir_call *call, const weir_server *server);

Grpc__Channelz__V1__ChannelData *channelz_channel_data(
    weir_call *call, const struct weir_channel_stats *stats);
Grpc__Channelz__V1__ChannelData *channelz_subchannel_data(
    weir_call *call, const struct weir_subchannel_stats *stats);
