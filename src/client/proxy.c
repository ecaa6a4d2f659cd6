/* SPDX-License-Identifier: Apache-2.0 */
/* Selects the proxy by the environment variables of gRPC's core and grpc-go, with their meaning.
 * HTTP_PROXY is not used, because in a CGI program it is a header of the request. Addresses of this
 * machine are always connected to directly. */
#define _GNU_SOURCE /* secure_getenv */
#include "client/proxy.h"

#include "wire/wire.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "http://"
#define DEFAULT_PORT "80"

/* The first variable that is set; an empty one means no proxy. */
static const char *
look_for(const char *const *names, const char **out_name)
{
    for (; *names != NULL; names++) {
        const char *value = secure_getenv(*names);

        *out_name = *names;
        if (value != NULL)
            return value;
    }
    return "";
}

/* ---- direct connections ---- */

struct ip {
    size_t len; /* bytes of the address; 0: not an address */
    uint8_t bytes[16];
};

static struct ip
ip_of(const char *text)
{
    struct ip ip = {0};

    if (inet_pton(AF_INET, text, ip.bytes) == 1)
        ip.len = 4;
    else if (inet_pton(AF_INET6, text, ip.bytes) == 1)
        ip.len = 16;
    return ip;
}

static bool
same_bits(const struct ip *a, const struct ip *b, unsigned bits)
{
    unsigned rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);

    return a->len == b->len && memcmp(a->bytes, b->bytes, bits / 8) == 0 &&
           (rest == 0 || ((a->bytes[bits / 8] ^ b->bytes[bits / 8]) & mask) == 0);
}

/* "10.0.0.1", "10.0.0.0/8", "fd00::/8". */
static bool
is_in_network(const struct ip *ip, char *entry)
{
    char *slash = strchr(entry, '/'), *end = NULL;
    unsigned long bits = 0;
    struct ip network;

    if (slash != NULL) {
        *slash = '\0';
        bits = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '\0')
            return false;
    }
    network = ip_of(entry);
    if (slash == NULL)
        bits = network.len * 8;
    return network.len > 0 && bits <= network.len * 8 && same_bits(ip, &network, (unsigned)bits);
}

/* "example.org", ".example.org" and "*.example.org": the domain and all below it. */
static bool
is_in_domain(const char *host, const char *domain)
{
    size_t host_len = strlen(host), len;

    domain += domain[0] == '*' && domain[1] == '.';
    domain += domain[0] == '.';
    len = strlen(domain);
    return len > 0 && host_len >= len && strcasecmp(host + host_len - len, domain) == 0 &&
           (host_len == len || host[host_len - len - 1] == '.');
}

/* "[V6]" */
static void
take_brackets(char *entry)
{
    size_t len = strlen(entry);

    if (len <= 2 || entry[0] != '[' || entry[len - 1] != ']')
        return;
    memmove(entry, entry + 1, len - 2);
    entry[len - 2] = '\0';
}

/* "HOST:PORT" matches this port only; removes the port from the entry. False: another port. */
static bool
take_port(char *entry, const char *port)
{
    struct net_endpoint endpoint;

    if (net_endpoint_parse(entry, &endpoint) != WEIR_OK || endpoint.is_unix) {
        take_brackets(entry);
        return true;
    }
    memcpy(entry, endpoint.host, strlen(endpoint.host) + 1);
    return strtoul(endpoint.port, NULL, 10) == strtoul(port, NULL, 10);
}

static bool
matches(const struct net_endpoint *server, const struct ip *ip, char *entry)
{
    if (strcmp(entry, "*") == 0)
        return true;
    if (!take_port(entry, server->port))
        return false;
    return ip->len > 0 ? is_in_network(ip, entry) : is_in_domain(server->host, entry);
}

static bool
is_on_this_machine(const char *host, const struct ip *ip)
{
    char v4[] = "127.0.0.0/8", mapped[] = "::ffff:127.0.0.0/104", v6[] = "::1";

    if (ip->len == 0)
        return is_in_domain(host, "localhost");
    return is_in_network(ip, v4) || is_in_network(ip, mapped) || is_in_network(ip, v6);
}

/* Is it on a list like "localhost, .example.org, db:5432, 10.0.0.0/8"? Entries too long to be a
 * name are ignored. */
static bool
is_listed(const struct net_endpoint *server, const struct ip *ip, const char *list)
{
    char entry[256];

    for (size_t len; *list != '\0'; list += len) {
        list += strspn(list, ", \t");
        len = strcspn(list, ", \t");
        if (len == 0 || len >= sizeof(entry))
            continue;
        memcpy(entry, list, len);
        entry[len] = '\0';
        if (matches(server, ip, entry))
            return true;
    }
    return false;
}

static bool
is_direct(const struct net_endpoint *server)
{
    static const char *const names[] = {"no_grpc_proxy", "no_proxy", "NO_PROXY", NULL};
    const struct ip ip = ip_of(server->host);
    const char *name;

    return is_on_this_machine(server->host, &ip) || is_listed(server, &ip, look_for(names, &name));
}

/* ---- the proxy ---- */

/* The parts of a proxy's URL, which point into it. */
struct parts {
    weir_str user; /* and the password; len 0: none */
    weir_str host; /* and perhaps the port */
};

