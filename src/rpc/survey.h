/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot of a connection, for weir/connections.h. */
/* Threads: on the transport's loop. */
#pragma once

#include "rpc/transport.h"
#include <weir/connections.h>

/* Fill in everything but the number and the age, which the owner knows. */
void rpc_transport_survey(
    const struct rpc_transport *transport, struct weir_connection *connection);

/* As weir_call_peer_address. */
void rpc_address_of(const struct net_address *from, struct weir_address *out_address);
