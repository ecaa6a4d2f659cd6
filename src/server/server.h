/* SPDX-License-Identifier: Apache-2.0 */
/* The internals of a server: loops, their connections, and the methods of all. */
/* Threads: methods and the chain are constant while it runs; a server_loop belongs to its thread.
 */
#pragma once

#include "base/map.h"
#include "rpc/call.h"
#include "rpc/chain.h"
#include <pthread.h>
#include <weir/http.h>
#include <weir/stats.h>

/* A method of an added service; also the tag of memoised header blocks. */
struct server_entry {
    const struct weir_method *method;
    weir_str path; /* of the method */
    const struct weir_service *service;
    const void *handlers;
    void *self;
};

struct server_service {
    struct server_service *next;
    const struct weir_service *service;
    struct server_entry entries[];
};

enum server_address_kind { SERVER_TCP, SERVER_UNIX, SERVER_HTTP };

/* An address that the server listens on. */
struct server_address {
    char text[NET_ADDRESS_TEXT];
    int *fds; /* the listening sockets, -1 once a listener owns them. Those of SERVER_TCP are spread
                 over the loops, the others belong to the first loop */
    const int *sockets; /* a copy, stored after them, for weir_server_socket */
    size_t fd_count;
    enum server_address_kind kind;
};

/* A path for HTTP requests. */
struct server_path {
    struct server_path *next;
    weir_http_handler *handler;
    void *self;
};

/* What an address is penalised for; see penalty.c. */
enum server_offence {
    SERVER_FUTILE,  /* a useless connection: without a call, refused, or closed for its PINGs */
    SERVER_HARMFUL, /* a connection that violated the protocol or another limit */
    SERVER_OFFENCES,
};

/* The counters of a loop; see weir/stats.h. */
struct server_counters {
    _Atomic uint64_t accepted, refused, live, handshakes_failed;
    _Atomic uint64_t calls_started, calls_refused, calls_live;
    _Atomic uint64_t calls_succeeded, calls_failed;
    _Atomic uint64_t last_call; /* when it started */
    _Atomic uint64_t http_requests, http_live;
    _Atomic uint64_t limit_hits[WEIR_LIMIT_COUNT]; /* except those counted in h2 */
    _Atomic uint64_t offences[SERVER_OFFENCES];
    struct h2_stats h2;
    struct net_counters net;
    struct rpc_traffic traffic;
};

/* An adopted listening socket that no address uses yet. */
struct server_inherited {
    int fd;
    char text[NET_ADDRESS_TEXT];
};

struct server_listeners {
    struct net_listener **items;
    size_t count;
};

/* The number of connections of each address, over all loops. */
struct server_crowd {
    pthread_mutex_t lock;
    struct crowd_place *places; /* open addressing, a power of two; NULL while empty */
    size_t size, used;
    uint64_t seed;
};

/* The debts of addresses for harmful or useless connections; see penalty.c. */
struct server_penalties {
    pthread_mutex_t lock;
    struct penalty_place *places; /* NULL until there is a debt */
    _Atomic int64_t over;         /* from this time on no address is held back */
    struct net_network *trusted;  /* exempt; constant once the server runs */
    size_t trusted_count;
    bool chosen; /* networks were given; otherwise loopback is exempt */
    uint64_t seed;
};

/* The state of a loop's packet filter; see gate.c. */
struct server_gate {
    struct loop_timer timer;
    int64_t told_at, told_before; /* the times of the last update and the one before it */
};

