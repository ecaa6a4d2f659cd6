/* SPDX-License-Identifier: Apache-2.0 */
/* A catalog: two append-only lists. */
#include "client/catalog.h"

#include "client/balancers.h"
#include <stdlib.h>
#include <string.h>

struct catalog_balancer {
    struct catalog_balancer *next;
    const struct weir_balancer_type *type;
};

struct weir_catalog {
    struct catalog_resolver *resolvers;
    struct catalog_balancer *balancers;
};

weir_catalog *
weir_catalog_new(void)
{
    return calloc(1, sizeof(weir_catalog));
}

void
weir_catalog_free(weir_catalog *catalog)
{
    if (catalog == NULL)
        return;
    while (catalog->resolvers != NULL) {
        struct catalog_resolver *first = catalog->resolvers;

        catalog->resolvers = first->next;
        free(first);
    }
    while (catalog->balancers != NULL) {
        struct catalog_balancer *first = catalog->balancers;

        catalog->balancers = first->next;
        free(first);
    }
    free(catalog);
}

/* ---- resolvers ---- */

#define LETTERS "abcdefghijklmnopqrstuvwxyz"

/* RFC 3986, section 3.1. */
static bool
is_scheme(const char *text)
{
    return text != NULL && strspn(text, LETTERS) > 0 &&
           text[strspn(text, LETTERS "0123456789+-.")] == '\0';
}

/* A built-in scheme. */
static bool
is_own_scheme(const char *scheme)
{
    static const char *const own[] = {"dns", "ipv4", "ipv6", "unix", "unix-abstract"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(scheme, own[i]) == 0)
            return true;
    }
    return false;
}

const struct catalog_resolver *
catalog_find_resolver(const weir_catalog *catalog, const char *target)
{
    size_t len = strcspn(target, ":");
    const struct catalog_resolver *entry = catalog == NULL ? NULL : catalog->resolvers;

    while (entry != NULL &&
           (strlen(entry->type->scheme) != len || memcmp(entry->type->scheme, target, len) != 0))
        entry = entry->next;
    return target[len] == ':' ? entry : NULL;
}

static bool
knows_scheme(const weir_catalog *catalog, const char *scheme)
{
    const struct catalog_resolver *entry = catalog->resolvers;

    while (entry != NULL && strcmp(entry->type->scheme, scheme) != 0)
        entry = entry->next;
    return entry != NULL || is_own_scheme(scheme);
}

weir_code
weir_catalog_add_resolver(weir_catalog *catalog, const struct weir_resolver_type *type, void *self)
{
    struct catalog_resolver *entry;

    if (!is_scheme(type->scheme) || type->open == NULL || type->resolve == NULL ||
        type->close == NULL)
        return WEIR_INVALID_ARGUMENT;
    if (knows_scheme(catalog, type->scheme))
        return WEIR_ALREADY_EXISTS;
    entry = malloc(sizeof(*entry));
    if (entry == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *entry = (struct catalog_resolver){catalog->resolvers, type, self};
    catalog->resolvers = entry;
    return WEIR_OK;
}

/* ---- balancers ---- */

static const struct weir_balancer_type *
find_added(const weir_catalog *catalog, const char *name)
{
    for (const struct catalog_balancer *entry = catalog->balancers; entry != NULL;
         entry = entry->next) {
        if (strcmp(entry->type->name, name) == 0)
            return entry->type;
    }
    return NULL;
}

static const struct weir_balancer_type *
find_own(const char *name)
{
    static const struct weir_balancer_type *const own[] = {&balancer_pick_first,
        &balancer_round_robin, &balancer_least_request, &balancer_weighted_round_robin};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(own[i]->name, name) == 0)
            return own[i];
    }
    return NULL;
}

const struct weir_balancer_type *
catalog_find_balancer(const weir_catalog *catalog, const char *name)
{
    const struct weir_balancer_type *own = find_own(name);

    return own != NULL || catalog == NULL ? own : find_added(catalog, name);
}

weir_code
weir_catalog_add_balancer(weir_catalog *catalog, const struct weir_balancer_type *type)
{
    struct catalog_balancer *entry;

    if (type->name == NULL || type->name[0] == '\0' || (type->pick == NULL && !type->together))
        return WEIR_INVALID_ARGUMENT;
    if (find_own(type->name) != NULL || find_added(catalog, type->name) != NULL)
        return WEIR_ALREADY_EXISTS;
    entry = malloc(sizeof(*entry));
    if (entry == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *entry = (struct catalog_balancer){catalog->balancers, type};
    catalog->balancers = entry;
    return WEIR_OK;
}
