/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: parsing, resolution and formatting. */

#include "net/net.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIX_PREFIX "unix:"
#define ABSTRACT_PREFIX "unix-abstract:"

/* ---- parsing ---- */

/* Decimal, at most 65535. */
static bool
parse_port(const char *text, char out_port[6])
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 5 || text[len] != '\0' || strtoul(text, NULL, 10) > 65535)
        return false;
    memcpy(out_port, text, len + 1);
    return true;
}

static bool
copy_host(const char *text, size_t len, const char *forbidden, char out_host[256])
{
    if (len == 0 || len >= 256)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr(forbidden, text[i]) != NULL)
            return false;
    memcpy(out_host, text, len);
    out_host[len] = '\0';
    return true;
}

/* An abstract name has a leading NUL instead of a terminating one. */
static bool
parse_unix(const char *path, bool is_abstract, struct net_endpoint *endpoint)
{
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return false;
    endpoint->is_unix = true;
    endpoint->is_abstract = is_abstract;
    memcpy(endpoint->host, path, len + 1);
    return true;
}

static bool
parse_inet(const char *text, struct net_endpoint *endpoint)
{
    bool bracket = text[0] == '[';
    const char *host = bracket ? text + 1 : text;
    const char *host_end = strchr(host, bracket ? ']' : ':');
    const char *colon = host_end == NULL ? NULL : host_end + bracket;

    return colon != NULL && *colon == ':' &&
           copy_host(host, (size_t)(host_end - host), bracket ? "[]/@" : "[]/@:", endpoint->host) &&
           parse_port(colon + 1, endpoint->port);
}

weir_code
net_endpoint_parse(const char *text, struct net_endpoint *out_endpoint)
{
    struct net_endpoint endpoint = {0};
    bool parsed;

    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        parsed = parse_unix(text + strlen(UNIX_PREFIX), false, &endpoint);
    else if (strncmp(text, ABSTRACT_PREFIX, strlen(ABSTRACT_PREFIX)) == 0)
        parsed = parse_unix(text + strlen(ABSTRACT_PREFIX), true, &endpoint);
    else
        parsed = parse_inet(text, &endpoint);
    if (!parsed)
        return WEIR_INVALID_ARGUMENT;
    *out_endpoint = endpoint;
    return WEIR_OK;
}

bool
net_endpoint_is_name(const struct net_endpoint *endpoint)
{
    struct in6_addr address;

    return !endpoint->is_unix && inet_pton(AF_INET, endpoint->host, &address) != 1 &&
           inet_pton(AF_INET6, endpoint->host, &address) != 1;
}

/* ---- resolving ---- */

static size_t
resolve_unix(const struct net_endpoint *endpoint, struct net_address *out_addresses, size_t max)
{
    struct net_address address = {0};
    size_t len = strlen(endpoint->host);

    if (max == 0 || len >= sizeof(address.un.sun_path))
        return 0;
    address.un.sun_family = AF_UNIX;
    memcpy(address.un.sun_path + endpoint->is_abstract, endpoint->host, len);
    address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    out_addresses[0] = address;
    return 1;
}

static size_t
copy_addresses(const struct addrinfo *found, struct net_address *out_addresses, size_t max)
{
    size_t count = 0;

    for (; found != NULL && count < max; found = found->ai_next) {
        struct net_address *address = &out_addresses[count];

        if (found->ai_addrlen > sizeof(address->storage))
            continue;
        *address = (struct net_address){.len = found->ai_addrlen};
        memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
        count++;
    }
    return count;
}

weir_code
net_resolve(const struct net_endpoint *endpoint, struct net_address *out_addresses, size_t max,
    size_t *out_count, const char **out_why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    size_t count;
    int error;

    if (endpoint->is_unix) {
        count = resolve_unix(endpoint, out_addresses, max);
    } else {
        error = getaddrinfo(endpoint->host, endpoint->port, &hints, &found);
        if (error != 0) {
            *out_why = gai_strerror(error);
            return WEIR_UNAVAILABLE;
        }
        count = copy_addresses(found, out_addresses, max);
        freeaddrinfo(found);
    }
    if (count == 0) {
        *out_why = "no usable address";
        return WEIR_UNAVAILABLE;
    }
    *out_count = count;
    return WEIR_OK;
}

/* ---- address kinds ---- */

static const struct sockaddr_in *
as_v4(const struct net_address *address)
{
    return (const struct sockaddr_in *)(const void *)&address->storage;
}

static const struct sockaddr_in6 *
as_v6(const struct net_address *address)
{
    return (const struct sockaddr_in6 *)(const void *)&address->storage;
}

static bool
is_v4_loopback(const uint8_t bytes[4])
{
    return bytes[0] == 127;
}

bool
net_address_is_loopback(const struct net_address *address)
{
    const struct in6_addr *v6 = &as_v6(address)->sin6_addr;

    switch (address->any.sa_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return is_v4_loopback((const uint8_t *)&as_v4(address)->sin_addr);
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(v6) ||
               (IN6_IS_ADDR_V4MAPPED(v6) && is_v4_loopback(&v6->s6_addr[12]));
    default:
        return false;
    }
}

/* ---- formatting ---- */

static void
format_v4(const void *bytes, in_port_t port, bool with_family, char *out_text)
{
    char host[INET_ADDRSTRLEN] = "";

    inet_ntop(AF_INET, bytes, host, sizeof(host));
    snprintf(out_text, NET_ADDRESS_TEXT, "%s%s:%u", with_family ? "ipv4:" : "", host,
        (unsigned)ntohs(port));
}

/* An IPv4-mapped address, of an IPv4 peer of an IPv6 listener, is written as IPv4. */
static void
format_v6(const struct sockaddr_in6 *address, bool with_family, char *out_text)
{
    char host[INET6_ADDRSTRLEN] = "", zone[16] = "";

    if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
        format_v4(&address->sin6_addr.s6_addr[12], address->sin6_port, with_family, out_text);
        return;
    }
    inet_ntop(AF_INET6, &address->sin6_addr, host, sizeof(host));
    if (address->sin6_scope_id != 0)
        snprintf(zone, sizeof(zone), "%%%u", (unsigned)address->sin6_scope_id);
    snprintf(out_text, NET_ADDRESS_TEXT, "%s[%s%s]:%u", with_family ? "ipv6:" : "", host, zone,
        (unsigned)ntohs(address->sin6_port));
}

/* The client's end of a Unix connection has no path; the leading NUL of an abstract name is written
 * as '@'. */
static void
format_unix(const struct net_address *address, char *out_text)
{
    size_t start = offsetof(struct sockaddr_un, sun_path);
    size_t len = address->len > start ? address->len - start : 0;
    const char *path = address->un.sun_path;
    bool abstract = len > 1 && path[0] == '\0';

    snprintf(out_text, NET_ADDRESS_TEXT, UNIX_PREFIX "%s%.*s", abstract ? "@" : "",
        (int)(len - abstract), path + abstract);
}

void
net_address_format(
    const struct net_address *address, bool with_family, char out_text[NET_ADDRESS_TEXT])
{
    switch (address->any.sa_family) {
    case AF_INET:
        format_v4(&as_v4(address)->sin_addr, as_v4(address)->sin_port, with_family, out_text);
        break;
    case AF_INET6:
        format_v6(as_v6(address), with_family, out_text);
        break;
    case AF_UNIX:
        format_unix(address, out_text);
        break;
    default:
        snprintf(out_text, NET_ADDRESS_TEXT, "unknown");
    }
}
