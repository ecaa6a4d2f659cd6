/* SPDX-License-Identifier: Apache-2.0 */
/* What a channel is to reach (grpc doc/naming.md). */
/* Threads: constant once it is parsed. */
#pragma once

#include "net/net.h"

struct client_target {
    char *text;      /* without its scheme, but for a Unix path's: for people */
    char *authority; /* the name, or the first address; "localhost" for a Unix path */
    struct net_endpoint *endpoints;
    size_t count;
    bool is_name; /* to be looked up: one endpoint */
};

/* "HOST:PORT", "dns:HOST:PORT", "dns:///HOST:PORT", "unix:PATH", and of one or several addresses
 * "ipv4:A:PORT,B:PORT" and "ipv6:[A]:PORT,...". INVALID_ARGUMENT: none of these, or too many.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code target_parse(const char *text, struct client_target *out_target);
void target_fini(struct client_target *target);
