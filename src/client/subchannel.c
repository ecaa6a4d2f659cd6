/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a subchannel: resolve addresses, race to them, be ready, lose the connection, back
 * off.
 *
 *   IDLE -> CONNECTING -> READY -> IDLE   (at once to CONNECTING where calls are spread over all)
 *              |   ^
 *              v   | automatically at retry_at, unless the channel is no longer in use
 *            FAILURE
 *
 * To the channel it counts as failing until it is READY (gRFC A62). */
#include "client/client.h"

#include "base/random.h"
#include "rpc/deadline.h"
#include "server/server.h"
#include <stdio.h>
#include <stdlib.h>

int64_t
client_next_backoff(const struct weir_channel *channel, int64_t *backoff)
{
    int64_t delay = *backoff, fifth = delay / 5;

    *backoff = delay + delay * 3 / 5;
    if (*backoff > channel->max_backoff)
        *backoff = channel->max_backoff;
    return delay - fifth + (int64_t)(random_u64() % (uint64_t)(2 * fifth));
}

static bool
connects_by_itself(const struct weir_subchannel *subchannel)
{
    const struct weir_channel *channel = subchannel->channel;

    return (!channel->balancer.type->together || subchannel->failing) && !channel->resting &&
           !subchannel->removed;
}

static void
set_state(struct weir_subchannel *subchannel, weir_connectivity state)
{
    subchannel->state = state;
    if (state == WEIR_CHANNEL_READY || state == WEIR_CHANNEL_IDLE)
        subchannel->failing = false;
    else if (state == WEIR_CHANNEL_FAILURE)
        subchannel->failing = true;
    balancer_changed(subchannel);
}

static void
fail(struct weir_subchannel *subchannel, const char *why)
{
    weir_loop *loop = subchannel->channel->loop;
    int64_t again = loop_now(loop) + client_next_backoff(subchannel->channel, &subchannel->backoff);

    subchannel->growing = false;
    subchannel->grow_at = again;
    if (subchannel->removed) {
        subchannel_let_go(subchannel);
        return;
    }
    if (subchannel->state == WEIR_CHANNEL_READY) {
        /* Calls use the existing connections; queued ones try again at grow_at. */
        (void)!loop_timer_start(loop, &subchannel->retry, again);
        return;
    }
    if (why != subchannel->why)
        snprintf(subchannel->why, sizeof(subchannel->why), "%s", why);
    subchannel->retry_at = again;
    /* Without memory for the timer it connects again when needed. Started even if the channel is
     * idle, since it may not be by then. */
    (void)!loop_timer_start(loop, &subchannel->retry, again);
    set_state(subchannel, WEIR_CHANNEL_FAILURE);
    resolver_ask_again(&subchannel->channel->resolver);
}

static void
reached(void *owner, struct net_conn *net)
{
    struct weir_subchannel *subchannel = owner;

    if (conn_open(subchannel, net) != WEIR_OK)
        race_go_on(&subchannel->race, "no memory");
}

static void
lost(void *owner, const char *why)
{
    fail(owner, why);
}

/* ---- addresses ---- */

static bool
append_addresses(
    struct weir_subchannel *subchannel, const struct net_address *addresses, size_t count)
{
    size_t total = subchannel->address_count + count;
    struct net_address *grown = realloc(subchannel->addresses, total * sizeof(*grown));

    if (grown == NULL)
        return false;
    memcpy(grown + subchannel->address_count, addresses, count * sizeof(*addresses));
    subchannel->addresses = grown;
    subchannel->address_count = total;
    return true;
}

static void find_addresses(struct weir_subchannel *subchannel);

/* If a name cannot be resolved, the other endpoints remain. */
static void
looked_up(void *owner, struct lookup_result *result)
{
    struct weir_subchannel *subchannel = owner;

    subchannel->lookup = NULL;
    if (result->code != WEIR_OK)
        snprintf(subchannel->why, sizeof(subchannel->why), "%s", result->why);
    else if (!append_addresses(subchannel, result->addresses, result->count))
        snprintf(subchannel->why, sizeof(subchannel->why), "no memory");
    subchannel->looked_up++;
    find_addresses(subchannel);
}

/* True: its addresses, if any, were added. False: a lookup has started. */
static bool
find_next(struct weir_subchannel *subchannel, const struct client_endpoint *from)
{
    const struct weir_channel *channel = subchannel->channel;
    struct lookup_question question = {.server = channel->target.dns_server, .seed = random_u64()};
    struct net_address address;
    const char *why = "not an address";
    size_t count = 0;
    weir_code code = net_endpoint_parse(from->address, &question.endpoint);

    if (code == WEIR_OK && net_endpoint_is_name(&question.endpoint)) {
        subchannel->lookup =
            lookup_start(channel->loop, channel->pool, &question, looked_up, subchannel);
        if (subchannel->lookup != NULL)
            return false;
        code = WEIR_RESOURCE_EXHAUSTED;
        why = "no memory";
    } else if (code == WEIR_OK) {
        code = net_resolve(&question.endpoint, &address, 1, &count, &why);
    }
    if (code == WEIR_OK && !append_addresses(subchannel, &address, count))
        why = "no memory";
    if (code != WEIR_OK)
        snprintf(subchannel->why, sizeof(subchannel->why), "%s", why);
    return true;
}

