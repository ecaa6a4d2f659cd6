/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection: handshake, draining, closing. */
#include "server/server.h"

#include "base/memory.h"
#include "rpc/deadline.h"
#include <stdlib.h>
#include <time.h>

#define DRAIN_PING 0x7765697264726169ULL
#define DRAIN_WAIT (5 * WEIR_SECOND)

/* For the handshake of a connection accepted right before the drain: its first call may already be
 * in the socket, and would be lost. */
#define DRAIN_HANDSHAKE (2 * WEIR_SECOND)

/* The number of passes within which a client must acknowledge our SETTINGS (RFC 9113, section
 * 6.5.3). */
#define UNACKED_MAX 15

static struct server_conn *
conn_of(struct rpc_transport *transport)
{
    return container_of(transport, struct server_conn, transport);
}

static void
reap(struct loop_task *task)
{
    struct server_conn *conn = container_of(task, struct server_conn, reap);
    struct server_loop *home = conn->home;

    free(conn);
    server_loop_check_done(home);
}

void
server_conn_close(struct server_conn *conn, const char *why)
{
    if (conn->transport.closed)
        return;
    counter_sub(&conn->home->stats.live, 1);
    atomic_fetch_sub(&conn->home->server->connections, 1);
    server_crowd_leave(&conn->home->server->crowd, net_conn_peer(conn->transport.net));
    if (!conn->ready)
        counter_add(&conn->home->stats.handshakes_failed, 1);
    loop_timer_stop(conn->home->loop, &conn->timer);
    server_drop_waiting(conn);
    rpc_transport_close(&conn->transport, why);
    list_remove(&conn->link);
    conn->home->ended = true;
    loop_post(conn->home->loop, &conn->reap);
}

static void
on_ready(struct rpc_transport *transport)
{
    struct server_conn *conn = conn_of(transport);

    const struct weir_server_options *options = &conn->home->server->options;
    struct rpc_keepalive keepalive = {.time = options->keepalive_time,
        .timeout = options->keepalive_timeout,
        .without_calls = true};

    conn->ready = true;
    rpc_transport_keep_alive(transport, &keepalive);
    loop_timer_stop(conn->home->loop, &conn->timer);
    if (conn->home->draining)
        server_conn_drain(conn, "draining");
}

static void
on_goaway(struct rpc_transport *transport, const struct h2_event *event)
{
    (void)event;
    rpc_transport_touch(transport);
}

static void
on_ping_ack(struct rpc_transport *transport, uint64_t opaque)
{
    if (opaque == DRAIN_PING)
        h2_conn_drain_finish(transport->h2);
    rpc_transport_touch(transport);
}

static void
on_flushed(struct rpc_transport *transport)
{
    (void)transport;
}

static void
on_drained(struct rpc_transport *transport)
{
    server_conn_close(conn_of(transport), "drained");
}

/* Close a connection that has failed, and report it. */
static void
give_up(struct server_conn *conn, const char *why)
{
    const struct weir_server_options *options = &conn->home->server->options;
    const char *peer;

    if (options->connection_failed != NULL && !conn->transport.closed) {
        peer = net_conn_peer_text(conn->transport.net);
        options->connection_failed(
            options->connection_failed_self, peer == NULL ? "unknown" : peer, why);
    }
    server_conn_close(conn, why);
}

/* Penalise an address for a connection. Not while draining, which causes such ends itself. */
static void
hold_against(struct server_loop *home, const struct net_address *peer, enum server_offence offence)
{
    if (home->draining)
        return;
    counter_add(&home->stats.offences[offence], 1);
    if (server_penalty_note(&home->server->penalties, peer, offence, loop_now(home->loop)))
        server_gate_changed(home);
}

/* Too frequent PINGs come from a client's configuration and so recur on all its connections; they
 * are as cheap for us as a useless connection, and penalised as one. */
static void
charge(struct server_conn *conn)
{
    const struct rpc_transport *transport = &conn->transport;
    bool over_pings = h2_conn_pinged_too_often(transport->h2);

    if (conn->ready && transport->violated && !over_pings)
        hold_against(conn->home, net_conn_peer(transport->net), SERVER_HARMFUL);
    else if (over_pings || (transport->counts.streams == 0 && !conn->leaving))
        hold_against(conn->home, net_conn_peer(transport->net), SERVER_FUTILE);
}

static void
on_lost(struct rpc_transport *transport, const char *why)
{
    struct server_conn *conn = conn_of(transport);

    charge(conn);
    if (transport->timed_out)
        counter_add(&conn->home->stats.limit_hits[WEIR_LIMIT_STALL], 1);
    if (conn->ready && transport->peer_closed)
        server_conn_close(conn, why);
    else
        give_up(conn, why);
}

