/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a channel: its connection, who waits for it, its methods' header fields. */
/* Threads: everything belongs to the loop's thread, but for the pool of calls, which has a
 * lock. */
#pragma once

#include "base/map.h"
#include "client/config.h"
#include "client/health.h"
#include "client/lookup.h"
#include "client/outlier.h"
#include "client/proxy.h"
#include "client/race.h"
#include "client/retry.h"
#include "client/target.h"
#include "client/watch.h"
#include "rpc/call.h"
#include "rpc/chain.h"
#include <pthread.h>
#include <weir/channel.h>
#include <weir/connections.h>
#include <weir/credentials.h>
#include <weir/pool.h>

/* The fields that every request of a method begins with, in storage of their own: hpack knows them
 * by address. */
#define CLIENT_METHOD_FIELD 0
#define CLIENT_PATH_FIELD 2
#define CLIENT_PSEUDO_FIELDS 4
#define CLIENT_FIELDS 8

struct client_method {
    struct client_method *next;
    char *path;
    struct h2_field fields[CLIENT_FIELDS]; /* pseudo-header fields first */
};

struct client_conn;

/* A server as the resolver has told of it. */
struct client_endpoint {
    char *address;
    unsigned weight;
    struct weir_attribute *attributes; /* keys and values are its own */
    size_t attribute_count;
};

struct client_endpoints {
    struct client_endpoint *list;
    size_t count;
};

/* Where a resolver reports. */
struct weir_resolver {
    struct weir_channel *channel;
    const struct weir_resolver_type *type;
    void *self;
    bool asked;
    bool listed; /* there has been a list */
    struct loop_task again;
    int64_t backoff, retry_at;
};

/* The policy at work. */
struct client_balancer {
    const struct weir_balancer_type *type;
    void *self;
    struct weir_subchannel **ready; /* those that may be picked; room for all */
    size_t ready_count, room;
    struct weir_ready choice; /* of the pick that is being made */
};

/* Where the service config comes from; what it has come to is in the channel. */
struct client_service_config {
    const struct weir_service_config *own;           /* of the channel's options; may be NULL */
    const struct weir_service_config_format *format; /* NULL: the resolver's is not heeded */
    void (*refused)(void *self, const char *why);    /* may be NULL */
    void *refused_self;
    bool in_dns;         /* names are asked for it, too */
    char *balancer_name; /* where no config names one; NULL: pick_first */
    bool judged;         /* then outliers are looked for */
    struct weir_outlier_options outliers;
    char *text;        /* the resolver's newest, good or bad; NULL: none */
    struct buf chosen; /* the balancer and its options, as bytes */
};

struct weir_channel {
    weir_loop *loop;
    struct client_target target;
    struct client_proxy proxy;
    struct weir_server *server;    /* of this process; NULL: the target's addresses count */
    weir_tls *tls;                 /* NULL: plain text */
    weir_pool *pool;               /* where names are looked up; may be NULL */
    const weir_catalog *catalog;   /* may be NULL */
    weir_credentials *credentials; /* NULL: none */
    char *authority, *user_agent;
    char *destination; /* the target, and the proxy on the way: for people */
    struct call_shared shared;
    struct rpc_keepalive keepalive;
    size_t max_header_list;
    int64_t connect_timeout;
    int64_t idle_timeout;
    int64_t initial_backoff, max_backoff;
    unsigned max_connections; /* a subchannel */

    weir_connectivity state; /* FAILURE: calls fail with the reason */
    char why[768];           /* of the last failure */
    struct list watchers;    /* channel_watcher: who waits for another state */
    struct weir_resolver resolver;
    struct client_balancer balancer;
    struct outlier_judge judge;
    struct list subchannels; /* of the newest list, in its order */
    struct list parting;     /* those that are no longer in it, while their calls go on */
    bool wanted;             /* to be connected as soon as there is a list */
    int64_t wanted_at;       /* when a call found no connection last */
    bool resting;            /* it has let go of its connections, for want of calls */
    uint64_t uses;           /* streams opened */
    uint64_t calls_started, calls_succeeded, calls_failed; /* see weir/connections.h */
    int64_t last_call;
    uint64_t last_subchannel, last_connection; /* their numbers */
    struct loop_timer
        retry;           /* while calls wait for a connection however long it takes: try again */
    struct list waiting; /* client_waiter: calls that no subchannel was picked for */
    size_t retry_buffer; /* bytes of what a call has sent that are kept for another attempt */
    struct client_service_config service;
    struct client_config *config; /* what calls are made by; NULL: nothing */
    struct retry_throttle throttle;

    struct rpc_chain chain;
    size_t held;           /* calls that were freed while something of theirs still runs */
    struct fiber *leaving; /* weir_channel_free, which waits for them */

    struct map methods; /* path -> client_method */
    struct client_method *method_list;
    struct client_method *last_method; /* that was asked for; NULL: none */

    struct call_pool loops_calls; /* that the loop's own fibers make */

