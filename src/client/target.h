/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's target, parsed (grpc doc/naming.md). */
/* Threads: constant once it is parsed. */
#pragma once

#include "client/catalog.h"
#include "net/net.h"

struct client_target {
    char *text;      /* for messages: without the scheme if it is an address or a name */
    char *authority; /* the name, or the first address; "localhost" for a Unix socket */
    char *host;      /* the same without a port */
    char **pieces;   /* addresses and names as in weir_endpoint; none with a resolver */
    size_t count;
    bool is_name;                  /* one piece, to be looked up in DNS */
    bool is_dns;                   /* one HOST:PORT, a name or an address, with or without dns: */
    struct net_address dns_server; /* to be asked for the name; len 0: the system's */
    const struct catalog_resolver *resolver; /* from the catalog, else NULL */
};

/* Parse a target: "HOST:PORT", "dns:HOST:PORT", "dns://[SERVER]/HOST:PORT", "unix:PATH" or
 * "unix-abstract:NAME"; one or more addresses, "ipv4:A:PORT,B:PORT" or "ipv6:[A]:PORT,..."; several
 * servers of any kind, "HOST:PORT,unix:PATH"; or "SCHEME:..." with a scheme in the catalog, which
 * may be NULL. INVALID_ARGUMENT: none of these. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code target_parse(
    const char *text, const weir_catalog *catalog, struct client_target *out_target);
void target_fini(struct client_target *target);