static const struct rpc_transport_events transport_events = {
    .answers = true,
    .request = server_dispatch,
    .awaited = server_awaited,
    .ready = on_ready,
    .goaway = on_goaway,
    .ping_ack = on_ping_ack,
    .flushed = on_flushed,
    .drained = on_drained,
    .lost = on_lost,
};

static void
time_over(struct loop_timer *timer)
{
    struct server_conn *conn = container_of(timer, struct server_conn, timer);

    if (!conn->ready) {
        counter_add(&conn->home->stats.limit_hits[WEIR_LIMIT_HANDSHAKE], 1);
        h2_conn_shutdown(conn->transport.h2, H2_SETTINGS_TIMEOUT, "no SETTINGS in time");
        charge(conn);
        give_up(conn, "handshake timeout");
        return;
    }
    h2_conn_drain_finish(conn->transport.h2);
    rpc_transport_touch(&conn->transport);
}

/* Without the timer only the grace period would limit a peer that never answers; so the connection
 * is closed. */
static void
start_timer(struct server_conn *conn, int64_t duration)
{
    weir_loop *loop = conn->home->loop;

    if (loop_timer_start(loop, &conn->timer, deadline_after(loop_now(loop), duration)) != WEIR_OK)
        server_conn_close(conn, "no memory");
}

/* Does not restart a running timer. Without memory for the timer, idle connections keep their
 * memory until the next connection arrives. */
static void
start_resting(struct server_loop *home)
{
    int64_t due = loop_now(home->loop) + SERVER_PASS_PERIOD;

    if (home->rest.slot != 0)
        return;
    (void)!loop_timer_start(home->loop, &home->rest, due);
}

/* The allocator is told to return free memory to the system, which takes a few milliseconds, once
 * so many connections have released memory or so much is free. By itself it keeps free memory below
 * any block in use. */
#define RESTED_MANY 500
#define SLACK_MUCH ((size_t)16 << 20)

/* True: it has released memory. */
static bool
rest(struct server_conn *conn)
{
    const char *why;
    bool rested;

    if (conn->transport.closed)
        return false;
    if ((why = server_conn_stalls(conn)) != NULL) {
        counter_add(&conn->home->stats.limit_hits[WEIR_LIMIT_STALL], 1);
        h2_conn_shutdown(conn->transport.h2, H2_ENHANCE_YOUR_CALM, why);
        give_up(conn, why);
        return false;
    }
    rested = rpc_transport_rest(&conn->transport);
    if (!conn->ready || h2_conn_settings_acked(conn->transport.h2))
        return rested;
    if (++conn->unacked < UNACKED_MAX)
        return rested;
    counter_add(&conn->home->stats.limit_hits[WEIR_LIMIT_HANDSHAKE], 1);
    h2_conn_shutdown(conn->transport.h2, H2_SETTINGS_TIMEOUT, "SETTINGS were not acknowledged");
    give_up(conn, "SETTINGS were not acknowledged");
    return rested;
}

/* Return the memory of load peaks and attacks to the system. Memory that the allocator could not
 * return does not trigger another attempt. */
static void
pass_memory_on(struct server_loop *home)
{
    size_t slack = memory_slack();

    if (home->rested >= RESTED_MANY || slack > home->least_slack + SLACK_MUCH) {
        memory_pass_on();
        home->least_slack = memory_slack();
    } else if (slack < home->least_slack) {
        home->least_slack = slack;
    }
    home->rested = 0;
    home->ended = false;
}

/* The allocator scans all free memory, including the application's: a million scattered blocks take
 * 0.4 s. It holds its locks meanwhile, so another thread would not help: calls that need memory
 * would wait all the same. So the longer a scan takes, the rarer it is. Calls that arrive during a
 * scan of length t wait t/2 on average; with a pause that grows with the square of t, the average
 * over all calls is at most this: a pause of 10 s after 10 ms, of a second after 3 ms. */
#define LOOKS_WAIT (5 * WEIR_MICROSECOND)

/* A longer scan counts as this long, so that the pause is at most eleven minutes. */
#define LOOKS_LONGEST (80 * WEIR_MILLISECOND)

static int64_t
pause_after(int64_t took)
{
    if (took > LOOKS_LONGEST)
        took = LOOKS_LONGEST;
    return took * took / (2 * LOOKS_WAIT);
}

/* CPU time, so that a scan does not include what other threads did meanwhile. */
static int64_t
thread_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * WEIR_SECOND + time.tv_nsec;
}

/* False: there may be memory to return, but not yet. */
static bool
look_after_memory(struct server_loop *home)
{
    int64_t began;

    if (home->rested == 0 && !home->ended)
        return true;
    if (weir_now() < home->look_at)
        return false;
    began = thread_time();
    pass_memory_on(home);
    home->look_at = weir_now() + pause_after(thread_time() - began);
    return true;
}

