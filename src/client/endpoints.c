/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of servers, copied from a resolver's report. */
#include "client/client.h"

#include "base/random.h"
#include <stdlib.h>

static void
endpoint_fini(struct client_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->attribute_count; i++) {
        free((void *)(uintptr_t)endpoint->attributes[i].key);
        free((void *)(uintptr_t)endpoint->attributes[i].value);
    }
    free(endpoint->attributes);
    free(endpoint->address);
    *endpoint = (struct client_endpoint){0};
}

void
endpoints_fini(struct client_endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++)
        endpoint_fini(&endpoints->list[i]);
    free(endpoints->list);
    *endpoints = (struct client_endpoints){NULL, 0};
}

static bool
copy_attributes(const struct weir_endpoint *from, struct client_endpoint *to)
{
    if (from->attribute_count == 0)
        return true;
    to->attributes = calloc(from->attribute_count, sizeof(*to->attributes));
    if (to->attributes == NULL)
        return false;
    to->attribute_count = from->attribute_count;
    for (size_t i = 0; i < from->attribute_count; i++) {
        to->attributes[i].key = strdup(from->attributes[i].key);
        to->attributes[i].value = strdup(from->attributes[i].value);
        if (to->attributes[i].key == NULL || to->attributes[i].value == NULL)
            return false;
    }
    return true;
}

/* Copies belong to the list, even on failure. */
static weir_code
add(struct client_endpoints *endpoints, struct map *known, const struct weir_endpoint *from)
{
    struct client_endpoint *to = &endpoints->list[endpoints->count];

    WEIR_TRY(weir_address_check(from->address));
    if (map_lookup(known, weir_str_of(from->address)) != NULL)
        return WEIR_OK;
    endpoints->count++;
    to->address = strdup(from->address);
    to->weight = from->weight == 0 ? 1 : from->weight;
    return to->address != NULL && map_put(known, weir_str_of(to->address), to) &&
                   copy_attributes(from, to)
               ? WEIR_OK
               : WEIR_RESOURCE_EXHAUSTED;
}

weir_code
weir_address_check(const char *address)
{
    struct net_endpoint parsed;

    return address == NULL ? WEIR_INVALID_ARGUMENT : net_endpoint_parse(address, &parsed);
}

weir_code
endpoints_copy(const struct weir_resolution *resolution, struct client_endpoints *out_endpoints)
{
    struct client_endpoints endpoints = {
        calloc(resolution->endpoint_count, sizeof(struct client_endpoint)), 0};
    weir_code code = endpoints.list == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
    struct map known;

    map_init(&known, random_u64());
    for (size_t i = 0; code == WEIR_OK && i < resolution->endpoint_count; i++)
        code = add(&endpoints, &known, &resolution->endpoints[i]);
    map_fini(&known);
    if (code == WEIR_OK)
        *out_endpoints = endpoints;
    else
        endpoints_fini(&endpoints);
    return code;
}

bool
endpoints_index(const struct client_endpoints *endpoints, struct map *out_map)
{
    map_init(out_map, random_u64());
    for (size_t i = 0; i < endpoints->count; i++) {
        if (!map_put(out_map, weir_str_of(endpoints->list[i].address), &endpoints->list[i])) {
            map_fini(out_map);
            return false;
        }
    }
    return true;
}

bool
endpoints_equal(const struct client_endpoints *a, const struct client_endpoints *b)
{
    struct map others;
    bool equal = a->count == b->count && endpoints_index(b, &others);

    if (!equal)
        return false;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = map_lookup(&others, weir_str_of(a->list[i].address)) != NULL;
    map_fini(&others);
    return equal;
}

/* True for any name, whose addresses are not known here. */
static bool
may_be_peer(const char *address, const char *peer)
{
    char text[NET_ADDRESS_TEXT];
    struct net_endpoint endpoint;
    struct net_address found;
    const char *why;
    size_t count = 0;

    if (net_endpoint_parse(address, &endpoint) != WEIR_OK)
        return false;
    if (net_endpoint_is_name(&endpoint))
        return true;
    if (net_resolve(&endpoint, &found, 1, &count, &why) != WEIR_OK)
        return false;
    net_address_format(&found, true, text);
    return strcmp(text, peer) == 0;
}

bool
endpoints_have_peer(const struct client_endpoints *endpoints, const char *peer)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        if (may_be_peer(endpoints->list[i].address, peer))
            return true;
    }
    return false;
}

void
endpoints_shuffle(struct client_endpoints *endpoints)
{
    for (size_t left = endpoints->count; left > 1; left--) {
        size_t drawn = (size_t)(random_u64() % left);
        struct client_endpoint last = endpoints->list[left - 1];

        endpoints->list[left - 1] = endpoints->list[drawn];
        endpoints->list[drawn] = last;
    }
}

bool
endpoints_take(struct client_endpoint *from, struct client_endpoints *out_endpoints)
{
    struct client_endpoint *list = malloc(sizeof(*list));

    if (list == NULL)
        return false;
    *list = *from;
    *from = (struct client_endpoint){0};
    out_endpoints->list = list;
    out_endpoints->count = 1;
    return true;
}
