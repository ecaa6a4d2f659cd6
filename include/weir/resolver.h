/* SPDX-License-Identifier: Apache-2.0 */
/* Resolvers: from a channel's target to the servers behind it, now and whenever they change. */
/* Threads: everything belongs to the thread that turns the channel's loop, but for `open`. */
#pragma once

#include <weir/loop.h>

WEIR_BEGIN_C

/* Where a resolver tells what it has found: the channel, as it sees it. */
typedef struct weir_resolver weir_resolver;

/* Something that a balancer may want to know of a server: its zone, its version. */
struct weir_attribute {
    const char *key, *value;
};

/* One server. Zero is the default of every field but the address. */
struct weir_endpoint {
    /* "10.0.0.5:50051", "[::1]:50051", "unix:PATH", "unix-abstract:NAME", or "NAME:PORT", which is
     * looked up whenever it is connected to. */
    const char *address;
    unsigned weight; /* for balancers that weigh; 1 */
    const struct weir_attribute *attributes;
    size_t attribute_count;
};

/* What a name stands for. */
struct weir_resolution {
    const struct weir_endpoint *endpoints; /* an address that comes twice counts once */
    size_t endpoint_count;
    const char *service_config; /* JSON; NULL: none */
};

/* Is it an address as weir_endpoint has them? INVALID_ARGUMENT: no. Safe from any thread. */
WEIR_API WEIR_CHECK weir_code weir_address_check(const char *address);

struct weir_resolver_target {
    weir_loop *loop;  /* the channel's */
    const char *text; /* the whole target */
    const char *name; /* what comes after "SCHEME:" */
};

struct weir_resolver_type {
    const char *scheme; /* "etcd" */

    /* For a new channel, on the thread that makes it: look at the target, but begin nothing yet.
     * registered: the self that it was registered with. Borrows `resolver` until `close`. `target`
     * lives until this returns. INVALID_ARGUMENT: it is no target of this scheme. */
    weir_code (*open)(void *registered, const struct weir_resolver_target *target,
        weir_resolver *resolver, void **out_self);

    /* Find the servers: before the first call, and again when they could not be found or one of
     * them cannot be reached, which may be often. Each time tell what there is, or why not, now or
     * later; and tell every change. Must not suspend (see weir_loop_spawn). */
    void (*resolve)(void *self);

    /* The channel is freed: tell nothing more, and free self. On a fiber; may suspend. */
    void (*close)(void *self);
};

/* Here is the newest list. Copies it. A list without endpoints is a failure. INVALID_ARGUMENT: an
 * address is none; RESOURCE_EXHAUSTED: no memory. Then the list before stays. */
WEIR_API WEIR_CHECK weir_code weir_resolver_update(
    weir_resolver *resolver, const struct weir_resolution *resolution);

/* It cannot be found out now, for this reason, of which calls are told unless there was a list
 * before: that stays. */
WEIR_API void weir_resolver_fail(weir_resolver *resolver, const char *why);

WEIR_END_C
