/* SPDX-License-Identifier: Apache-2.0 */
/* The internals of a channel: resolver, balancer, subchannels, connections and waiting calls. */
/* Threads: everything belongs to the loop's thread, except the pool of calls, which has a lock. */
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

/* The fields that every request of a method begins with. They have storage of their own because
 * hpack recognises them by address. */
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

/* A server as reported by the resolver. */
struct client_endpoint {
    char *address;
    unsigned weight;
    struct weir_attribute *attributes; /* keys and values are owned */
    size_t attribute_count;
};

struct client_endpoints {
    struct client_endpoint *list;
    size_t count;
};

/* A channel's resolver, and the handle through which it reports its results. */
struct weir_resolver {
    struct weir_channel *channel;
    const struct weir_resolver_type *type;
    void *self;
    bool asked;
    bool listed; /* it has reported a list */
    struct loop_task again;
    int64_t backoff, retry_at;
};

/* The load balancing policy in use. */
struct client_balancer {
    const struct weir_balancer_type *type;
    void *self;
    struct weir_subchannel **ready; /* those that may be picked; has room for all */
    size_t ready_count, room;
    struct weir_ready choice; /* of the pick in progress */
};

/* The sources of the service config; the config in force is weir_channel.config. */
struct client_service_config {
    const struct weir_service_config *own;           /* from the channel's options; may be NULL */
    const struct weir_service_config_format *format; /* NULL: the resolver's is ignored */
    void (*refused)(void *self, const char *why);    /* may be NULL */
    void *refused_self;
    bool in_dns;         /* DNS lookups also ask for it */
    char *balancer_name; /* used if no config names one; NULL: pick_first */
    bool judged;         /* the options enable outlier detection */
    struct weir_outlier_options outliers;
    char *text;        /* the resolver's latest, valid or not; NULL: none */
    struct buf chosen; /* the balancer in use and its options, serialised */
};

struct weir_channel {
    weir_loop *loop;
    struct client_target target;
    struct client_proxy proxy;
    struct weir_server *server;    /* in this process; NULL: the target's addresses are used */
    weir_tls *tls;                 /* NULL: plain text */
    weir_pool *pool;               /* runs DNS lookups; may be NULL */
    const weir_catalog *catalog;   /* may be NULL */
    weir_credentials *credentials; /* NULL: none */
    char *authority, *user_agent;
    char *destination; /* the target and the proxy in between, for messages */
    struct call_shared shared;
    struct rpc_keepalive keepalive;
    size_t max_header_list;
    int64_t connect_timeout;
    int64_t idle_timeout;
    int64_t initial_backoff, max_backoff;
    unsigned max_connections; /* per subchannel */

    weir_connectivity state; /* in FAILURE calls fail with `why` */
    char why[768];           /* of the last failure */
    struct list watchers;    /* channel_watcher: wait for the state to change */
    struct weir_resolver resolver;
    struct client_balancer balancer;
    struct outlier_judge judge;
    struct list subchannels; /* of the latest list, in its order */
    struct list parting;     /* no longer in the list, but with calls in progress */
    bool wanted;             /* connect as soon as there is a list */
    int64_t wanted_at;       /* when a call last found no connection */
    bool resting;            /* idle: its connections were closed because there were no calls */
    uint64_t uses;           /* streams opened */
    uint64_t calls_started, calls_succeeded, calls_failed; /* see weir/connections.h */
    int64_t last_call;
    uint64_t last_subchannel, last_connection; /* the last numbers given out */
    struct loop_timer
        retry; /* starts the next connection attempt while wait-for-ready calls wait for one */
    struct list waiting; /* client_waiter: calls for which no subchannel could be picked */
    size_t retry_buffer; /* bytes of sent messages that a call keeps for retries */
    struct client_service_config service;
    struct client_config *config; /* in force; NULL: none */
    struct retry_throttle throttle;

    struct rpc_chain chain;
    size_t held;           /* freed calls that still have a fiber running */
    struct fiber *leaving; /* in weir_channel_free, waiting for them */

    struct map methods; /* path -> client_method */
    struct client_method *method_list;
    struct client_method *last_method; /* looked up; NULL: none */

    struct call_pool loops_calls; /* for fibers of the channel's loop */

    pthread_mutex_t lock;
    struct call_pool calls; /* for all others */
};

/* Connections to one server, or with pick_first to the first that answers of several. */
struct weir_subchannel {
    struct list link;
    uint64_t number;
    struct weir_subchannel_stats past; /* counts of closed connections */
    struct weir_channel *channel;
    struct client_endpoints endpoints;
    weir_connectivity state; /* in FAILURE until retry_at */
    bool failing;            /* an attempt has failed since it was last READY */
    bool removed;
    bool picked;                             /* is in the balancer's `ready` */
    unsigned calls;                          /* in progress, see balancer_counts */
    void *data;                              /* the balancer's */
    enum health health;                      /* while READY */
    struct conn_watch *watches[WATCH_KINDS]; /* NULL: no stream */
    struct outlier_record record;