void
server_loop_rest(struct loop_timer *timer)
{
    struct server_loop *home = container_of(timer, struct server_loop, rest);
    bool looked;

    list_each_safe (link, &home->conns) {
        struct server_conn *conn = container_of(link, struct server_conn, link);

        server_conn_age(conn);
        home->rested += rest(conn);
    }
    buf_pool_trim(&home->outputs);
    looked = look_after_memory(home);
    if (list_empty(&home->conns))
        buf_pool_fini(&home->outputs); /* there may be no further pass until the next connection */
    if (!looked || !list_empty(&home->conns))
        start_resting(home);
}

/* Not on a Unix socket, which is protected by its directory and whose peer is known. False: no
 * memory. */
static bool
start_tls(struct net_conn *net, weir_tls *tls)
{
    return tls == NULL || net_conn_peer(net)->any.sa_family == AF_UNIX ||
           net_conn_start_tls(net, tls, NULL) == WEIR_OK;
}

/* A connection over a limit is closed without an error message, which would cost more than the
 * connection did. */
static bool
may_enter(struct server_loop *home, const struct net_conn *net)
{
    struct weir_server *server = home->server;
    enum weir_limit limit = WEIR_LIMIT_CONNECTIONS;

    if (atomic_fetch_add(&server->connections, 1) < server->options.max_connections) {
        if (server_crowd_enter(
                &server->crowd, net_conn_peer(net), server->options.max_connections_per_address))
            return true;
        limit = WEIR_LIMIT_ADDRESS;
    }
    atomic_fetch_sub(&server->connections, 1);
    if (limit == WEIR_LIMIT_ADDRESS)
        hold_against(home, net_conn_peer(net), SERVER_FUTILE);
    counter_add(&home->stats.limit_hits[limit], 1);
    counter_add(&home->stats.refused, 1);
    return false;
}

static void
leave_at_once(struct server_loop *home, const struct net_address *peer)
{
    atomic_fetch_sub(&home->server->connections, 1);
    server_crowd_leave(&home->server->crowd, peer);
    counter_add(&home->stats.refused, 1);
}

void
server_conn_start(struct server_loop *home, struct net_conn *net)
{
    const struct weir_server_options *options = &home->server->options;
    struct h2_options h2 = {.role = H2_SERVER,
        .max_concurrent_streams = options->max_concurrent_streams,
        .max_header_list = options->max_header_list,
        .max_stream_window = RPC_STREAM_WINDOW,
        .budget = &home->unread,
        .outputs = &home->outputs,
        .ping_interval = options->min_ping_interval,
        .ping_interval_idle = options->min_idle_ping_interval,
        .stats = &home->stats.h2};
    const struct net_address peer = *net_conn_peer(net);
    struct server_conn *conn;

    counter_add(&home->stats.accepted, 1);
    if (!may_enter(home, net)) {
        net_conn_close(net);
        return;
    }
    conn = calloc(1, sizeof(*conn));
    if (conn == NULL || !start_tls(net, options->tls)) {
        leave_at_once(home, &peer);
        free(conn);
        net_conn_close(net);
        return;
    }
    conn->home = home;
    net_conn_set_patience(net, options->stall_timeout);
    loop_timer_init(&conn->timer, time_over);
    loop_task_init(&conn->reap, reap);
    if (rpc_transport_init(&conn->transport, home->loop, net, &h2, &transport_events) != WEIR_OK) {
        leave_at_once(home, &peer);
        free(conn);
        return;
    }
    conn->transport.traffic = &home->stats.traffic;
    counter_add(&home->stats.live, 1);
    conn->number = atomic_fetch_add(&home->server->last_number, 1) + 1;
    server_conn_born(conn);
    if (list_empty(&home->conns))
        start_resting(home);
    list_push(&home->conns, &conn->link);
    start_timer(conn, home->draining ? DRAIN_HANDSHAKE : options->handshake_timeout);
}

static void
tell_call(struct weir_call *call, void *arg)
{
    (void)arg;
    call_tell_drain(call);
}

static void
tell_calls(struct server_conn *conn)
{
    if (conn->transport.draining)
        return;
    conn->transport.draining = true;
    conn->drains_since = loop_now(conn->home->loop);
    rpc_transport_each_call(&conn->transport, tell_call, NULL);
}

void
server_conn_drain(struct server_conn *conn, const char *why)
{
    if (!conn->ready) {
        start_timer(conn, DRAIN_HANDSHAKE);
        return;
    }
    h2_conn_drain(conn->transport.h2, why, DRAIN_PING);
    tell_calls(conn);
    rpc_transport_touch(&conn->transport);
    start_timer(conn, DRAIN_WAIT);
}
