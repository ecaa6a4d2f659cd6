/* SPDX-License-Identifier: Apache-2.0 */
/* Catalogs: register an application's own resolvers and load balancing policies for its channels.
 */
/* Threads: set up on one thread, before the first channel that uses it. */
#pragma once

#include <weir/balancer.h>
#include <weir/resolver.h>

WEIR_BEGIN_C

typedef struct weir_catalog weir_catalog;

/* Create an empty catalog. NULL: no memory. */
WEIR_API weir_catalog *weir_catalog_new(void);

/* After every channel that uses it. */
WEIR_API void weir_catalog_free(weir_catalog *catalog);

/* Register a resolver for targets "SCHEME:...". Borrows both until the catalog is freed.
 * ALREADY_EXISTS: the scheme is taken. INVALID_ARGUMENT: not a valid lower-case scheme (RFC 3986,
 * section 3.1), or a function is missing. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_catalog_add_resolver(
    weir_catalog *catalog, const struct weir_resolver_type *type, void *self);

/* Register a load balancing policy under its name. Borrows it until the catalog is freed.
 * ALREADY_EXISTS: the name is taken. INVALID_ARGUMENT: it has no name, or neither `pick` nor
 * `together`. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_catalog_add_balancer(
    weir_catalog *catalog, const struct weir_balancer_type *type);

WEIR_END_C
