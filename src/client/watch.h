/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that a channel keeps open on a subchannel's connection for its own use, and reopens when
 * they end: one of each kind at a time, each on its own fiber. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "rpc/call.h"

struct weir_channel;
struct client_conn;
struct conn_watch;

struct watch_type {
    const struct weir_method *method; /* a server-streaming one */

    /* Is the stream wanted on this connection? */
    bool (*wanted)(const struct client_conn *conn);

    /* There is no stream; a stream is about to be opened. */
    void (*unwatched)(struct client_conn *conn);
    void (*watched)(struct client_conn *conn);

    /* Send the request, with call_send_message. Suspends. */
    weir_code (*ask)(const struct client_conn *conn, struct weir_call *call);

    /* A message has arrived; the stream has ended and is reopened at once, or after a backoff; it
     * will not be reopened, since the server does not implement the method. */
    void (*heard)(struct client_conn *conn, const ProtobufCMessage *message);
    void (*renewed)(struct client_conn *conn);
    void (*lost)(struct client_conn *conn);
    void (*given_up)(struct client_conn *conn);
};

enum { WATCH_HEALTH, WATCH_LOAD, WATCH_KINDS };
extern const struct watch_type watch_health, watch_load;

/* A subchannel is connected: open on this connection the streams that are wanted and not open on
 * another one. */
void watches_begin(struct client_conn *conn);

/* The connection accepts no more calls: end its streams. */
void watches_stop(struct client_conn *conn);

/* End all streams of the channel and start no new ones. Streams that still run are counted by
 * client_hold. */
void watches_stop_all(struct weir_channel *channel);