    pthread_mutex_t lock;
    struct call_pool calls; /* that others make */
};

/* The way to one server, or to the first that answers of several. */
struct weir_subchannel {
    struct list link;
    uint64_t number;
    struct weir_subchannel_stats past; /* the counts of connections that are gone */
    struct weir_channel *channel;
    struct client_endpoints endpoints;
    weir_connectivity state; /* FAILURE: until retry_at */
    bool failing;            /* since it was READY last */
    bool removed;
    bool picked;                             /* it is among the balancer's `ready` */
    unsigned calls;                          /* under way, see balancer_counts */
    void *data;                              /* the balancer's */
    enum health health;                      /* of a READY one */
    struct conn_watch *watches[WATCH_KINDS]; /* NULL: nobody watches */
    struct outlier_record record;

    struct list conns;        /* all: in the race, ready, drained */
    struct client_conn *conn; /* the newest that takes calls; NULL unless ready */
    bool growing;             /* a further connection is under way while others are ready */
    int64_t grow_at;          /* not before this, since one has failed */
    struct list waiting;      /* client_waiter: calls in line for a stream */

    size_t looked_up;             /* endpoints whose addresses are there */
    struct client_lookup *lookup; /* under way, else NULL */
    struct net_address *addresses;
    size_t address_count;
    struct client_race race;
    int64_t connect_until; /* the attempt's deadline */
    int64_t backoff, retry_at, ready_at;
    struct loop_timer retry; /* at retry_at; while it is ready, at grow_at */
    char why[256];           /* of the last failure */
    struct loop_task reap;
};

struct client_conn {
    struct rpc_transport transport;
    struct weir_subchannel *subchannel;
    struct list link;
    struct loop_timer timer; /* for the server's SETTINGS, then for idleness */
    struct loop_task reap;
    uint64_t number;
    int64_t since;
    bool ready;    /* SETTINGS have come; until then it is in its subchannel's race */
    bool left;     /* it takes no new calls */
    bool used;     /* since the timer fired last */
    uint64_t uses; /* the channel's at that time */
    char peer[NET_ADDRESS_TEXT];
};

/* A call that waits for a stream. */
struct client_waiter {
    struct list link;
    struct weir_call *call;
    struct weir_subchannel *subchannel; /* the one it stands in line at, else NULL */
};

/* Beyond this number (three quarters of them) a connection opens no streams, and there is still
 * time for the next connection. */
#define CLIENT_LAST_STREAM 0x5fffff00u

/* Tie the call to a stream of a ready connection, connecting when need be. Suspends.
 * UNAVAILABLE: it cannot be reached, with the reason in the call. */
weir_code client_acquire(struct weir_channel *channel, struct weir_call *call);

/* A call object for one call, from the pool. NULL: no memory. Safe from any thread. */
struct weir_call *client_take_call(struct weir_channel *channel);

/* The channel waits for something of a call that its user has freed, until it is let go. */
void client_hold(struct weir_channel *channel);
void client_let_go(struct weir_channel *channel);

/* The fields of a method, made at its first use. NULL: no memory. */
const struct client_method *client_method_lookup(
    struct weir_channel *channel, const struct weir_method *asked);

/* ---- look.c ---- */

/* Before a connection is closed: its subchannel goes on counting from there. */
void client_keep_counts(struct client_conn *conn);

/* ---- state.c ---- */

/* Change the state, and wake who watches it. */
void client_set_state(struct weir_channel *channel, weir_connectivity state);

/* ---- line.c ---- */

/* Wake every call that no subchannel was picked for: something has changed. */
void client_wake(struct weir_channel *channel);

/* Wake the first in the subchannel's line when there may be a stream for it; it wakes the next when
 * it leaves. */
void client_wake_first(struct weir_subchannel *subchannel);

/* Send the line away: each of its calls is picked for anew. */
void client_dissolve_line(struct weir_subchannel *subchannel);

/* Wait until it is known how the call is to be made, or that it is not to be known. Suspends. */
void client_await_config(struct weir_channel *channel, struct weir_call *call);

/* ---- resolver.c ---- */

/* INVALID_ARGUMENT: the resolver does not take the target. */
WEIR_CHECK weir_code resolver_init(struct weir_channel *channel);

/* Ask for the servers, unless they are known, asked for already, or its backoff is not over. */
void resolver_need(struct weir_resolver *resolver);

/* A server cannot be reached: there may be others by now. */
void resolver_ask_again(struct weir_resolver *resolver);

/* Suspends. */
void resolver_fini(struct weir_resolver *resolver);

/* Weir's own: a list that the target itself gives, and a name in DNS. */
extern const struct weir_resolver_type resolver_static, resolver_dns;

/* ---- endpoints.c ---- */

/* A copy, without what comes twice. INVALID_ARGUMENT: an address is none. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_CHECK weir_code endpoints_copy(
    const struct weir_resolution *resolution, struct client_endpoints *out_endpoints);
void endpoints_fini(struct client_endpoints *endpoints);

/* By their addresses, which are borrowed. False: no memory, and there is no map. */
WEIR_CHECK bool endpoints_index(const struct client_endpoints *endpoints, struct map *out_map);

