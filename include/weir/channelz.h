/* SPDX-License-Identifier: Apache-2.0 */
/* channelz (gRFC A14): the service that shows the state of servers, channels and connections. Part
 * of libweir-ext. */
/* Threads: call these functions on the thread that sets up the servers. */
#pragma once

#include <weir/channel.h>
#include <weir/server.h>

WEIR_BEGIN_C

typedef struct weir_channelz weir_channelz;

/* Create an empty channelz. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_channelz_new(weir_channelz **out_channelz);

/* After every server that offers it is freed. */
WEIR_API void weir_channelz_free(weir_channelz *channelz);

/* Include a server, after its addresses are bound and before a server that offers the service runs.
 * Borrows it until the channelz is freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_channelz_show_server(
    weir_channelz *channelz, weir_server *server);

/* Include a channel, before a server that offers the service runs. Borrows it until the channelz is
 * freed. Its loop must be running as long as that server does, on a thread that does not wait for
 * the server. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_channelz_show_channel(
    weir_channelz *channelz, weir_channel *channel);

/* Offer grpc.channelz.v1 on a server, which need not be included itself. Restrict who may call it:
 * it reveals client addresses. Errors are those of weir_server_add. */
WEIR_API WEIR_CHECK weir_code weir_channelz_offer(weir_channelz *channelz, weir_server *server);

WEIR_END_C
