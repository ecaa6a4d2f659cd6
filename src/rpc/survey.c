/* SPDX-License-Identifier: Apache-2.0 */
/* Copies the state of a connection for weir/connections.h. */
#include "rpc/survey.h"

_Static_assert(WEIR_ADDRESS_TEXT >= NET_ADDRESS_TEXT, "room for any address");

static void
survey_counts(const struct rpc_transport *transport, struct weir_connection *connection)
{
    const struct rpc_counts *counts = &transport->counts;
    const struct rpc_times *times = &transport->times;

    connection->streams_started = counts->streams;
    connection->streams_succeeded = counts->streams_succeeded;
    connection->streams_failed = counts->streams_failed;
    connection->messages_sent = counts->sent;
    connection->messages_received = counts->received;
    connection->pings_sent = counts->pings;
    connection->last_stream = times->stream;
    connection->last_message_sent = times->sent;
    connection->last_message_received = times->received;
}

static void
survey_address(
    const struct net_address *from, struct weir_address *out, char out_text[WEIR_ADDRESS_TEXT])
{
    rpc_address_of(from, out);
    net_address_format(from, true, out_text);
}

void
rpc_transport_survey(const struct rpc_transport *transport, struct weir_connection *connection)
{
    struct net_address local;

    net_conn_local(transport->net, &local);
    survey_address(net_conn_peer(transport->net), &connection->peer, connection->peer_text);
    survey_address(&local, &connection->local, connection->local_text);
    net_conn_cipher(transport->net, &connection->tls_version, &connection->tls_cipher);
    survey_counts(transport, connection);
    h2_conn_windows(transport->h2, &connection->send_window, &connection->receive_window);
}
