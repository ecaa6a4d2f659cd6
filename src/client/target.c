/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: a scheme, and a name, a path, or a list of addresses behind it. */
#include "client/target.h"

#include "client/race.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct scheme {
    const char *prefix;
    int family; /* of a list of addresses; AF_UNSPEC: a name, or an address of any family */
};

/* The text behind the scheme. */
static const char *
split_scheme(const char *text, int *out_family)
{
    static const struct scheme schemes[] = {
        {"dns:///", AF_UNSPEC}, {"dns:", AF_UNSPEC}, {"ipv4:", AF_INET}, {"ipv6:", AF_INET6}};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].prefix);

        *out_family = schemes[i].family;
        if (strncmp(text, schemes[i].prefix, len) == 0)
            return text + len;
    }
    *out_family = AF_UNSPEC;
    return text;
}

static bool
is_address(const struct net_endpoint *endpoint, int family)
{
    struct in6_addr address;

    return !endpoint->is_unix && inet_pton(family, endpoint->host, &address) == 1;
}

/* One piece of a list. */
static weir_code
parse_piece(const char *piece, size_t len, int family, struct net_endpoint *out_endpoint)
{
    char text[300];

    if (len >= sizeof(text))
        return WEIR_INVALID_ARGUMENT;
    memcpy(text, piece, len);
    text[len] = '\0';
    WEIR_TRY(net_endpoint_parse(text, out_endpoint));
    return is_address(out_endpoint, family) ? WEIR_OK : WEIR_INVALID_ARGUMENT;
}

static weir_code
parse_list(const char *text, int family, struct client_target *target)
{
    while (target->count < CLIENT_MAX_ADDRESSES) {
        size_t len = strcspn(text, ",");

        WEIR_TRY(parse_piece(text, len, family, &target->endpoints[target->count++]));
        if (text[len] == '\0')
            return WEIR_OK;
        text += len + 1;
    }
    return WEIR_INVALID_ARGUMENT;
}

static weir_code
parse(const char *text, int family, struct client_target *target)
{
    if (family != AF_UNSPEC)
        return parse_list(text, family, target);
    WEIR_TRY(net_endpoint_parse(text, &target->endpoints[0]));
    target->count = 1;
    target->is_name = !target->endpoints[0].is_unix;
    return WEIR_OK;
}

weir_code
target_parse(const char *text, struct client_target *out_target)
{
    int family;
    const char *rest = split_scheme(text, &family);
    bool is_unix = strncmp(rest, "unix:", 5) == 0;
    struct client_target target = {.text = strdup(rest),
        .authority = is_unix ? strdup("localhost") : strndup(rest, strcspn(rest, ",")),
        .endpoints = calloc(CLIENT_MAX_ADDRESSES, sizeof(struct net_endpoint))};
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (target.text != NULL && target.authority != NULL && target.endpoints != NULL)
        code = parse(rest, family, &target);
    if (code == WEIR_OK)
        *out_target = target;
    else
        target_fini(&target);
    return code;
}

void
target_fini(struct client_target *target)
{
    free(target->text);
    free(target->authority);
    free(target->endpoints);
}
