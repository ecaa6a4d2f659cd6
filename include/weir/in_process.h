/* SPDX-License-Identifier: Apache-2.0 */
/* A channel straight to a server of the same process: for tests of one's service, without sockets.
 */
/* Threads: as weir_channel_new; the server may be on other threads. */
#pragma once

#include <weir/channel.h>
#include <weir/server.h>

WEIR_BEGIN_C

/* HTTP/2 through memory, and all else as with a socket; the peer is "unix:". The server runs, or
 * will, and needs no address if this comes before it does. It must outlive the channel; draining
 * ends the connection as it does others. options may be NULL. INVALID_ARGUMENT: there is no such
 * balancer, the service config cannot be, or there is TLS, which there is none of here. */
WEIR_API WEIR_CHECK weir_code weir_channel_new_in_process(weir_loop *loop, weir_server *server,
    const struct weir_channel_options *options, weir_channel **out_channel);

WEIR_END_C
