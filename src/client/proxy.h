/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP proxy that the environment names for a target (gRFC A1). */
/* Threads: constant once it is found. */
#pragma once

#include "client/target.h"

struct client_proxy {
    char *address;   /* "HOST:PORT"; NULL: no proxy */
    char *request;   /* CONNECT to the target, for net_tunnel_open */
    char wrong[160]; /* why the proxy's URL in the environment is not usable; "": no error */
};

/* Read the environment variables listed at weir_channel_new. If there is a proxy, its address
 * replaces the target's one piece. `proxy` must be zeroed. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code proxy_init(struct client_proxy *proxy, struct client_target *target);
void proxy_fini(struct client_proxy *proxy);
