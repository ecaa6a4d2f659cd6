/* SPDX-License-Identifier: Apache-2.0 */
/* Resolvers and balancers by name. */
/* Threads: constant once it is set up. */
#pragma once

#include <weir/catalog.h>

struct catalog_resolver {
    struct catalog_resolver *next;
    const struct weir_resolver_type *type;
    void *self;
};

/* Whose scheme is it that the target begins with? NULL: none of the catalog's, which may be NULL.
 */
const struct catalog_resolver *catalog_find_resolver(
    const weir_catalog *catalog, const char *target);

/* The policy of a name, Weir's own or the catalog's, which may be NULL. NULL: there is none. */
const struct weir_balancer_type *catalog_find_balancer(
    const weir_catalog *catalog, const char *name);