/* "[http://][USER:PASSWORD@]HOST[:PORT][/...]". False: another scheme. */
static bool
split(const char *url, struct parts *out_parts)
{
    const char *at = NULL;

    if (strncasecmp(url, SCHEME, strlen(SCHEME)) == 0)
        url += strlen(SCHEME);
    else if (strstr(url, "://") != NULL)
        return false;
    out_parts->host = (weir_str){url, strcspn(url, "/?#")};
    if (strchr(url + out_parts->host.len, '@') != NULL) /* a password with an unencoded slash */
        return false;
    for (size_t i = 0; i < out_parts->host.len; i++)
        at = url[i] == '@' ? url + i : at;
    out_parts->user = (weir_str){url, at == NULL ? 0 : (size_t)(at - url)};
    if (at != NULL)
        out_parts->host = (weir_str){at + 1, out_parts->host.len - out_parts->user.len - 1};
    return true;
}

/* A heap copy with a port. INVALID_ARGUMENT: malformed. */
static weir_code
find_address(weir_str host, char **out_address)
{
    struct net_endpoint endpoint;
    size_t size = host.len + sizeof(":" DEFAULT_PORT);
    char *address = malloc(size);

    if (address == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    snprintf(address, size, "%.*s", (int)host.len, host.data);
    if (net_endpoint_parse(address, &endpoint) != WEIR_OK)
        snprintf(address, size, "%.*s:" DEFAULT_PORT, (int)host.len, host.data);
    if (net_endpoint_parse(address, &endpoint) != WEIR_OK || endpoint.is_unix) {
        free(address);
        return WEIR_INVALID_ARGUMENT;
    }
    *out_address = address;
    return WEIR_OK;
}

/* RFC 7617, from a percent-encoded "USER:PASSWORD"; without a colon the password is empty. data
 * NULL: no memory. */
static weir_str
code_user(struct arena *arena, weir_str user)
{
    char *plain = wire_percent_decode(arena, user), *whole = plain;
    size_t len = plain == NULL ? 0 : strlen(plain);

    if (plain != NULL && strchr(plain, ':') == NULL) {
        whole = arena_alloc(arena, len + 1);
        if (whole != NULL) {
            memcpy(whole, plain, len);
            whole[len++] = ':';
        }
    }
    return whole == NULL ? (weir_str){NULL, 0} : wire_base64_encode(arena, (weir_str){whole, len});
}

/* NULL: no memory. */
static char *
write_request(const struct net_endpoint *server, weir_str coded)
{
    static const char padding[] = "==";
    bool is_v6 = strchr(server->host, ':') != NULL;
    char at[sizeof(server->host) + sizeof(server->port) + 4], *request;
    size_t size = sizeof("CONNECT  HTTP/1.1\r\nHost: \r\nProxy-Authorization: Basic \r\n\r\n") +
                  2 * sizeof(at) + coded.len + sizeof(padding);
    int len;

    snprintf(at, sizeof(at), "%s%s%s:%s", is_v6 ? "[" : "", server->host, is_v6 ? "]" : "",
        server->port);
    request = malloc(size);
    if (request == NULL)
        return NULL;
    len = snprintf(request, size, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", at, at);
    if (coded.len > 0)
        len += snprintf(request + len, size - (size_t)len, "Proxy-Authorization: Basic %.*s%s\r\n",
            (int)coded.len, coded.data, padding + 2 - (4 - coded.len % 4) % 4);
    snprintf(request + len, size - (size_t)len, "\r\n");
    return request;
}

static char *
make_request(const struct net_endpoint *server, weir_str user)
{
    weir_str coded = {"", 0};
    struct arena arena;
    char *request;

    arena_init(&arena, NULL, 0);
    if (user.len > 0)
        coded = code_user(&arena, user);
    request = coded.data == NULL ? NULL : write_request(server, coded);
    arena_fini(&arena);
    return request;
}

/* Make the proxy the address to resolve, with the system's DNS servers, and to connect to. */
static bool
lead_there(struct client_target *target, const char *address)
{
    struct net_endpoint endpoint;
    char *piece = strdup(address);

    if (piece == NULL)
        return false;
    free(target->pieces[0]);
    target->pieces[0] = piece;
    target->dns_server.len = 0;
    target->is_name =
        net_endpoint_parse(piece, &endpoint) == WEIR_OK && net_endpoint_is_name(&endpoint);
    return true;
}

/* An invalid proxy is an error: whoever set it does not want direct connections. */
static weir_code
complain(struct client_proxy *proxy, struct client_target *target, const char *name)
{
    snprintf(proxy->wrong, sizeof(proxy->wrong),
        "the environment's %s is none that can be used: http://[USER:PASSWORD@]HOST[:PORT] is",
        name);
    target->is_name = false;
    return WEIR_OK;
}

weir_code
proxy_init(struct client_proxy *proxy, struct client_target *target)
{
    static const char *const names[] = {
        "grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy", NULL};
    const char *name, *url = look_for(names, &name);
    struct net_endpoint server;
    struct parts parts;
    weir_code code = WEIR_INVALID_ARGUMENT;

    if (url[0] == '\0' || !target->is_dns ||
        net_endpoint_parse(target->pieces[0], &server) != WEIR_OK || is_direct(&server))
        return WEIR_OK;
    if (split(url, &parts))
        code = find_address(parts.host, &proxy->address);
    if (code == WEIR_INVALID_ARGUMENT)
        return complain(proxy, target, name);
    if (code == WEIR_OK)
        proxy->request = make_request(&server, parts.user);
    return proxy->request != NULL && lead_there(target, proxy->address) ? WEIR_OK
                                                                        : WEIR_RESOURCE_EXHAUSTED;
}

void
proxy_fini(struct client_proxy *proxy)
{
    free(proxy->address);
    if (proxy->request != NULL)
        explicit_bzero(proxy->request, strlen(proxy->request)); /* it may hold a password */
    free(proxy->request);
}
