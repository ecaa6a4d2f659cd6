/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's connection: look the name up, connect, wait for SETTINGS, back off, lose it. */
#include "client/client.h"

#include "base/random.h"
#include "rpc/deadline.h"
#include <stdio.h>
#include <stdlib.h>

/* connection-backoff.md */
#define BACKOFF_INITIAL WEIR_SECOND
#define BACKOFF_MAX (120 * WEIR_SECOND)

/* A delay that grows by 1.6 each time, with a jitter of 20 % either way. */
static int64_t
next_backoff(struct weir_channel *channel)
{
    int64_t delay = channel->backoff;
    int64_t fifth = delay / 5;

    channel->backoff = delay + delay * 3 / 5;
    if (channel->backoff > BACKOFF_MAX)
        channel->backoff = BACKOFF_MAX;
    return delay - fifth + (int64_t)(random_u64() % (uint64_t)(2 * fifth));
}

static void
fail(struct weir_channel *channel, const char *why)
{
    int64_t again = loop_now(channel->loop) + next_backoff(channel);

    channel->growing = false;
    channel->grow_at = again;
    if (channel->state == WEIR_CHANNEL_READY)
        return; /* the calls go on with the connections there are */
    snprintf(channel->why, sizeof(channel->why), "cannot reach %s: %s", channel->target.text, why);
    client_set_state(channel, WEIR_CHANNEL_FAILURE);
    channel->retry_at = again;
    client_wake(channel);
}

/* ---- a connection's events ---- */

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

static void
conn_close(struct client_conn *conn, const char *why)
{
    loop_timer_stop(conn->channel->loop, &conn->timer);
    rpc_transport_close(&conn->transport, why);
    list_remove(&conn->link);
    loop_post(conn->channel->loop, &conn->reap);
}

static bool
takes_calls(const struct client_conn *conn)
{
    return conn->ready && !conn->left;
}

struct client_conn *
client_conn_with_room(const struct weir_channel *channel)
{
    if (channel->conn != NULL && h2_conn_streams_left(channel->conn->transport.h2) > 0)
        return channel->conn;
    list_each (link, &channel->conns) {
        struct client_conn *conn = container_of(link, struct client_conn, link);

        if (takes_calls(conn) && h2_conn_streams_left(conn->transport.h2) > 0)
            return conn;
    }
    return NULL;
}

/* It takes no new calls: another one does, or whoever waits connects anew. */
static void
part_with(struct client_conn *conn)
{
    struct weir_channel *channel = conn->channel;

    if (!takes_calls(conn))
        return;
    conn->left = true;
    channel->conn = NULL;
    list_each (link, &channel->conns) {
        struct client_conn *other = container_of(link, struct client_conn, link);

        if (takes_calls(other))
            channel->conn = other;
    }
    if (channel->conn == NULL)
        client_set_state(channel, channel->growing ? WEIR_CHANNEL_CONNECTING : WEIR_CHANNEL_IDLE);
    client_wake(channel);
}

static void
on_lost(struct rpc_transport *transport, const char *why)
{
    struct client_conn *conn = conn_of(transport);
    struct weir_channel *channel = conn->channel;
    bool was_pending = channel->pending == conn;

    part_with(conn);
    if (was_pending)
        channel->pending = NULL;
    conn_close(conn, why);
    if (was_pending)
        race_go_on(&channel->race, why);
}

static void
on_request(struct rpc_transport *transport, const struct h2_event *event)
{
    h2_stream_release(transport->h2, event->stream); /* an answer to a call that is gone */
}

/* Look again when it may have been idle for long enough. Without the memory it stays connected. */
static void
rest(struct client_conn *conn)
{
    struct weir_channel *channel = conn->channel;
    int64_t due = deadline_after(loop_now(channel->loop), channel->idle_timeout);

    conn->used = false;
    (void)!loop_timer_start(channel->loop, &conn->timer, due);
}

static void
on_ready(struct rpc_transport *transport)
{
    struct client_conn *conn = conn_of(transport);
    struct weir_channel *channel = conn->channel;

    conn->ready = true;
    channel->pending = NULL;
    channel->conn = conn;
    channel->growing = false;
    rest(conn);
    client_set_state(channel, WEIR_CHANNEL_READY);
    rpc_transport_keep_alive(transport, &channel->keepalive);
    channel->backoff = BACKOFF_INITIAL;
    client_wake(channel);
}