struct server_loop {
    struct weir_server *server;
    weir_loop *loop;
    pthread_t thread;
    uv_async_t wake; /* a drain was requested; the only field that a signal handler may access */
    struct server_listeners listeners, http_listeners;
    struct list conns;
    struct list http_conns; /* first loop only */
    struct server_counters stats;
    struct call_shared shared;
    struct server_entry *last; /* last method looked up; NULL: none */
    struct h2_budget unread;   /* this loop's share of options.max_unread and max_held */
    struct buf_pool outputs;   /* output buffers of its connections */
    struct call_pool pool;
    struct loop_timer grace;
    struct server_gate gate;
    struct loop_timer rest; /* periodic passes; runs while there are connections, or memory that
                               idle ones have freed is to be returned to the system */
    size_t rested;          /* connections that have freed memory since the last trim */
    bool ended;             /* a connection has ended since the last trim */
    int64_t look_at;        /* no trim before this, on the clock of weir_now */
    size_t least_slack;     /* least slack of the allocator seen since the last trim */
    bool draining;
    bool idle; /* draining, without connections and calls */
    pthread_mutex_t survey_lock;
    unsigned asked; /* under the lock: surveys to answer, see connections.c, and pipes to be taken
                       over */
    bool gone;      /* under the lock: has ended, answers no more */
};

struct weir_server {
    struct weir_server_options options;
    _Atomic uint64_t too_large; /* messages */
    struct map methods;         /* path -> server_entry */
    struct map names;           /* service name -> server_service */
    struct server_service *services;
    struct rpc_chain chain;
    struct map paths; /* path -> server_path */
    struct server_path *first_path;
    struct server_address **addresses; /* allocated one by one, because their texts are lent out */
    size_t address_count;
    struct server_inherited *inherited;
    size_t inherited_count;
    atomic_uint connections;      /* over all loops */
    _Atomic uint64_t last_number; /* the last connection number given out */
    atomic_bool shared;           /* see weir_server_share_sockets */
    atomic_bool in_process;       /* there may be channels to it in this process */
    atomic_uint next_pipe;        /* the loop for the next connection of these channels */
    bool runs;                    /* weir_server_run has been called */
    struct server_crowd crowd;
    struct server_penalties penalties;
    struct server_loop *loops;
    unsigned next_loop;          /* for the connections of Unix sockets */
    _Atomic int64_t drain_until; /* WEIR_NEVER: not draining */
    atomic_uint busy_loops;      /* loops that are not idle */
    atomic_bool cut;
    char error[256];
};

struct server_conn {
    struct server_loop *home;
    bool called; /* there was a call since the last pass */
    struct rpc_transport transport;
    struct list link;
    struct loop_timer timer; /* for the handshake, then for the second GOAWAY */
    struct loop_task reap;
    uint64_t number; /* see weir/connections.h */
    int64_t since;
    int64_t leaves_at;    /* when it reaches the maximum age */
    int64_t ends_at;      /* when the grace period after that ends */
    int64_t idle_since;   /* no call was seen since */
    int64_t drains_since; /* when its calls were notified of the drain; 0: not draining */
    bool leaving;         /* draining because of its age, or because it is idle */
    bool ready;
    uint8_t unacked;          /* passes without an acknowledgement of our SETTINGS */
    int64_t untaken_since;    /* since when output has waited for the socket, as seen by a pass */
    uint64_t untaken_written; /* transport.written at that time */
};

/* Minimum time between two passes over all connections. */
#define SERVER_PASS_PERIOD (2 * WEIR_SECOND)

/* The function of a loop's timer: a pass. Idle connections release memory, after one to two
 * periods. */
void server_loop_rest(struct loop_timer *timer);

/* Serve a connection, which is adopted, even on failure. */
void server_conn_start(struct server_loop *home, struct net_conn *net);

/* Expect connections from this process, so that the server may run without an address. */
void server_expect_pipes(struct weir_server *server);

/* A connection from a channel in this process; adopts the end. False: the server has ended, or no
 * memory. Safe from any thread. */
bool server_take_pipe(struct weir_server *server, struct net_pipe_end *end);

/* Send the first GOAWAY; the second follows the client's PING ack, or after five seconds. */
void server_conn_drain(struct server_conn *conn, const char *why);
void server_conn_close(struct server_conn *conn, const char *why);

