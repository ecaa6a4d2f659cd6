/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of channelz: what is shown, and the ids that it goes by. */
/* Threads: constant while a server runs. */
#pragma once

#include "grpc/channelz/v1/channelz.weir.h"
#include <weir/channelz.h>
#include <weir/connections.h>

/* The id of a server or channel is its place among them, from 1. That of a socket or subchannel has
 * the place of its owner in front, from 0; then a bit for sockets that listen; then its number. So
 * those of one owner are in the order in which they came. */
#define CHANNELZ_OWNER_BIT 40
#define CHANNELZ_LISTENS (INT64_C(1) << 39)

/* Either of the two. */
struct channelz_owner {
    weir_server *server;
    weir_channel *channel;
};

struct weir_channelz {
    struct channelz_owner *owners;
    size_t count;
};

/* The most results of an answer, and how many there are when the client does not say. */
#define CHANNELZ_PAGE 100

/* Whose id this is, NULL: nobody's; and the owner of a part, that of a socket or subchannel. */
const struct channelz_owner *channelz_owner_of(const weir_channelz *channelz, int64_t id);
const struct channelz_owner *channelz_owner_of_part(const weir_channelz *channelz, int64_t id);

/* The first id of an owner's parts; and of a part its number. */
int64_t channelz_first_part(int64_t owner_id);
uint64_t channelz_number_of(int64_t part_id);

/* INVALID_ARGUMENT: it begins or ends below zero. */
weir_code channelz_check_page(weir_call *call, int64_t start, int64_t max);
size_t channelz_page_size(int64_t max);

weir_code channelz_fail_memory(weir_call *call);
weir_code channelz_fail_unknown(weir_call *call, const char *what, int64_t id);

/* The handlers of channels.c. */
weir_code channelz_get_top_channels(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetTopChannelsRequest *request,
    Grpc__Channelz__V1__GetTopChannelsResponse *out);
weir_code channelz_get_channel(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetChannelRequest *request,
    Grpc__Channelz__V1__GetChannelResponse *out);
weir_code channelz_get_subchannel(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetSubchannelRequest *request,
    Grpc__Channelz__V1__GetSubchannelResponse *out);

/* Messages in the arena of a call, NULL: no memory. */

Grpc__Channelz__V1__SocketRef *channelz_socket_ref(weir_call *call, int64_t id, const char *name);

/* A connection of a client to a server here, or of a channel. */
Grpc__Channelz__V1__Socket *channelz_connection(
    weir_call *call, int64_t id, const struct weir_connection *connection, bool is_channel);

/* A socket that listens; address as weir_server_address has it. */
Grpc__Channelz__V1__Socket *channelz_listener(weir_call *call, int64_t id, const char *address);

Grpc__Channelz__V1__ServerData *channelz_server_data(weir_call *call, const weir_server *server);

Grpc__Channelz__V1__ChannelData *channelz_channel_data(
    weir_call *call, const struct weir_channel_stats *stats);
Grpc__Channelz__V1__ChannelData *channelz_subchannel_data(
    weir_call *call, const struct weir_subchannel_stats *stats);