/* gRFC A8: half as often from now on. */
static void
calm_down(struct rpc_keepalive *keepalive)
{
    keepalive->time = keepalive->time > WEIR_NEVER / 2 ? WEIR_NEVER : 2 * keepalive->time;
}

static void
on_goaway(struct rpc_transport *transport, const struct h2_event *event)
{
    if (event->code == H2_ENHANCE_YOUR_CALM)
        calm_down(&conn_of(transport)->channel->keepalive);
    rpc_transport_touch(transport);
    part_with(conn_of(transport));
}

void
client_leave(struct client_conn *conn)
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
    client_wake_first(conn_of(transport)->channel);
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

/* A connection that is ready has a server; one that no call has used in all this time is let go,
 * and the next call connects anew. */
static void
time_is_up(struct loop_timer *timer)
{
    struct client_conn *conn = container_of(timer, struct client_conn, timer);

    if (!conn->ready)
        on_lost(&conn->transport, "no HTTP/2 SETTINGS in time");
    else if (conn->used || h2_conn_stream_count(conn->transport.h2) > 0)
        rest(conn);
    else
        client_leave(conn);
}

/* False: no memory. */
static bool
start_tls(const struct weir_channel *channel, struct net_conn *net)
{
    const char *name;

    if (channel->tls == NULL)
        return true;
    name = net_tls_server_name(channel->tls);
    if (name == NULL)
        name =
            channel->target.endpoints[0].is_unix ? "localhost" : channel->target.endpoints[0].host;
    return net_conn_start_tls(net, channel->tls, name) == WEIR_OK;
}

