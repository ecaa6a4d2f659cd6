/* SPDX-License-Identifier: Apache-2.0 */
/* channelz (gRFC A14): shows operators what servers, channels and their connections have done. Part
 * of libweir-ext. */
/* Threads: everything but the service itself on the thread that sets the servers up. */
#pragma once

#include <weir/channel.h>
#include <weir/server.h>

WEIR_BEGIN_C

typedef struct weir_channelz weir_channelz;

/* RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_channelz_new(weir_channelz **out_channelz);

/* After the servers that offer it are freed. */
WEIR_API void weir_channelz_free(weir_channelz *channelz);

/* Show a server, which is borrowed, once its addresses are there and before one that offers
 * grpc.channelz.v1 runs. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_channelz_show_server(
    weir_channelz *channelz, weir_server *server);

/* Show a channel, which is borrowed, before a server that offers grpc.channelz.v1 runs. Its loop is
 * turned for as long as that does, and not by a thread that waits for it. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_API WEIR_CHECK weir_code weir_channelz_show_channel(
    weir_channelz *channelz, weir_channel *channel);

/* Offer grpc.channelz.v1 on a server, which need not be one of those that are shown. It tells
 * addresses of clients: see to it who may call it. As weir_server_add. */
WEIR_API WEIR_CHECK weir_code weir_channelz_offer(weir_channelz *channelz, weir_server *server);

WEIR_END_C
