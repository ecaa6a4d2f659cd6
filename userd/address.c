/* SPDX-License-Identifier: Apache-2.0 */
/* Listening addresses. */
#include "userd/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_SIZE 256

static bool
is_unix(const char *text)
{
    return strncmp(text, "unix:", 5) == 0;
}

static bool
port_valid(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 5 && strspn(text, "0123456789") == len &&
           strtol(text, NULL, 10) <= 65535;
}

/* The host without brackets. False: there is no host, or it is invalid; an IPv6 address needs
 * brackets. */
static bool
split_host(const char *text, char out_host[HOST_SIZE], const char **out_port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = len > 2 && text[0] == '[' && colon[-1] == ']';

    if (len == 0 || len >= HOST_SIZE)
        return false;
    snprintf(out_host, HOST_SIZE, "%.*s", (int)(bracketed ? len - 2 : len), text + bracketed);
    if (strpbrk(out_host, "[]/ \a\b\t\n\v\f\r\x1b") != NULL ||
        (!bracketed && strchr(out_host, ':') != NULL))
        return false;
    *out_port = colon + 1;
    return true;
}

bool
address_valid(const char *text)
{
    char host[HOST_SIZE];
    const char *port;

    if (is_unix(text))
        return text[5] != '\0';
    return split_host(text, host, &port) && port_valid(port);
}

static bool
is_loopback(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

    if (address->sa_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return v6->sin6_addr.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

bool
address_is_local(const char *text)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char host[HOST_SIZE];
    const char *port;
    bool local = true;

    if (is_unix(text) || !split_host(text, host, &port) ||
        getaddrinfo(host, port, &hints, &found) != 0)
        return true;
    for (const struct addrinfo *item = found; item != NULL; item = item->ai_next)
        local = local && is_loopback(item->ai_addr);
    freeaddrinfo(found);
    return local;
}

bool
address_is_taken(const char *error)
{
    return strstr(error, strerror(EADDRINUSE)) != NULL;
}
