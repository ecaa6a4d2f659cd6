/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP proxy that the environment wants in front of a target (gRFC A1). */
/* Threads: constant once it is found. */
#pragma once

#include "client/target.h"

struct client_proxy {
    char *address;   /* "HOST:PORT"; NULL: none, the target is reached directly */
    char *request;   /* CONNECT to the target, for net_tunnel_open */
    char wrong[160]; /* why the environment's cannot be used; "": nothing is wrong */
};

/* Look into the variables that weir_channel_new names. With a proxy the target's one piece is the
 * proxy's address from then on. Begins with zeroes. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code proxy_init(struct client_proxy *proxy, struct client_target *target);
void proxy_fini(struct client_proxy *proxy);
