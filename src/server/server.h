/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a server: its loops, the connections of each, the methods of all. */
/* Threads: methods and the chain are constant while it runs; a server_loop belongs to its thread.
 */
#pragma once

#include "base/map.h"
#include "rpc/call.h"
#include "rpc/chain.h"
#include <pthread.h>
#include <weir/http.h>
#include <weir/stats.h>

/* A method as it was offered: the tag of memoised header blocks. */
struct server_entry {
    const struct weir_method *method;
    weir_str path; /* the method's */
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
    int *fds; /* the listening sockets, -1 once a listener owns them; TCP's of calls go round the
                 loops, the others are the first loop's */
    const int *sockets; /* the same, behind them, to be told to others */
    size_t fd_count;
    enum server_address_kind kind;
};

/* A path that HTTP requests are answered on. */
struct server_path {
    struct server_path *next;
    weir_http_handler *handler;
    void *self;
};

/* What an address pays for; see penalty.c. */
enum server_offence {
    SERVER_FUTILE,  /* a connection that was of no use: without a call, refused, or ended for PINGs
                     */
    SERVER_HARMFUL, /* one that broke the rules, or another limit */
    SERVER_OFFENCES,
};

/* What a loop counts; see weir/stats.h. */
struct server_counters {
    _Atomic uint64_t accepted, refused, live, handshakes_failed;
    _Atomic uint64_t calls_started, calls_refused, calls_live;
    _Atomic uint64_t calls_succeeded, calls_failed;
    _Atomic uint64_t last_call; /* when it began */
    _Atomic uint64_t http_requests, http_live;
    _Atomic uint64_t limit_hits[WEIR_LIMIT_COUNT]; /* but for those of h2 */
    _Atomic uint64_t offences[SERVER_OFFENCES];
    struct h2_stats h2;
    struct net_counters net;
    struct rpc_traffic traffic;
};

/* A socket that listens already, and that no address uses yet. */
struct server_inherited {
    int fd;
    char text[NET_ADDRESS_TEXT];
};

struct server_listeners {
    struct net_listener **items;
    size_t count;
};

/* How many connections each address has, of all loops. */
struct server_crowd {
    pthread_mutex_t lock;
    struct crowd_place *places; /* open addressing, a power of two of them; NULL while empty */
    size_t size, used;
    uint64_t seed;
};

/* What addresses owe for connections that did harm, or no good; see penalty.c. */
struct server_penalties {
    pthread_mutex_t lock;
    struct penalty_place *places; /* NULL until somebody owes something */
    _Atomic int64_t over;         /* from then on nobody is held back */
    struct net_network *trusted;  /* owe nothing; settled before the server runs */
    size_t trusted_count;
    bool chosen; /* whom to trust; until then loopback is */
    uint64_t seed;
};

/* Does a loop's kernel know whom to keep out? */
struct server_gate {
    struct loop_timer timer;
    int64_t told_at, told_before; /* the last time, and the one before */
};

struct server_loop {
    struct weir_server *server;
    weir_loop *loop;
    pthread_t thread;
    uv_async_t wake; /* a drain was asked for; the one thing that a signal handler may touch */
    struct server_listeners listeners, http_listeners;
    struct list conns;
    struct list http_conns; /* of the first loop */
    struct server_counters stats;
    struct call_shared shared;
    struct server_entry *last; /* that was asked for by its path; NULL: none */
    struct h2_budget unread;   /* this loop's part of options.max_unread, and of max_held */
    struct buf_pool outputs;   /* of its connections */
    struct call_pool pool;
    struct loop_timer grace;
    struct server_gate gate;
    struct loop_timer rest; /* runs while there are connections: quiet ones give memory back; or
                               until that is passed on */
    size_t rested;          /* so many have, since the allocator was asked to pass it on */
    bool ended;             /* one has, since then */
    int64_t look_at;        /* when that may be asked again, on the clock of weir_now */
    size_t least_slack;     /* of memory, since it was passed on */
    bool draining;
    bool idle; /* draining, and without connections and calls */
    pthread_mutex_t survey_lock;
    unsigned asked; /* under the lock: answers that it owes, see connections.c, and pipes that it
                       has not taken yet */
    bool gone;      /* under the lock: it answers no more */
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
    struct server_address **addresses; /* one by one, since their texts are lent */
    size_t address_count;
    struct server_inherited *inherited;
    size_t inherited_count;
    atomic_uint connections;      /* on all loops */
    _Atomic uint64_t last_number; /* of a connection */
    atomic_bool shared;           /* see weir_server_share_sockets */
    atomic_bool in_process;       /* there are channels to it in this process */
    atomic_uint next_pipe;        /* the loop for their next connection */
    bool runs;                    /* weir_server_run was called */
    struct server_crowd crowd;
    struct server_penalties penalties;
    struct server_loop *loops;
    unsigned next_loop;          /* for the connections of Unix sockets */
    _Atomic int64_t drain_until; /* WEIR_NEVER: not draining */
    atomic_uint busy_loops;      /* that are not idle */
    atomic_bool cut;
    char error[256];
};

