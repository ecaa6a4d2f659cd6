/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to the first of several addresses that answers (RFC 8305, gRFC A61). */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "net/net.h"

struct client_race;

struct client_runner {
    struct client_race *race;
    struct net_connect *connect; /* under way, else NULL */
    struct net_tunnel *tunnel; /* that it has led to, while the proxy has not answered, else NULL */
};

/* One address is tried after the other, each 250 ms after the one before or as soon as that has
 * failed, and those that were begun go on. An address has only answered when HTTP/2 has: kernels
 * take connections for processes that hang. So a connection is still in the race, until its owner
 * stops that for the others or says that this one has failed, too. */
struct client_race {
    weir_loop *loop;
    const char *request; /* for the proxy at each address, by which it is reached; NULL: none */
    void *owner;
    void (*reached)(void *owner, struct net_conn *net); /* adopts net, which may become several */
    void (*lost)(void *owner, const char *why);         /* no address is left, or no time */
    struct net_address *addresses;                      /* borrowed */
    size_t count, next;
    struct client_runner *runners; /* one an address */
    size_t running;                /* that have not failed */
    struct loop_timer stagger;
    int64_t until;
    char why[160]; /* of the last failure */
};

/* request is borrowed for good. */
void race_init(struct client_race *race, weir_loop *loop, const char *request, void *owner,
    void (*reached)(void *owner, struct net_conn *net), void (*lost)(void *owner, const char *why));

/* Begin. The addresses are put into an order that changes between their families, and borrowed
 * until the next start. Either function may be called before this returns, or on a later turn. */
void race_start(
    struct client_race *race, struct net_address *addresses, size_t count, int64_t until);

/* Begin with one connection, which the owner makes itself, and no address. */
void race_start_alone(struct client_race *race);

/* A connection that was reached is of no use: on with the addresses that are left. */
void race_go_on(struct client_race *race, const char *why);

/* Give up; nothing is called any more. */
void race_stop(struct client_race *race);
void race_fini(struct client_race *race);
