/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a connected server may be given calls: its own word, from grpc.health.v1 (gRFC A17). */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include <stdbool.h>

struct weir_channel;
struct client_conn;
struct health_watch;

enum health {
    HEALTH_GOOD,    /* it serves, or nobody asks */
    HEALTH_UNKNOWN, /* it has not said yet */
    HEALTH_BAD
};

/* A subchannel is connected: ask on this connection, if the service config wants that and nothing
 * asks already. */
void health_begin(struct client_conn *conn);

/* The connection takes no more calls: stop asking on it. */
void health_stop(struct client_conn *conn);

/* Stop all; none begins any more. What still runs is held. */
void health_stop_all(struct weir_channel *channel);