struct server_conn {
    struct server_loop *home;
    bool called; /* since the last pass */
    struct rpc_transport transport;
    struct list link;
    struct loop_timer timer; /* handshake, then the second GOAWAY */
    struct loop_task reap;
    uint64_t number; /* see weir/connections.h */
    int64_t since;
    int64_t leaves_at;    /* its greatest age */
    int64_t ends_at;      /* the end of the grace after that */
    int64_t idle_since;   /* no call was seen after it */
    int64_t drains_since; /* its calls were told; 0: it does not */
    bool leaving;         /* for its age, or for want of calls */
    bool ready;
    uint8_t unacked;          /* rest periods without an acknowledgement of our SETTINGS */
    int64_t untaken_since;    /* what is written waits for the socket; as of a pass */
    uint64_t untaken_written; /* and what the transport had written then */
};

/* Between two passes over all connections, at least. */
#define SERVER_PASS_PERIOD (2 * WEIR_SECOND)

/* A loop's timer: a pass. Quiet connections give memory back, after one to two periods. */
void server_loop_rest(struct loop_timer *timer);

/* Take a connection over, whatever happens. */
void server_conn_start(struct server_loop *home, struct net_conn *net);

/* There will be connections from this process, so it may run without an address. */
void server_expect_pipes(struct weir_server *server);

/* A connection from a channel in this process; the end is taken over. False: the server has come to
 * its end, or no memory. From any thread. */
bool server_take_pipe(struct weir_server *server, struct net_pipe_end *end);

/* First GOAWAY; the second follows the client's PING ack, or after five seconds. */
void server_conn_drain(struct server_conn *conn, const char *why);
void server_conn_close(struct server_conn *conn, const char *why);

/* How long it stays: from its beginning on, and at each pass of server_loop_rest. */
void server_conn_born(struct server_conn *conn);
void server_conn_age(struct server_conn *conn);

/* Is the client too slow? At each pass of server_loop_rest: why it has to go, NULL: it may stay.
 * Ends calls that wait too long for it. */
const char *server_conn_stalls(struct server_conn *conn);

void server_crowd_init(struct server_crowd *crowd);
void server_crowd_fini(struct server_crowd *crowd);

/* One more connection from there. False: it would be over `most`, or there is no memory. */
WEIR_CHECK bool server_crowd_enter(
    struct server_crowd *crowd, const struct net_address *peer, unsigned most);
void server_crowd_leave(struct server_crowd *crowd, const struct net_address *peer);

void server_penalties_init(struct server_penalties *penalties);
void server_penalties_fini(struct server_penalties *penalties);

/* As weir_server_trust. */
WEIR_CHECK weir_code server_penalties_trust(struct server_penalties *penalties, const char *text);

/* Hold it against an address. True: it is, or stays, held back. */
bool server_penalty_note(struct server_penalties *penalties, const struct net_address *peer,
    enum server_offence offence, int64_t now);

enum server_verdict {
    SERVER_WELCOME,
    SERVER_HELD_BACK, /* and now it is its turn: the next one has to wait */
    SERVER_REFUSED,
};

/* May one more connection of it come in? */
enum server_verdict server_penalty_judge(
    struct server_penalties *penalties, const struct net_address *peer, int64_t now);

/* Of whom connections are refused now, `max` at most. *out_until: when the first of them is let in,
 * WEIR_NEVER without any. */
size_t server_penalty_list(struct server_penalties *penalties, int64_t now,
    struct net_origin *out_origins, size_t max, int64_t *out_until);

/* Addresses of which new connections come in one by one, if at all. */
size_t server_penalty_count(struct server_penalties *penalties, int64_t now);

/* Ask on a loop's TCP listener; and let its kernel know soon of what has changed. gate.c. */
void server_gate_init(struct server_loop *home);
bool server_gate_admits(void *home, const struct net_address *peer);
void server_gate_changed(struct server_loop *home);

/* A new request has come. */
void server_dispatch(struct rpc_transport *transport, const struct h2_event *event);

/* The end of a server's chain. */
weir_interceptor server_run_handler;

/* So has what a request waited for; see rpc_transport_events. */
struct weir_call *server_awaited(struct rpc_transport *transport, const struct h2_event *event);

/* A request that waits as a marked stream ends with this status, without its handler. */
void server_end_waiting(
    struct rpc_transport *transport, struct h2_stream *stream, weir_code code, const char *why);

/* The connection closes: forget the requests that wait. */
void server_drop_waiting(struct server_conn *conn);

/* Stop the loop when it drains and nothing is left on it. */
void server_loop_check_done(struct server_loop *home);

/* A loop that is at its end asks whether it may stop: not while it owes an answer to
 * weir_server_connections, and once it may it gets no more to answer. */
bool server_loop_leave(struct server_loop *home);

/* React to weir_server_drain. */
void server_loop_drain(struct server_loop *home);

/* FAILED_PRECONDITION, of `what`: what is set up is constant once the server runs. */
weir_code server_check_setup(struct weir_server *server, const char *what);

/* Record why, and return the code. */
weir_code server_fail(
    struct weir_server *server, weir_code code, const char *what, const char *why);

bool server_loops_new(struct weir_server *server);
void server_loops_free(struct weir_server *server);

/* Turn every loop until drained. False: a thread could not be started; everything was stopped. */
bool server_loops_run(struct weir_server *server);

void server_listeners_close(const struct weir_server *server, struct server_listeners *listeners);

/* Begin to accept on every address. False: no memory. */
bool server_accept_on_all(struct weir_server *server);
void server_addresses_free(struct weir_server *server);
