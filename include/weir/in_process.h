/* SPDX-License-Identifier: Apache-2.0 */
/* In-process channels: to a server of the same process without sockets, for example in tests. */
/* Threads: as in channel.h; the server may run on other threads. */
#pragma once

#include <weir/channel.h>
#include <weir/server.h>

WEIR_BEGIN_C

/* Create a channel that speaks HTTP/2 through memory; everything else is as over a socket. The
 * peer's address is "unix:". The server may start later, and then needs no listening address.
 * Borrows the loop and the server until the channel is freed. options may be NULL. Errors are those
 * of weir_channel_new, and INVALID_ARGUMENT: options.tls is set. */
WEIR_API WEIR_CHECK weir_code weir_channel_new_in_process(weir_loop *loop, weir_server *server,
    const struct weir_channel_options *options, weir_channel **out_channel);

WEIR_END_C