    struct list conns;        /* all: connecting, ready and draining */
    struct client_conn *conn; /* the newest that accepts calls; NULL unless READY */
    bool growing;             /* another connection is being made while others are ready */
    int64_t grow_at;          /* no further connection before this, after one failed */
    struct list waiting;      /* client_waiter: calls queued for a stream */

    size_t looked_up;             /* endpoints resolved so far */
    struct client_lookup *lookup; /* in progress, else NULL */
    struct net_address *addresses;
    size_t address_count;
    struct client_race race;
    int64_t connect_until; /* the attempt's deadline */
    int64_t backoff, retry_at, ready_at;
    struct loop_timer retry; /* fires at retry_at; while READY, at grow_at */
    char why[256];           /* of the last failure */
    struct loop_task reap;
};

struct client_conn {
    struct rpc_transport transport;
    struct weir_subchannel *subchannel;
    struct list link;
    struct loop_timer timer; /* for the server's SETTINGS, then for the idle timeout */
    struct loop_task reap;
    uint64_t number;
    int64_t since;
    bool ready;    /* SETTINGS have arrived; before that it takes part in the subchannel's race */
    bool left;     /* accepts no new calls */
    bool used;     /* since the timer fired last */
    uint64_t uses; /* the channel's `uses` at that time */
    char peer[NET_ADDRESS_TEXT];
};

/* A call waiting for a stream. */
struct client_waiter {
    struct list link;
    struct weir_call *call;
    struct weir_subchannel *subchannel; /* in whose queue it is, else NULL */
};

/* A connection opens no streams beyond this ID (three quarters of all), which leaves time to make
 * the next connection. */
#define CLIENT_LAST_STREAM 0x5fffff00u

/* Attach the call to a stream of a ready connection, connecting if necessary. UNAVAILABLE: the
 * server cannot be reached; the call has the reason. Suspends. */
weir_code client_acquire(struct weir_channel *channel, struct weir_call *call);

/* A call object from the pool, or a new one. NULL: no memory. Safe from any thread. */
struct weir_call *client_take_call(struct weir_channel *channel);

/* Make weir_channel_free wait for a fiber of a call that the user has freed already, until the
 * matching client_let_go. */
void client_hold(struct weir_channel *channel);
void client_let_go(struct weir_channel *channel);

/* The header fields of a method, created at its first use. NULL: no memory. */
const struct client_method *client_method_lookup(
    struct weir_channel *channel, const struct weir_method *asked);

/* ---- look.c ---- */

/* Add a connection's counts to its subchannel's, before it is closed. */
void client_keep_counts(struct client_conn *conn);

/* ---- state.c ---- */

/* Change the state and wake its watchers. */
void client_set_state(struct weir_channel *channel, weir_connectivity state);

/* ---- line.c ---- */

/* Wake every call for which no subchannel could be picked, since something has changed. */
void client_wake(struct weir_channel *channel);

/* Wake the first call in the subchannel's queue if there may be a stream for it; it wakes the next
 * one when it leaves the queue. */
void client_wake_first(struct weir_subchannel *subchannel);

/* Empty the queue; a subchannel is picked anew for each of its calls. */
void client_dissolve_line(struct weir_subchannel *subchannel);

/* Wait for the resolver's first list, with which its service config arrives; not if the channel
 * fails and the call is not wait-for-ready. Suspends. */
void client_await_config(struct weir_channel *channel, struct weir_call *call);

/* ---- resolver.c ---- */

/* INVALID_ARGUMENT: the resolver rejects the target. */
WEIR_CHECK weir_code resolver_init(struct weir_channel *channel);

/* Start resolving, unless the servers are known, it runs already, or its backoff has not ended. */
void resolver_need(struct weir_resolver *resolver);

/* Resolve again because a server cannot be reached: there may be others by now. */
void resolver_ask_again(struct weir_resolver *resolver);

/* Suspends. */
void resolver_fini(struct weir_resolver *resolver);

/* The built-in ones: the addresses in the target itself, and a name in DNS. */
extern const struct weir_resolver_type resolver_static, resolver_dns;

/* ---- endpoints.c ---- */

/* A copy without duplicates. INVALID_ARGUMENT: an address is malformed. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_CHECK weir_code endpoints_copy(
    const struct weir_resolution *resolution, struct client_endpoints *out_endpoints);
void endpoints_fini(struct client_endpoints *endpoints);

/* A map by address; borrows the addresses. False: no memory; there is no map. */
WEIR_CHECK bool endpoints_index(const struct client_endpoints *endpoints, struct map *out_map);

/* Are the addresses the same, in any order? False also if there is no memory to find out. */
bool endpoints_equal(const struct client_endpoints *a, const struct client_endpoints *b);

