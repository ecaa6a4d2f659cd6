/* SPDX-License-Identifier: Apache-2.0 */
/* What a program adds to Weir by name: resolvers and balancers, for the channels that are given it.
 */
/* Threads: set up on one thread, before the first channel that gets it. */
#pragma once

#include <weir/balancer.h>
#include <weir/resolver.h>

WEIR_BEGIN_C

typedef struct weir_catalog weir_catalog;

/* NULL: no memory. */
WEIR_API weir_catalog *weir_catalog_new(void);

/* After the channels that were given it. */
WEIR_API void weir_catalog_free(weir_catalog *catalog);

/* Targets "SCHEME:..." are this resolver's. Borrows both until the catalog is freed.
 * ALREADY_EXISTS: the scheme is taken. INVALID_ARGUMENT: it is no scheme (RFC 3986, 3.1, in lower
 * case), or one of the functions is missing. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_catalog_add_resolver(
    weir_catalog *catalog, const struct weir_resolver_type *type, void *self);

/* A policy of this name. Borrows it until the catalog is freed. ALREADY_EXISTS: the name is taken.
 * INVALID_ARGUMENT: it has no name, or nothing to pick with. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_catalog_add_balancer(
    weir_catalog *catalog, const struct weir_balancer_type *type);

WEIR_END_C
