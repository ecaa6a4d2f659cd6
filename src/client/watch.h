/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that a channel keeps open for itself on a subchannel's connection, and opens anew when
 * they end: one of each kind at a time, on a fiber of its own. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "rpc/call.h"

struct weir_channel;
struct client_conn;
struct conn_watch;

struct watch_type {
    const struct weir_method *method; /* a stream of the server's */

    /* Is the stream wanted on this connection? */
    bool (*wanted)(const struct client_conn *conn);

    /* There is none, or one is about to be. */
    void (*unwatched)(struct client_conn *conn);
    void (*watched)(struct client_conn *conn);

    /* Send the request, with call_send_message. Suspends. */
    weir_code (*ask)(const struct client_conn *conn, struct weir_call *call);

    /* A message has come; the stream has ended, to be opened again after a while; it will not be
     * opened any more, since the server does not know the method. */
    void (*heard)(struct client_conn *conn, const ProtobufCMessage *message);
    void (*lost)(struct client_conn *conn);
    void (*given_up)(struct client_conn *conn);
};

enum { WATCH_HEALTH, WATCH_LOAD, WATCH_KINDS };
extern const struct watch_type watch_health, watch_load;

/* A subchannel is connected: open on this connection what is wanted, unless it is open on another.
 */
void watches_begin(struct client_conn *conn);

/* The connection takes no more calls: end what is open on it. */
void watches_stop(struct client_conn *conn);

/* End all; none begins any more. What still runs is held. */
void watches_stop_all(struct weir_channel *channel);