static weir_code
conn_open(struct weir_channel *channel, struct net_conn *net)
{
    struct h2_options h2 = {.role = H2_CLIENT,
        .max_header_list = channel->max_header_list,
        .max_stream_window = RPC_STREAM_WINDOW};
    struct client_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL || !start_tls(channel, net)) {
        free(conn);
        net_conn_close(net);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    conn->channel = channel;
    loop_timer_init(&conn->timer, time_is_up);
    loop_task_init(&conn->reap, reap);
    net_address_format(net_conn_peer(net), true, conn->peer);
    if (rpc_transport_init(&conn->transport, channel->loop, net, &h2, &transport_events) !=
        WEIR_OK) {
        free(conn);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    list_push(&channel->conns, &conn->link);
    channel->pending = conn;
    if (loop_timer_start(channel->loop, &conn->timer, channel->connect_until) != WEIR_OK)
        on_lost(&conn->transport, "no memory");
    return WEIR_OK;
}

/* ---- connecting ---- */

static void
won(void *owner, struct net_conn *net)
{
    struct weir_channel *channel = owner;

    if (conn_open(channel, net) != WEIR_OK)
        fail(channel, "no memory");
}

static void
lost(void *owner, const char *why)
{
    fail(owner, why);
}

void
client_init_race(struct weir_channel *channel)
{
    race_init(&channel->race, channel->loop, channel, won, lost);
}

/* ---- names ---- */

/* One lookup on a thread of the pool. When it comes back the channel may be gone, and the loop with
 * it: so it is told, and the task is sent, under the lock. Two hold it, the thread and the loop. */
struct client_lookup {
    atomic_uint holders;
    pthread_mutex_t lock;
    bool abandoned; /* nobody waits any more */
    struct loop_task task;
    struct weir_channel *channel;
    struct net_endpoint endpoint;
    struct net_address addresses[CLIENT_MAX_ADDRESSES];
    size_t count;
    const char *why;
    weir_code code;
};

static void
resolved(struct weir_channel *channel, weir_code code, size_t count, const char *why)
{
    if (code != WEIR_OK) {
        fail(channel, why);
        return;
    }
    race_start(&channel->race, count, channel->connect_until);
}

static void
let_go(struct client_lookup *lookup, unsigned holders)
{
    if (atomic_fetch_sub(&lookup->holders, holders) != holders)
        return;
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static void
lookup_came(struct loop_task *task)
{
    struct client_lookup *lookup = container_of(task, struct client_lookup, task);
    struct weir_channel *channel = lookup->channel;

    if (!lookup->abandoned) {
        channel->lookup = NULL;
        memcpy(channel->race.addresses, lookup->addresses, sizeof(lookup->addresses));
        resolved(channel, lookup->code, lookup->count, lookup->why);
    }
    let_go(lookup, 1);
}

static void
look_up(void *arg)
{
    struct client_lookup *lookup = arg;
    bool abandoned;

    lookup->code = net_resolve(
        &lookup->endpoint, lookup->addresses, CLIENT_MAX_ADDRESSES, &lookup->count, &lookup->why);
    pthread_mutex_lock(&lookup->lock);
    abandoned = lookup->abandoned;
    if (!abandoned)
        loop_send(lookup->channel->loop, &lookup->task);
    pthread_mutex_unlock(&lookup->lock);
    /* Abandoned, the loop is never told: then this also lets go for it. */
    let_go(lookup, abandoned ? 2 : 1);
}

static void
abandon(struct client_lookup *lookup)
{
    pthread_mutex_lock(&lookup->lock);
    lookup->abandoned = true;
    pthread_mutex_unlock(&lookup->lock);
}

static void
look_up_on_pool(struct weir_channel *channel)
{
    struct client_lookup *lookup = calloc(1, sizeof(*lookup));

    if (lookup == NULL) {
        fail(channel, "no memory");
        return;
    }
    atomic_init(&lookup->holders, 2);
    pthread_mutex_init(&lookup->lock, NULL);
    loop_task_init(&lookup->task, lookup_came);
    lookup->channel = channel;
    lookup->endpoint = channel->target.endpoints[0];
    channel->lookup = lookup;
    if (weir_pool_submit(channel->pool, look_up, lookup) == WEIR_OK)
        return;
    channel->lookup = NULL;
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
    fail(channel, "no memory");
}

/* Addresses and paths stand for themselves; a name is looked up right here. */
static weir_code
resolve_here(struct weir_channel *channel, size_t *out_count, const char **out_why)
{
    const struct client_target *target = &channel->target;
    size_t count = 0, more = 0;

    for (size_t i = 0; i < target->count && count < CLIENT_MAX_ADDRESSES; i++) {
        WEIR_TRY(net_resolve(&target->endpoints[i], channel->race.addresses + count,
            CLIENT_MAX_ADDRESSES - count, &more, out_why));
        count += more;
    }
    *out_count = count;
    return WEIR_OK;
}

static void
connect_once(struct weir_channel *channel)
{
    const char *why = "";
    size_t count = 0;
    weir_code code;

    channel->connect_until = deadline_after(loop_now(channel->loop), channel->connect_timeout);
    if (channel->pool != NULL && channel->target.is_name) {
        look_up_on_pool(channel);
        return;
    }
    code = resolve_here(channel, &count, &why);
    resolved(channel, code, count, why);
}

void
client_connect(struct weir_channel *channel)
{
    client_set_state(channel, WEIR_CHANNEL_CONNECTING);
    connect_once(channel);
}

void
client_grow(struct weir_channel *channel)
{
    unsigned count = 0;

    list_each (link, &channel->conns) {
        if (takes_calls(container_of(link, struct client_conn, link)))
            count++;
    }
    if (channel->growing || count >= channel->max_connections ||
        loop_now(channel->loop) < channel->grow_at)
        return;
    channel->growing = true;
    connect_once(channel);
}

void
client_need_conn(struct weir_channel *channel)
{
    if (channel->state == WEIR_CHANNEL_IDLE ||
        (channel->state == WEIR_CHANNEL_FAILURE && loop_now(channel->loop) >= channel->retry_at))
        client_connect(channel);
}

void
client_disconnect(struct weir_channel *channel)
{
    loop_timer_stop(channel->loop, &channel->retry);
    if (channel->lookup != NULL)
        abandon(channel->lookup);
    channel->lookup = NULL;
    race_stop(&channel->race);
    channel->conn = channel->pending = NULL;
    list_each_safe (link, &channel->conns)
        conn_close(container_of(link, struct client_conn, link), "the channel was closed");
}
