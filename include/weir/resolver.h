/* SPDX-License-Identifier: Apache-2.0 */
/* Resolvers: turn a channel's target into a list of servers, and update it. */
/* Threads: all functions run on the thread of the channel's loop, except `open`. */
#pragma once

#include <weir/loop.h>

WEIR_BEGIN_C

/* The channel's side of a resolver, which receives the results. */
typedef struct weir_resolver weir_resolver;

/* Data about a server for load balancing policies: its zone, its version. */
struct weir_attribute {
    const char *key, *value;
};

/* A server. Zero selects each field's default, which is given last; address is required. */
struct weir_endpoint {
    /* "10.0.0.5:50051", "[::1]:50051", "unix:PATH", "unix-abstract:NAME", or "NAME:PORT", which is
     * looked up for each connection attempt. */
    const char *address;
    unsigned weight; /* for weighted policies; default 1 */
    const struct weir_attribute *attributes;
    size_t attribute_count;
};

/* The result of a resolution. */
struct weir_resolution {
    const struct weir_endpoint *endpoints; /* duplicate addresses count once */
    size_t endpoint_count;
    const char *service_config; /* JSON; NULL: none */
};

/* Check the syntax of a weir_endpoint.address. INVALID_ARGUMENT: malformed. Safe from any thread.
 */
WEIR_API WEIR_CHECK weir_code weir_address_check(const char *address);

struct weir_resolver_target {
    weir_loop *loop;  /* the channel's */
    const char *text; /* the whole target */
    const char *name; /* the part after "SCHEME:" */
};

/* A kind of resolver. All functions are required. */
struct weir_resolver_type {
    const char *scheme; /* "etcd" */

    /* Create a resolver for a new channel, without resolving yet. Runs on the thread that creates
     * the channel. registered: the self given to weir_catalog_add_resolver. Borrows `resolver`
     * until `close`, and `target` until this returns. INVALID_ARGUMENT: not a valid target. */
    weir_code (*open)(void *registered, const struct weir_resolver_target *target,
        weir_resolver *resolver, void **out_self);

    /* Resolve: called before the first call, and again, possibly often, after a failed resolution
     * or when a server cannot be reached. Report a result (weir_resolver_update or
     * weir_resolver_fail) now or later each time, and every change from then on. Must not suspend;
     * see weir_loop_spawn. */
    void (*resolve)(void *self);

    /* The channel is being freed: report nothing more, and free self. Runs on a fiber; may
     * suspend. */
    void (*close)(void *self);
};

/* Report a list of servers. Copies it. An empty list is a failure, as in weir_resolver_fail. After
 * an error the previous list stays in use. INVALID_ARGUMENT: an address is malformed.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_resolver_update(
    weir_resolver *resolver, const struct weir_resolution *resolution);

/* Report that the target cannot be resolved now. A previous list stays in use; if there is none,
 * calls fail with this reason. */
WEIR_API void weir_resolver_fail(weir_resolver *resolver, const char *why);

WEIR_END_C
