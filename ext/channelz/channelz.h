/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of channelz: what is shown, and the ids that it goes by. */
/* Threads: constant while a server runs. */
#pragma once

#include "grpc/channelz/v1/channelz.weir.h"
#include <weir/channelz.h>
#include <weir/connections.h>

/* The id of a socket: whose it is in front, from 0; then a bit for those that listen; then its
 * number. So a server's sockets are in the order in which they came, and its ids are its own. */
#define CHANNELZ_OWNER_BIT 40
#define CHANNELZ_LISTENS (INT64_C(1) << 39)

struct weir_channelz {
    weir_server **servers; /* the id of each is its place, from 1 */
    size_t server_count;
};

/* Messages in the arena of a call, NULL: no memory. */

Grpc__Channelz__V1__SocketRef *channelz_socket_ref(weir_call *call, int64_t id, const char *name);

/* A connection to a server. */
Grpc__Channelz__V1__Socket *channelz_connection(
    weir_call *call, int64_t id, const struct weir_connection *connection);

/* A socket that listens; address as weir_server_address has it. */
Grpc__Channelz__V1__Socket *channelz_listener(weir_call *call, int64_t id, const char *address);

Grpc__Channelz__V1__ServerData *channelz_server_data(weir_call *call, const weir_server *server);
