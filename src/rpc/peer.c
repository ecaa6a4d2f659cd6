/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a server's call, as bytes. */
#include "rpc/call.h"

#include <netinet/in.h>

static void
take_ipv4(struct weir_address *address, const uint8_t bytes[4], in_port_t port)
{
    address->family = WEIR_ADDRESS_IPV4;
    address->port = ntohs(port);
    memcpy(address->bytes, bytes, 4);
}

static void
take_ipv6(struct weir_address *address, const struct sockaddr_in6 *in6)
{
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        take_ipv4(address, in6->sin6_addr.s6_addr + 12, in6->sin6_port);
        return;
    }
    address->family = WEIR_ADDRESS_IPV6;
    address->port = ntohs(in6->sin6_port);
    memcpy(address->bytes, in6->sin6_addr.s6_addr, sizeof(address->bytes));
}

void
weir_call_peer_address(const weir_call *call, struct weir_address *out_address)
{
    struct weir_address address = {.family = WEIR_ADDRESS_NONE};
    const struct net_address *peer;

    if (call->is_server && call->transport != NULL) {
        peer = net_conn_peer(call->transport->net);
        if (peer->any.sa_family == AF_INET) {
            const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&peer->storage;

            take_ipv4(&address, (const uint8_t *)&in->sin_addr, in->sin_port);
        } else if (peer->any.sa_family == AF_INET6) {
            take_ipv6(&address, (const struct sockaddr_in6 *)(const void *)&peer->storage);
        } else if (peer->any.sa_family == AF_UNIX) {
            address.family = WEIR_ADDRESS_UNIX;
        }
    }
    *out_address = address;
}
