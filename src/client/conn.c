/* SPDX-License-Identifier: Apache-2.0 */
/* The life cycle of a subchannel's connection: opening, ready, draining, idle, lost. */
#include "client/client.h"

#include "rpc/deadline.h"
#include <stdio.h>
#include <stdlib.h>

static struct client_conn *
conn_of(struct rpc_transport *transport)
{
    return container_of(transport, struct client_conn, transport);
}

static void
reap(struct loop_task *task)
{
    free(container_of(task, struct client_conn, reap));
}

void
conn_close(struct client_conn *conn, const char *why)
{
    weir_loop *loop = conn->subchannel->channel->loop;

    watches_stop(conn);
    loop_timer_stop(loop, &conn->timer);
    rpc_transport_close(&conn->transport, why);
    client_keep_counts(conn);
    list_remove(&conn->link);
    loop_post(loop, &conn->reap);
}

bool
conn_takes_calls(const struct client_conn *conn)
{
    return conn->ready && !conn->left;
}

struct client_conn *
conn_with_room(const struct weir_subchannel *subchannel)
{
    struct client_conn *newest = subchannel->conn;

    if (newest != NULL && h2_conn_streams_left(newest->transport.h2) > 0)
        return newest;
    list_each (link, &subchannel->conns) {
        struct client_conn *conn = container_of(link, struct client_conn, link);

        if (conn_takes_calls(conn) && h2_conn_streams_left(conn->transport.h2) > 0)
            return conn;
    }
    return NULL;
}

/* Accept no new calls: another connection takes over, or waiting calls start a new one. */
static void
part_with(struct client_conn *conn)
{
    struct weir_subchannel *subchannel = conn->subchannel;

    if (!conn_takes_calls(conn))
        return;
    conn->left = true;
    watches_stop(conn);
    subchannel->conn = NULL;
    list_each (link, &subchannel->conns) {
        struct client_conn *other = container_of(link, struct client_conn, link);

        if (conn_takes_calls(other))
            subchannel->conn = other;
    }
    if (subchannel->conn == NULL)
        subchannel_is_lost(subchannel);
    else
        watches_begin(subchannel->conn);
}

static void
on_lost(struct rpc_transport *transport, const char *why)
{
    struct client_conn *conn = conn_of(transport);
    struct weir_subchannel *subchannel = conn->subchannel;
    bool was_ready = conn->ready;
    char copy[sizeof(subchannel->why)];

    snprintf(copy, sizeof(copy), "%s", why); /* `why` may belong to the connection */
    part_with(conn);
    conn_close(conn, copy);
    if (!was_ready)
        subchannel_go_on(subchannel, copy);
    else
        subchannel_let_go(subchannel);
}

static void
on_request(struct rpc_transport *transport, const struct h2_event *event)
{
    h2_stream_release(transport->h2, event->stream); /* an event of a call that is gone */
}

/* Check again when the idle timeout may have passed. Without memory for the timer it stays
 * connected. */
static void
rest(struct client_conn *conn)
{
    const struct weir_channel *channel = conn->subchannel->channel;
    int64_t due = deadline_after(loop_now(channel->loop), channel->idle_timeout);

    conn->used = false;
    conn->uses = channel->uses;
    (void)!loop_timer_start(channel->loop, &conn->timer, due);
}

static void
on_ready(struct rpc_transport *transport)
{
    struct client_conn *conn = conn_of(transport);
    const struct rpc_keepalive *keepalive = &conn->subchannel->channel->keepalive;

    conn->ready = true;
    rest(conn);
    rpc_transport_keep_alive(transport, keepalive);
    /* gRFC A18: unacknowledged data reveals a dead peer sooner than silence does. */
    if (keepalive->time != WEIR_NEVER)
        net_conn_set_patience(transport->net, keepalive->timeout);
    subchannel_is_ready(conn);
}

