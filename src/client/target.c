/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: a scheme, followed by a name, a path, or a list of addresses. */
#include "client/target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shape { ANY_LIST, DNS, V4_LIST, V6_LIST, UNIX, RESOLVER };

struct scheme {
    const char *prefix;
    enum shape shape;
    bool is_part; /* kept in texts for messages */
};

/* The text after the scheme; the whole text if the scheme is not known here. */
static const char *
split_scheme(const char *text, enum shape *out_shape)
{
    static const struct scheme schemes[] = {{"dns:", DNS, false}, {"ipv4:", V4_LIST, false},
        {"ipv6:", V6_LIST, false}, {"unix:", UNIX, true}, {"unix-abstract:", UNIX, true}};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].prefix);

        *out_shape = schemes[i].shape;
        if (strncmp(text, schemes[i].prefix, len) == 0)
            return schemes[i].is_part ? text : text + len;
    }
    *out_shape = ANY_LIST;
    return text;
}

/* Is it a valid item of a list of this shape? */
static bool
is_of_shape(const struct net_endpoint *endpoint, enum shape shape)
{
    struct in6_addr address;

    if (shape == V4_LIST || shape == V6_LIST)
        return !endpoint->is_unix &&
               inet_pton(shape == V4_LIST ? AF_INET : AF_INET6, endpoint->host, &address) == 1;
    return true;
}

/* naming.md: default ports. */
#define DNS_TARGET_PORT "443"
#define DNS_SERVER_PORT "53"

/* Append the port if the text has none; adopts the text. NULL: no memory. */
static char *
with_port(char *text, const char *port)
{
    struct net_endpoint endpoint;
    size_t size;
    char *longer;

    if (text == NULL || net_endpoint_parse(text, &endpoint) == WEIR_OK)
        return text;
    size = strlen(text) + strlen(port) + 2;
    longer = malloc(size);
    if (longer != NULL)
        snprintf(longer, size, "%s:%s", text, port);
    free(text);
    return longer;
}

/* Add one piece; adopts `text`, even on failure. */
static weir_code
add_piece(struct client_target *target, char *text, enum shape shape)
{
    struct net_endpoint endpoint;
    char **pieces;

    if (shape == DNS)
        text = with_port(text, DNS_TARGET_PORT);
    if (text == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (net_endpoint_parse(text, &endpoint) != WEIR_OK || !is_of_shape(&endpoint, shape)) {
        free(text);
        return WEIR_INVALID_ARGUMENT;
    }
    pieces = realloc(target->pieces, (target->count + 1) * sizeof(*pieces));
    if (pieces == NULL) {
        free(text);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    pieces[target->count++] = text;
    target->pieces = pieces;
    target->is_name = target->count == 1 && net_endpoint_is_name(&endpoint);
    target->is_dns = target->count == 1 && (shape == DNS || shape == ANY_LIST) && !endpoint.is_unix;
    return WEIR_OK;
}

static weir_code
parse_list(struct client_target *target, const char *text, enum shape shape)
{
    for (;;) {
        size_t len = strcspn(text, ",");

        WEIR_TRY(add_piece(target, strndup(text, len), shape));
        if (text[len] == '\0')
            return WEIR_OK;
        text += len + 1;
    }
}

/* A path may contain commas, so it is not a list. */
static weir_code
parse_pieces(struct client_target *target, const char *text, enum shape shape)
{
    return shape == UNIX ? add_piece(target, strdup(text), shape) : parse_list(target, text, shape);
}

/* ---- "//SERVER/" before a name ---- */

static weir_code
parse_dns_server(char *text, struct net_address *out_server)
{
    struct net_endpoint endpoint;
    const char *why;
    size_t count;
    weir_code code = WEIR_INVALID_ARGUMENT;

    text = with_port(text, DNS_SERVER_PORT);
    if (text == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (net_endpoint_parse(text, &endpoint) == WEIR_OK && !endpoint.is_unix &&
        !net_endpoint_is_name(&endpoint) &&
        net_resolve(&endpoint, out_server, 1, &count, &why) == WEIR_OK)
        code = WEIR_OK;
    free(text);
    return code;
}

/* Without SERVER the system's DNS servers are used. */
static weir_code
take_dns_server(const char **rest, struct net_address *out_server)
{
    const char *server;
    size_t len;

    if (strncmp(*rest, "//", 2) != 0)
        return WEIR_OK;
    server = *rest + 2;
    len = strcspn(server, "/");
    if (server[len] == '\0')
        return WEIR_INVALID_ARGUMENT;
    *rest = server + len + 1;
    return len == 0 ? WEIR_OK : parse_dns_server(strndup(server, len), out_server);
}

/* ---- authority ---- */

/* The path (naming.md): "user.UserService" in "etcd://10.0.0.5:2379/user.UserService". */
static const char *
name_in_path(const char *text)
{
    const char *slash = strrchr(text, '/');

    return slash == NULL ? text : slash + 1;
}

static char *
authority_of(const char *rest, enum shape shape)
{
    if (shape == UNIX)
        return strdup("localhost");
    if (shape == RESOLVER)
        rest = name_in_path(rest);
    return strndup(rest, strcspn(rest, ","));
}

/* The host without port and brackets. */
static char *
host_of(const char *authority)
{
    const char *end = strchr(authority, ']');

    if (authority[0] == '[' && end != NULL)
        return strndup(authority + 1, (size_t)(end - authority) - 1);
    return strndup(authority, strcspn(authority, ":"));
}

weir_code
target_parse(const char *text, const weir_catalog *catalog, struct client_target *out_target)
{
    struct client_target target = {.resolver = catalog_find_resolver(catalog, text)};
    enum shape shape = RESOLVER;
    const char *rest = target.resolver != NULL ? text : split_scheme(text, &shape);
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (shape == DNS)
        WEIR_TRY(take_dns_server(&rest, &target.dns_server));
    target.text = strdup(rest);
    target.authority = authority_of(rest, shape);
    target.host = target.authority == NULL ? NULL : host_of(target.authority);
    if (target.text != NULL && target.host != NULL)
        code = shape == RESOLVER ? WEIR_OK : parse_pieces(&target, rest, shape);
    if (code == WEIR_OK)
        *out_target = target;
    else
        target_fini(&target);
    return code;
}

void
target_fini(struct client_target *target)
{
    for (size_t i = 0; i < target->count; i++)
        free(target->pieces[i]);
    free(target->pieces);
    free(target->text);
    free(target->authority);
    free(target->host);
}
