/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's address of a server call, in binary form. */
#include "rpc/call.h"
#include "rpc/survey.h"

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
rpc_address_of(const struct net_address *from, struct weir_address *out_address)
{
    *out_address = (struct weir_address){.family = WEIR_ADDRESS_NONE};
    if (from->any.sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&from->storage;

        take_ipv4(out_address, (const uint8_t *)&in->sin_addr, in->sin_port);
    } else if (from->any.sa_family == AF_INET6) {
        take_ipv6(out_address, (const struct sockaddr_in6 *)(const void *)&from->storage);
    } else if (from->any.sa_family == AF_UNIX) {
        out_address->family = WEIR_ADDRESS_UNIX;
    }
}

void
weir_call_peer_address(const weir_call *call, struct weir_address *out_address)
{
    if (call->is_server && call->transport != NULL)
        rpc_address_of(net_conn_peer(call->transport->net), out_address);
    else
        *out_address = (struct weir_address){.family = WEIR_ADDRESS_NONE};
}
