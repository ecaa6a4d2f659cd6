/* SPDX-License-Identifier: Apache-2.0 */
/* Origins and networks of addresses. */
#include "net/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#define MAPPED_BITS 96u /* before the IPv4 address in an IPv4-mapped one */

static void
map_v4(const void *four, uint8_t out_bytes[16])
{
    memset(out_bytes, 0, 10);
    memset(out_bytes + 10, 0xff, 2);
    memcpy(out_bytes + 12, four, 4);
}

/* The bytes as IPv6, IPv4 mapped. False: neither IPv4 nor IPv6. */
static bool
bytes_of(const struct net_address *address, uint8_t out_bytes[16])
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&address->storage;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&address->storage;

    if (address->any.sa_family == AF_INET)
        map_v4(&four->sin_addr, out_bytes);
    else if (address->any.sa_family == AF_INET6)
        memcpy(out_bytes, &six->sin6_addr, 16);
    else
        return false;
    return true;
}

static bool
is_mapped(const uint8_t bytes[16])
{
    static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

    return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

bool
net_origin_is_v4(const struct net_origin *origin)
{
    return is_mapped(origin->bytes);
}

bool
net_address_origin(const struct net_address *address, struct net_origin *out_origin)
{
    uint8_t bytes[16];

    if (!bytes_of(address, bytes))
        return false;
    if (!is_mapped(bytes))
        memset(bytes + 8, 0, 8);
    memcpy(out_origin->bytes, bytes, sizeof(bytes));
    return true;
}

/* The number after the slash, at most `most`; without a slash, `most`. */
static bool
parse_bits(const char *slash, unsigned most, unsigned *out_bits)
{
    char *end;
    unsigned long bits;

    *out_bits = most;
    if (slash == NULL)
        return true;
    if (slash[1] < '0' || slash[1] > '9')
        return false;
    bits = strtoul(slash + 1, &end, 10);
    if (*end != '\0' || bits > most)
        return false;
    *out_bits = (unsigned)bits;
    return true;
}

/* Are the first bits equal? */
static bool
agree(const uint8_t *one, const uint8_t *other, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(one, other, whole) == 0 &&
           (rest == 0 || ((one[whole] ^ other[whole]) >> (8 - rest)) == 0);
}

/* "::ffff:10.0.0.0/8" looks like a network of IPv4, but covers nearly every address. */
static bool
is_cut_mapped(const struct net_network *network)
{
    struct in6_addr address;

    memcpy(&address, network->bytes, sizeof(address));
    return IN6_IS_ADDR_V4MAPPED(&address) && network->bits < MAPPED_BITS;
}

weir_code
net_network_parse(const char *text, struct net_network *out_network)
{
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    struct net_network network;
    char host[INET6_ADDRSTRLEN];
    struct in_addr four;

    if (len >= sizeof(host))
        return WEIR_INVALID_ARGUMENT;
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, &four) == 1) {
        map_v4(&four, network.bytes);
        if (!parse_bits(slash, 32, &network.bits))
            return WEIR_INVALID_ARGUMENT;
        network.bits += MAPPED_BITS;
    } else if (inet_pton(AF_INET6, host, network.bytes) != 1 ||
               !parse_bits(slash, 128, &network.bits) || is_cut_mapped(&network)) {
        return WEIR_INVALID_ARGUMENT;
    }
    *out_network = network;
    return WEIR_OK;
}

bool
net_network_has(const struct net_network *network, const struct net_address *address)
{
    uint8_t bytes[16];

    return bytes_of(address, bytes) && agree(network->bytes, bytes, network->bits);
}
