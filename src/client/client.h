/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a channel: its connection, who waits for it, its methods' header fields. */
/* Threads: everything belongs to the loop's thread, but for the pool of calls, which has a
 * lock. */
#pragma once

#include "base/map.h"
#include "client/race.h"
#include "client/target.h"
#include "rpc/call.h"
#include "rpc/chain.h"
#include <pthread.h>
#include <weir/channel.h>
#include <weir/credentials.h>
#include <weir/pool.h>

/* The fields that every request of a method begins with, in storage of their own: hpack knows them
 * by address. */
#define CLIENT_PSEUDO_FIELDS 4
#define CLIENT_FIELDS 8

struct client_method {
    struct client_method *next;
    char *path;
    struct h2_field fields[CLIENT_FIELDS]; /* pseudo-header fields first */
};

struct client_conn;
struct client_lookup;

struct weir_channel {
    weir_loop *loop;
    struct client_target target;
    weir_tls *tls;                 /* NULL: plain text */
    weir_pool *pool;               /* where names are looked up; may be NULL */
    weir_credentials *credentials; /* NULL: none */
    char *authority, *user_agent;
    struct call_shared shared;
    struct rpc_keepalive keepalive;
    size_t max_header_list;
    int64_t connect_timeout;

    weir_connectivity state; /* FAILURE: until retry_at calls fail with the reason */
    struct list watchers;    /* channel_watcher: who waits for another state */
    int64_t idle_timeout;
    unsigned max_connections;
    bool growing;                 /* a further connection is under way while others are ready */
    int64_t grow_at;              /* not before this, since one has failed */
    struct client_conn *pending;  /* waits for SETTINGS; NULL: none */
    struct client_conn *conn;     /* the newest that takes calls; NULL unless ready */
    struct list conns;            /* all, those that are drained included */
    struct client_lookup *lookup; /* under way, else NULL */
    struct client_race race;
    int64_t connect_until; /* the attempt's deadline */
    int64_t backoff, retry_at;
    struct loop_timer
        retry;           /* at retry_at, while calls wait for a connection however long it takes */
    char why[512];       /* of the last failure */
    struct list waiting; /* client_waiter: calls that need a stream */
    size_t retry_buffer; /* bytes of what a call has sent that are kept for another attempt */

    struct rpc_link *links; /* interceptors */
    size_t link_count;
    size_t held;           /* calls that were freed while something of theirs still runs */
    struct fiber *leaving; /* weir_channel_free, which waits for them */

    struct map methods; /* path -> client_method */
    struct client_method *method_list;

    pthread_mutex_t lock;
    struct call_pool calls;
};

struct client_conn {
    struct rpc_transport transport;
    struct weir_channel *channel;
    struct list link;
    struct loop_timer timer; /* for the server's SETTINGS, then for idleness */
    struct loop_task reap;
    bool ready;
    bool left; /* it takes no new calls */
    bool used; /* since the timer fired last */
    char peer[NET_ADDRESS_TEXT];
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

/* Once, before it connects. */
void client_init_race(struct weir_channel *channel);

/* Change the state, and wake who watches it. */
void client_set_state(struct weir_channel *channel, weir_connectivity state);

/* Begin to connect; ends in client_state READY or FAILED, and wakes who waits. */
void client_connect(struct weir_channel *channel);

/* The same, unless it is connected or connecting, or its backoff is not over. */
void client_need_conn(struct weir_channel *channel);

/* A connection that has a stream for a new call. NULL: none. */
struct client_conn *client_conn_with_room(const struct weir_channel *channel);

/* Every connection has as many streams as its server allows: begin to connect once more, if that is
 * wanted. */
void client_grow(struct weir_channel *channel);

/* Drop what is under way and every connection. */
void client_disconnect(struct weir_channel *channel);

/* Wake every call that waits for a stream: the channel's state has changed. */
void client_wake(struct weir_channel *channel);

/* Wake the first in line when there may be a stream for it; it wakes the next when it leaves. */
void client_wake_first(struct weir_channel *channel);

/* The next call takes another connection. This one is closed when its last stream is done. */
void client_leave(struct client_conn *conn);
