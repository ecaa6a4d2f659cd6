/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on a server's first loop: its connections and the paths that are answered. */
/* Threads: paths are constant while the server runs; connections belong to the first loop. */
#pragma once

#include "server/server.h"

/* Take a connection over, whatever happens. */
void server_http_start(struct server_loop *home, struct net_conn *net);

/* The last call has ended: take no more, close what is idle, and once the grace time is over also
 * who has not taken his answer. True: nothing is left of HTTP on this loop. */
bool server_http_end(struct server_loop *home);

/* The server is freed: its paths. */
void server_http_free(struct weir_server *server);