/* gRFC A8, too_many_pings: double the interval. */
static void
calm_down(struct rpc_keepalive *keepalive)
{
    keepalive->time = keepalive->time > WEIR_NEVER / 2 ? WEIR_NEVER : 2 * keepalive->time;
}

static void
on_goaway(struct rpc_transport *transport, const struct h2_event *event)
{
    if (event->code == H2_ENHANCE_YOUR_CALM)
        calm_down(&conn_of(transport)->subchannel->channel->keepalive);
    rpc_transport_touch(transport);
    part_with(conn_of(transport));
}

void
conn_leave(struct client_conn *conn)
{
    part_with(conn);
    h2_conn_drain_finish(conn->transport.h2);
    rpc_transport_touch(&conn->transport);
}

static void
on_ping_ack(struct rpc_transport *transport, uint64_t opaque)
{
    (void)transport;
    (void)opaque;
}

static void
on_flushed(struct rpc_transport *transport)
{
    client_wake_first(conn_of(transport)->subchannel);
}

static void
on_drained(struct rpc_transport *transport)
{
    on_lost(transport, "the server has closed the connection");
}

static const struct rpc_transport_events transport_events = {
    .request = on_request,
    .ready = on_ready,
    .goaway = on_goaway,
    .ping_ack = on_ping_ack,
    .flushed = on_flushed,
    .drained = on_drained,
    .lost = on_lost,
};

/* Was the connection unused during the idle timeout? Where calls are spread over servers: were all
 * of them? */
static bool
is_idle(const struct client_conn *conn)
{
    const struct weir_channel *channel = conn->subchannel->channel;

    if (!channel->balancer.type->together)
        return conn->uses == channel->uses && balancer_is_quiet(channel);
    return !conn->used && h2_conn_stream_count(conn->transport.h2) == 0;
}

/* Before SETTINGS: the server did not answer in time. After that: an idle connection is closed, and
 * the next call connects again. */
static void
time_is_up(struct loop_timer *timer)
{
    struct client_conn *conn = container_of(timer, struct client_conn, timer);
    struct weir_channel *channel = conn->subchannel->channel;

    if (!conn->ready)
        on_lost(&conn->transport, "no HTTP/2 SETTINGS in time");
    else if (!is_idle(conn))
        rest(conn);
    else if (channel->balancer.type->together)
        conn_leave(conn);
    else
        balancer_rest(channel);
}

/* False: no memory. */
static bool
start_tls(const struct weir_channel *channel, struct net_conn *net)
{
    const char *name;

    if (channel->tls == NULL)
        return true;
    name = net_tls_server_name(channel->tls);
    return net_conn_start_tls(net, channel->tls, name == NULL ? channel->target.host : name) ==
           WEIR_OK;
}

weir_code
conn_open(struct weir_subchannel *subchannel, struct net_conn *net)
{
    struct weir_channel *channel = subchannel->channel;
    struct h2_options h2 = {.role = H2_CLIENT,
        .max_header_list = channel->max_header_list,
        .max_stream_window = RPC_STREAM_WINDOW};
    struct client_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL || !start_tls(channel, net)) {
        free(conn);
        net_conn_close(net);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    conn->subchannel = subchannel;
    conn->number = ++channel->last_connection;
    conn->since = loop_now(channel->loop);
    loop_timer_init(&conn->timer, time_is_up);
    loop_task_init(&conn->reap, reap);
    net_address_format(net_conn_peer(net), true, conn->peer);
    if (rpc_transport_init(&conn->transport, channel->loop, net, &h2, &transport_events) !=
        WEIR_OK) {
        free(conn);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    if (balancer_counts(channel))
        conn->transport.detached = balancer_call_is_over;
    list_push(&subchannel->conns, &conn->link);
    if (loop_timer_start(channel->loop, &conn->timer, subchannel->connect_until) != WEIR_OK)
        on_lost(&conn->transport, "no memory");
    return WEIR_OK;
}