/* The maximum age and idle time: set at the start, checked at each pass of server_loop_rest. */
void server_conn_born(struct server_conn *conn);
void server_conn_age(struct server_conn *conn);

/* Is the client too slow? Called at each pass of server_loop_rest. Returns the reason to close the
 * connection, or NULL. Ends calls that have waited for the client for too long. */
const char *server_conn_stalls(struct server_conn *conn);

void server_crowd_init(struct server_crowd *crowd);
void server_crowd_fini(struct server_crowd *crowd);

/* Count one more connection of an address. False: it would exceed `most`, or there is no memory. */
WEIR_CHECK bool server_crowd_enter(
    struct server_crowd *crowd, const struct net_address *peer, unsigned most);
void server_crowd_leave(struct server_crowd *crowd, const struct net_address *peer);

void server_penalties_init(struct server_penalties *penalties);
void server_penalties_fini(struct server_penalties *penalties);

/* As weir_server_trust. */
WEIR_CHECK weir_code server_penalties_trust(struct server_penalties *penalties, const char *text);

/* Add an offence to an address's debt. True: the address is held back. */
bool server_penalty_note(struct server_penalties *penalties, const struct net_address *peer,
    enum server_offence offence, int64_t now);

enum server_verdict {
    SERVER_WELCOME,
    SERVER_HELD_BACK, /* accept this one; the next one has to wait */
    SERVER_REFUSED,
};

/* May this address make another connection? */
enum server_verdict server_penalty_judge(
    struct server_penalties *penalties, const struct net_address *peer, int64_t now);

/* Up to `max` addresses whose connections are refused now. *out_until: when the first of them may
 * connect, WEIR_NEVER if there are none. */
size_t server_penalty_list(struct server_penalties *penalties, int64_t now,
    struct net_origin *out_origins, size_t max, int64_t *out_until);

/* The number of addresses that are held back. */
size_t server_penalty_count(struct server_penalties *penalties, int64_t now);

/* Check each connection of a loop's TCP listener; and update the loop's packet filter soon after a
 * change. gate.c. */
void server_gate_init(struct server_loop *home);
bool server_gate_admits(void *home, const struct net_address *peer);
void server_gate_changed(struct server_loop *home);

/* Handle a new request. */
void server_dispatch(struct rpc_transport *transport, const struct h2_event *event);

/* The innermost step of a server's chain. */
weir_interceptor server_run_handler;

/* An event of a waiting request; see rpc_transport_events. */
struct weir_call *server_awaited(struct rpc_transport *transport, const struct h2_event *event);

/* End a request that waits as a marked stream with this status, without running its handler. */
void server_end_waiting(
    struct rpc_transport *transport, struct h2_stream *stream, weir_code code, const char *why);

/* The connection closes: drop its waiting requests. */
void server_drop_waiting(struct server_conn *conn);

/* Stop the loop if it drains and has nothing left to do. */
void server_loop_check_done(struct server_loop *home);

/* May a loop that has nothing left to do stop? Not while weir_server_connections awaits its answer;
 * once true, the loop gets no more requests to answer. */
bool server_loop_leave(struct server_loop *home);

/* React to weir_server_drain. */
void server_loop_drain(struct server_loop *home);

/* FAILED_PRECONDITION, naming `what`, if the server runs already: the set-up is constant from then
 * on. */
weir_code server_check_setup(struct weir_server *server, const char *what);

/* Record the error message and return the code. */
weir_code server_fail(
    struct weir_server *server, weir_code code, const char *what, const char *why);

bool server_loops_new(struct weir_server *server);
void server_loops_free(struct weir_server *server);

/* Run every loop until drained. False: a thread could not be started; all loops were stopped. */
bool server_loops_run(struct weir_server *server);

void server_listeners_close(const struct weir_server *server, struct server_listeners *listeners);

/* Start accepting on every address. False: no memory. */
bool server_accept_on_all(struct weir_server *server);
void server_addresses_free(struct weir_server *server);