static void
find_addresses(struct weir_subchannel *subchannel)
{
    const struct client_endpoints *endpoints = &subchannel->endpoints;

    while (subchannel->looked_up < endpoints->count) {
        if (!find_next(subchannel, &endpoints->list[subchannel->looked_up]))
            return;
        subchannel->looked_up++;
    }
    if (subchannel->address_count > 0)
        race_start(&subchannel->race, subchannel->addresses, subchannel->address_count,
            subchannel->connect_until);
    else
        fail(subchannel, subchannel->why);
}

/* Connects by a pipe instead of a race. */
static void
connect_in_process(struct weir_subchannel *subchannel)
{
    struct net_pipe_end *ends[2];
    struct net_conn *net;

    if (net_pipe_new(ends) != WEIR_OK) {
        fail(subchannel, "no memory");
        return;
    }
    if (!server_take_pipe(subchannel->channel->server, ends[1])) {
        net_pipe_close(ends[0]);
        fail(subchannel, "the server has ended");
        return;
    }
    if (net_pipe_open(ends[0], subchannel->channel->loop, &net) != WEIR_OK) {
        fail(subchannel, "no memory");
        return;
    }
    race_start_alone(&subchannel->race);
    reached(subchannel, net);
}

static void
connect_once(struct weir_subchannel *subchannel)
{
    const struct weir_channel *channel = subchannel->channel;

    subchannel->connect_until = deadline_after(loop_now(channel->loop), channel->connect_timeout);
    subchannel->looked_up = subchannel->address_count = 0;
    snprintf(subchannel->why, sizeof(subchannel->why), "no address");
    if (channel->server != NULL)
        connect_in_process(subchannel);
    else
        find_addresses(subchannel);
}

/* ---- reports of the race and of connections ---- */

/* Stop the race and close its connections. */
static void
stop_race(struct weir_subchannel *subchannel)
{
    race_stop(&subchannel->race);
    list_each_safe (link, &subchannel->conns) {
        struct client_conn *conn = container_of(link, struct client_conn, link);

        if (!conn->ready)
            conn_close(conn, "it is not needed any more");
    }
    subchannel->growing = false;
}

void
subchannel_is_ready(struct client_conn *conn)
{
    struct weir_subchannel *subchannel = conn->subchannel;

    stop_race(subchannel);
    subchannel->conn = conn;
    subchannel->backoff = subchannel->channel->initial_backoff;
    subchannel->ready_at = loop_now(subchannel->channel->loop);
    watches_begin(conn);
    set_state(subchannel, WEIR_CHANNEL_READY);
    list_each (link, &subchannel->waiting)
        call_advance(container_of(link, struct client_waiter, link)->call);
    if (subchannel->channel->resting) /* too late; as the only ready one it would get all calls */
        conn_leave(conn);
}

/* The backoff also applies to a server that accepts connections and closes them soon. */
void
subchannel_is_lost(struct weir_subchannel *subchannel)
{
    struct weir_channel *channel = subchannel->channel;
    bool was_short = loop_now(channel->loop) - subchannel->ready_at < channel->initial_backoff;

    client_dissolve_line(subchannel);
    if (subchannel->growing) {
        set_state(subchannel, WEIR_CHANNEL_CONNECTING);
        return;
    }
    subchannel->state = WEIR_CHANNEL_IDLE;
    if (subchannel->removed)
        return;
    if (connects_by_itself(subchannel) && was_short) {
        fail(subchannel, "the server has closed the connection");
        return;
    }
    balancer_changed(subchannel);
    if (!channel->resting)
        resolver_ask_again(&channel->resolver);
    if (connects_by_itself(subchannel))
        subchannel_need(subchannel);
}

void
subchannel_go_on(struct weir_subchannel *subchannel, const char *why)
{
    race_go_on(&subchannel->race, why);
}

/* ---- verbs ---- */

void
subchannel_need(struct weir_subchannel *subchannel)
{
    int64_t now = loop_now(subchannel->channel->loop);

    if (subchannel->state != WEIR_CHANNEL_IDLE &&
        (subchannel->state != WEIR_CHANNEL_FAILURE || now < subchannel->retry_at))
        return;
    loop_timer_stop(subchannel->channel->loop, &subchannel->retry);
    set_state(subchannel, WEIR_CHANNEL_CONNECTING);
    connect_once(subchannel);
}

/* No call was made during the idle timeout, and none waits. */
static bool
is_forgotten(const struct weir_channel *channel)
{
    int64_t used =
        channel->last_call > channel->wanted_at ? channel->last_call : channel->wanted_at;

    return loop_now(channel->loop) >= deadline_after(used, channel->idle_timeout) &&
           list_empty(&channel->waiting) && balancer_is_quiet(channel);
}

