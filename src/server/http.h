/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on a server's first loop: connections and the paths that are served. */
/* Threads: paths are constant while the server runs; connections belong to the first loop. */
#pragma once

#include "server/server.h"

/* Serve a connection, which is adopted, even on failure. */
void server_http_start(struct server_loop *home, struct net_conn *net);

/* After the last call: accept no more requests, close idle connections, and after the grace period
 * also those that have not read their response. True: the loop has no HTTP connections or listeners
 * left. */
bool server_http_end(struct server_loop *home);

/* Free the paths, with the server. */
void server_http_free(struct weir_server *server);