/* Could `peer` (from net_address_format, with its family) be the peer of a connection to any of
 * them? */
bool endpoints_have_peer(const struct client_endpoints *endpoints, const char *peer);

/* All orders are equally likely. */
void endpoints_shuffle(struct client_endpoints *endpoints);

/* Move an endpoint out of its list into a new list. False: no memory. */
bool endpoints_take(struct client_endpoint *from, struct client_endpoints *out_endpoints);

/* ---- balancer.c ---- */

/* Not OK: no memory, or the policy rejects its options; the error has the reason. */
WEIR_CHECK weir_code balancer_init(struct client_balancer *balancer,
    const struct weir_balancer_type *type, const struct weir_value *options,
    struct weir_value_error *error);
void balancer_fini(struct client_balancer *balancer);

/* Close every subchannel and abort what is in progress. */
void balancer_close(struct weir_channel *channel);

/* Apply a new list, from which the needed endpoints are moved. RESOURCE_EXHAUSTED: no memory;
 * nothing has changed. */
WEIR_CHECK weir_code balancer_update(
    struct weir_channel *channel, struct client_endpoints *endpoints);

/* The resolver failed for this reason. */
void balancer_fail(struct weir_channel *channel, const char *why);

/* A subchannel's state has changed; updates the channel's. */
void balancer_changed(struct weir_subchannel *subchannel);

/* Outliers were ejected or returned; updates the set of subchannels to pick from. */
void balancer_review(struct weir_channel *channel);

/* The subchannel for a call. NULL: none is ready. */
struct weir_subchannel *balancer_pick(struct weir_channel *channel, const struct weir_call *call);

/* A call needs a connection and none is ready. */
void balancer_need(struct weir_channel *channel);

/* When balancer_need may next help, after a failure. */
int64_t balancer_retry_at(const struct weir_channel *channel);

/* Go idle: close every connection until the next call. */
void balancer_rest(struct weir_channel *channel);

/* Is no stream open on any connection? */
bool balancer_is_quiet(const struct weir_channel *channel);

/* Are the calls of each subchannel counted? If so, balancer_call_is_over must be the `detached`
 * function of the transports. */
bool balancer_counts(const struct weir_channel *channel);
void balancer_call_is_over(struct rpc_transport *transport, struct weir_call *call);

/* Switch to another policy, which is adopted; it gets its subchannels with the next update. */
void balancer_switch(struct weir_channel *channel, struct client_balancer *fresh);

/* ---- service_config.c ---- */

/* INVALID_ARGUMENT: the service config is not valid, or the balancer is unknown. */
WEIR_CHECK weir_code service_config_init(
    struct weir_channel *channel, const struct weir_channel_options *options);
void service_config_fini(struct weir_channel *channel);

/* Apply the resolver's service config; NULL: it has none. A balancer_update must follow. */
void service_config_heed(struct weir_channel *channel, const char *text);

/* ---- subchannel.c ---- */

/* A delay that grows by 1.6 each time, with a jitter of 20 % either way (connection-backoff.md). */
int64_t client_next_backoff(const struct weir_channel *channel, int64_t *backoff);

/* Adopts the contents of `endpoints`. NULL: no memory. */
struct weir_subchannel *subchannel_new(
    struct weir_channel *channel, struct client_endpoints *endpoints, size_t data_size);

/* Start connecting, unless it is connected or connecting, or its backoff has not ended. */
void subchannel_need(struct weir_subchannel *subchannel);

/* All connections are at the server's MAX_CONCURRENT_STREAMS: start another one, if the options
 * allow it. */
void subchannel_grow(struct weir_subchannel *subchannel);

/* Accept no more calls; freed when the last one has ended. */
void subchannel_remove(struct weir_subchannel *subchannel);

/* Abort what is in progress and close every connection; freed on a later turn. */
void subchannel_close(struct weir_subchannel *subchannel);

/* Reports from its connections: one is ready; the last one that accepted calls no longer does; one
 * could not be made, or was lost before it was ready; one was closed. */
void subchannel_is_ready(struct client_conn *conn);
void subchannel_is_lost(struct weir_subchannel *subchannel);
void subchannel_go_on(struct weir_subchannel *subchannel, const char *why);
void subchannel_let_go(struct weir_subchannel *subchannel);

/* ---- conn.c ---- */

/* Start HTTP/2, and TLS if configured, on a connection, which is adopted. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_CHECK weir_code conn_open(struct weir_subchannel *subchannel, struct net_conn *net);
void conn_close(struct client_conn *conn, const char *why);

/* Accept no new calls; the connection is closed when its last stream has ended. */
void conn_leave(struct client_conn *conn);
bool conn_takes_calls(const struct client_conn *conn);

/* A connection with room for another stream. NULL: none. */
struct client_conn *conn_with_room(const struct weir_subchannel *subchannel);
