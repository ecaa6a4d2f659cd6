/* SPDX-License-Identifier: Apache-2.0 */
/* Happy Eyeballs: connects to whichever of several addresses answers first (RFC 8305, gRFC A61). */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "net/net.h"

struct client_race;

struct client_runner {
    struct client_race *race;
    struct net_connect *connect; /* in progress, else NULL */
    struct net_tunnel *tunnel; /* through the proxy, until that has answered; NULL: there is none */
};

/* The addresses are tried in order, each 250 ms after the previous one or as soon as that has
 * failed; earlier attempts continue. An address has answered only when HTTP/2 has, because kernels
 * accept connections for processes that hang. So an established connection stays in the race until
 * its owner stops the race or reports that this connection has failed as well. */
struct client_race {
    weir_loop *loop;
    const char *request; /* sent to the proxy at each address; NULL: no proxy */
    void *owner;
    void (*reached)(void *owner, struct net_conn *net); /* adopts net; may be called repeatedly */
    void (*lost)(void *owner, const char *why);         /* no address or no time is left */
    struct net_address *addresses;                      /* borrowed */
    size_t count, next;
    struct client_runner *runners; /* one per address */
    size_t running;                /* runners that have not failed */
    struct loop_timer stagger;
    int64_t until;
    char why[160]; /* of the last failure */
};

/* Borrows the request until race_fini. */
void race_init(struct client_race *race, weir_loop *loop, const char *request, void *owner,
    void (*reached)(void *owner, struct net_conn *net), void (*lost)(void *owner, const char *why));

/* Start. Reorders the addresses to alternate between families, and borrows them until the next
 * start. `reached` and `lost` may be called before this returns, or on a later turn. */
void race_start(
    struct client_race *race, struct net_address *addresses, size_t count, int64_t until);

/* Start with one connection, which the owner makes itself, and no addresses. */
void race_start_alone(struct client_race *race);

/* An established connection has failed: continue with the remaining addresses. */
void race_go_on(struct client_race *race, const char *why);

/* Stop; neither function is called any more. */
void race_stop(struct client_race *race);
void race_fini(struct client_race *race);