/* The same addresses, in whatever order? Without memory to find out they are taken for others. */
bool endpoints_equal(const struct client_endpoints *a, const struct client_endpoints *b);

/* May a connection to `peer` (net_address_format with its family) be one to any of them? */
bool endpoints_have_peer(const struct client_endpoints *endpoints, const char *peer);

/* Any order is as likely as any other. */
void endpoints_shuffle(struct client_endpoints *endpoints);

/* Move one out of its list into a list of its own. False: no memory. */
bool endpoints_take(struct client_endpoint *from, struct client_endpoints *out_endpoints);

/* ---- balancer.c ---- */

/* Not OK: no memory, or the policy does not take its options, and the error says why. */
WEIR_CHECK weir_code balancer_init(struct client_balancer *balancer,
    const struct weir_balancer_type *type, const struct weir_value *options,
    struct weir_value_error *error);
void balancer_fini(struct client_balancer *balancer);

/* Drop every subchannel, with all that is under way. */
void balancer_close(struct weir_channel *channel);

/* The newest list, of which what is needed is taken over. RESOURCE_EXHAUSTED: no memory, all is as
 * it was. */
WEIR_CHECK weir_code balancer_update(
    struct weir_channel *channel, struct client_endpoints *endpoints);

/* There is no list, for this reason. */
void balancer_fail(struct weir_channel *channel, const char *why);

/* A subchannel's state has changed: the channel's may have, too. */
void balancer_changed(struct weir_subchannel *subchannel);

/* Outliers have left or returned. */
void balancer_review(struct weir_channel *channel);

/* The subchannel for a call, if any is ready. NULL: none. */
struct weir_subchannel *balancer_pick(struct weir_channel *channel, const struct weir_call *call);

/* A call wants a connection, and none is ready. */
void balancer_need(struct weir_channel *channel);

/* When that may help again, after a failure. */
int64_t balancer_retry_at(const struct weir_channel *channel);

/* Let go of every connection until the next call. */
void balancer_rest(struct weir_channel *channel);

/* No stream is open on any connection. */
bool balancer_is_quiet(const struct weir_channel *channel);

/* Are calls counted at their subchannels? If so, on_detached of their transports. */
bool balancer_counts(const struct weir_channel *channel);
void balancer_call_is_over(struct rpc_transport *transport, struct weir_call *call);

/* Another policy, which is adopted: its subchannels come with the next update. */
void balancer_switch(struct weir_channel *channel, struct client_balancer *fresh);

/* ---- service_config.c ---- */

/* INVALID_ARGUMENT: the service config, or the balancer's name, cannot be. */
WEIR_CHECK weir_code service_config_init(
    struct weir_channel *channel, const struct weir_channel_options *options);
void service_config_fini(struct weir_channel *channel);

/* The resolver's, NULL: it has none. A balancer_update must follow. */
void service_config_heed(struct weir_channel *channel, const char *text);

/* ---- subchannel.c ---- */

/* A delay that grows by 1.6 each time, with a jitter of 20 % either way (connection-backoff.md). */
int64_t client_next_backoff(const struct weir_channel *channel, int64_t *backoff);

/* Adopts what is in `endpoints`. NULL: no memory. */
struct weir_subchannel *subchannel_new(
    struct weir_channel *channel, struct client_endpoints *endpoints, size_t data_size);

/* Begin to connect, unless it is connected or connecting, or its backoff is not over. */
void subchannel_need(struct weir_subchannel *subchannel);

/* Every connection has as many streams as its server allows: begin to connect once more, if that is
 * wanted. */
void subchannel_grow(struct weir_subchannel *subchannel);

/* It takes no more calls; freed when its last one has ended. */
void subchannel_remove(struct weir_subchannel *subchannel);

/* Drop what is under way and every connection; freed soon. */
void subchannel_close(struct weir_subchannel *subchannel);

/* What its connections tell it: one is ready; the last one that took calls takes none any more; one
 * could not be made, or was lost before it was ready; one is gone. */
void subchannel_is_ready(struct client_conn *conn);
void subchannel_is_lost(struct weir_subchannel *subchannel);
void subchannel_go_on(struct weir_subchannel *subchannel, const char *why);
void subchannel_let_go(struct weir_subchannel *subchannel);

/* ---- conn.c ---- */

/* HTTP/2, and TLS if need be, on a connection, which is adopted. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code conn_open(struct weir_subchannel *subchannel, struct net_conn *net);
void conn_close(struct client_conn *conn, const char *why);

/* The next call takes another connection. This one is closed when its last stream is done. */
void conn_leave(struct client_conn *conn);
bool conn_takes_calls(const struct client_conn *conn);

/* One that has a stream for a new call. NULL: none. */
struct client_conn *conn_with_room(const struct weir_subchannel *subchannel);