/* If the timer fires this late, the loop was not run meanwhile, and the failure is outdated: the
 * call for which it runs now should wait for this attempt. */
#define OLD_NEWS WEIR_SECOND

static void
retry_is_due(struct loop_timer *timer)
{
    struct weir_subchannel *subchannel = container_of(timer, struct weir_subchannel, retry);
    struct weir_channel *channel = subchannel->channel;

    if (subchannel->state != WEIR_CHANNEL_FAILURE) {
        client_wake_first(subchannel);
        return;
    }
    if (!channel->resting && is_forgotten(channel))
        balancer_rest(channel);
    if (channel->resting) {
        set_state(subchannel, WEIR_CHANNEL_IDLE);
        return;
    }
    if (loop_now(channel->loop) - subchannel->retry_at >= OLD_NEWS)
        subchannel->failing = false;
    subchannel_need(subchannel);
}

void
subchannel_grow(struct weir_subchannel *subchannel)
{
    const struct weir_channel *channel = subchannel->channel;
    unsigned count = 0;

    list_each (link, &subchannel->conns) {
        if (conn_takes_calls(container_of(link, struct client_conn, link)))
            count++;
    }
    if (subchannel->growing || count >= channel->max_connections ||
        loop_now(channel->loop) < subchannel->grow_at)
        return;
    subchannel->growing = true;
    connect_once(subchannel);
}

/* ---- life cycle ---- */

static void
reap(struct loop_task *task)
{
    struct weir_subchannel *subchannel = container_of(task, struct weir_subchannel, reap);

    race_fini(&subchannel->race);
    endpoints_fini(&subchannel->endpoints);
    free(subchannel->addresses);
    free(subchannel->data);
    free(subchannel);
}

struct weir_subchannel *
subchannel_new(struct weir_channel *channel, struct client_endpoints *endpoints, size_t data_size)
{
    struct weir_subchannel *subchannel = calloc(1, sizeof(*subchannel));

    if (subchannel == NULL)
        return NULL;
    if (data_size > 0 && (subchannel->data = calloc(1, data_size)) == NULL) {
        free(subchannel);
        return NULL;
    }
    subchannel->channel = channel;
    subchannel->number = ++channel->last_subchannel;
    subchannel->endpoints = *endpoints;
    *endpoints = (struct client_endpoints){NULL, 0};
    subchannel->backoff = channel->initial_backoff;
    list_init(&subchannel->link);
    list_init(&subchannel->conns);
    list_init(&subchannel->waiting);
    loop_timer_init(&subchannel->retry, retry_is_due);
    loop_task_init(&subchannel->reap, reap);
    race_init(&subchannel->race, channel->loop, channel->proxy.request, subchannel, reached, lost);
    return subchannel;
}

static void
stop_connecting(struct weir_subchannel *subchannel)
{
    loop_timer_stop(subchannel->channel->loop, &subchannel->retry);
    lookup_abandon(subchannel->lookup);
    subchannel->lookup = NULL;
    stop_race(subchannel);
}

void
subchannel_let_go(struct weir_subchannel *subchannel)
{
    if (!subchannel->removed || !list_empty(&subchannel->conns))
        return;
    list_remove(&subchannel->link);
    loop_post(subchannel->channel->loop, &subchannel->reap);
}

void
subchannel_remove(struct weir_subchannel *subchannel)
{
    subchannel->removed = true;
    list_remove(&subchannel->link);
    list_push(&subchannel->channel->parting, &subchannel->link);
    stop_connecting(subchannel);
    list_each_safe (link, &subchannel->conns)
        conn_leave(container_of(link, struct client_conn, link));
    client_dissolve_line(subchannel);
    subchannel_let_go(subchannel);
}

void
subchannel_close(struct weir_subchannel *subchannel)
{
    subchannel->removed = true;
    stop_connecting(subchannel);
    subchannel->conn = NULL;
    list_each_safe (link, &subchannel->conns)
        conn_close(container_of(link, struct client_conn, link), "the channel was closed");
    subchannel_let_go(subchannel);
}

/* ---- accessors for balancers ---- */

const char *
weir_subchannel_address(const weir_subchannel *subchannel)
{
    return subchannel->endpoints.list[0].address;
}

unsigned
weir_subchannel_weight(const weir_subchannel *subchannel)
{
    return subchannel->endpoints.list[0].weight;
}

const char *
weir_subchannel_attribute(const weir_subchannel *subchannel, const char *key)
{
    const struct client_endpoint *endpoint = &subchannel->endpoints.list[0];

    for (size_t i = 0; i < endpoint->attribute_count; i++) {
        if (strcmp(endpoint->attributes[i].key, key) == 0)
            return endpoint->attributes[i].value;
    }
    return NULL;
}

unsigned
weir_subchannel_calls(const weir_subchannel *subchannel)
{
    return subchannel->calls;
}

void *
weir_subchannel_data(const weir_subchannel *subchannel)
{
    return subchannel->data;
}
