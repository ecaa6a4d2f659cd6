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

/* The resolver for the target's scheme. NULL: none in the catalog, which may be NULL. */
const struct catalog_resolver *catalog_find_resolver(
    const weir_catalog *catalog, const char *target);

/* The policy with this name, built in or from the catalog, which may be NULL. NULL: there is none.
 */
const struct weir_balancer_type *catalog_find_balancer(
    const weir_catalog *catalog, const char *name);
