/* SPDX-License-Identifier: Apache-2.0 */
/* Connects a channel with its load balancing policy: turns lists of servers into subchannels, and
 * the subchannels' states into the channel's state and the set that may be picked. */
#include "client/client.h"

#include "base/random.h"
#include "client/balancers.h"
#include "client/load.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

weir_code
balancer_init(struct client_balancer *balancer, const struct weir_balancer_type *type,
    const struct weir_value *options, struct weir_value_error *error)
{
    weir_code code = WEIR_OK;

    *balancer = (struct client_balancer){.type = type, .self = calloc(1, type->size + 1)};
    if (balancer->self == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (type->configure != NULL)
        code = type->configure(balancer->self, options, error);
    if (code == WEIR_OK)
        return WEIR_OK;
    free(balancer->self);
    balancer->self = NULL;
    return code;
}

void
balancer_fini(struct client_balancer *balancer)
{
    if (balancer->self != NULL && balancer->type->fini != NULL)
        balancer->type->fini(balancer->self);
    free(balancer->self);
    free(balancer->ready);
}

/* ---- states ---- */

static bool
may_be_picked(const struct weir_subchannel *subchannel)
{
    return subchannel->state == WEIR_CHANNEL_READY && subchannel->health == HEALTH_GOOD &&
           !subchannel->record.ejected;
}

static void
collect_ready(struct weir_channel *channel)
{
    struct client_balancer *balancer = &channel->balancer;

    balancer->ready_count = 0;
    list_each (link, &channel->subchannels) {
        struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);
        bool was_picked = subchannel->picked;

        subchannel->picked = may_be_picked(subchannel);
        if (subchannel->picked)
            balancer->ready[balancer->ready_count++] = subchannel;
        if (subchannel->picked != was_picked && balancer->type->changed != NULL)
            balancer->type->changed(balancer->self, subchannel, subchannel->picked);
    }
}

/* gRFC A62: a subchannel that has failed counts as failing until it is READY. */
static weir_connectivity
state_of_all(const struct weir_channel *channel)
{
    weir_connectivity state = WEIR_CHANNEL_FAILURE;

    if (channel->balancer.ready_count > 0)
        return WEIR_CHANNEL_READY;
    list_each (link, &channel->subchannels) {
        const struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);

        if ((subchannel->state == WEIR_CHANNEL_CONNECTING && !subchannel->failing) ||
            (subchannel->state == WEIR_CHANNEL_READY && subchannel->health == HEALTH_UNKNOWN))
            return WEIR_CHANNEL_CONNECTING;
        if (subchannel->state == WEIR_CHANNEL_IDLE)
            state = WEIR_CHANNEL_IDLE;
    }
    return state;
}

static struct weir_subchannel *
first_of(const struct list *subchannels)
{
    return list_empty(subchannels) ? NULL
                                   : container_of(subchannels->next, struct weir_subchannel, link);
}

static weir_connectivity
state_of(const struct weir_channel *channel)
{
    const struct weir_subchannel *only = first_of(&channel->subchannels);

    if (!channel->balancer.type->together || only == NULL)
        return state_of_all(channel);
    return only->state == WEIR_CHANNEL_CONNECTING && only->failing ? WEIR_CHANNEL_FAILURE
                                                                   : only->state;
}

static void
explain(struct weir_channel *channel, const struct weir_subchannel *failed)
{
    if (channel->balancer.type->together)
        snprintf(channel->why, sizeof(channel->why), "cannot reach %s: %s", channel->destination,
            failed->why);
    else
        snprintf(channel->why, sizeof(channel->why),
            "cannot reach %s: all subchannels are in TRANSIENT_FAILURE, the last one, to %s: %s",
            channel->destination, weir_subchannel_address(failed), failed->why);
}

/* Derive the channel's state from its subchannels. */
static void
review(struct weir_channel *channel)
{
    collect_ready(channel);
    client_set_state(channel, state_of(channel));
    client_wake(channel);
}

void
balancer_review(struct weir_channel *channel)
{
    review(channel);
    if (channel->state == WEIR_CHANNEL_FAILURE)
        snprintf(channel->why, sizeof(channel->why),
            "cannot reach %s: all subchannels are in TRANSIENT_FAILURE, or fail too many calls",
            channel->destination);
}

void
balancer_changed(struct weir_subchannel *subchannel)
{
    struct weir_channel *channel = subchannel->channel;

    if (subchannel->state == WEIR_CHANNEL_FAILURE || subchannel->health == HEALTH_BAD)
        explain(channel, subchannel);
    review(channel);
}

void
balancer_fail(struct weir_channel *channel, const char *why)
{
    snprintf(channel->why, sizeof(channel->why), "cannot reach %s: resolver error: %s",
        channel->destination, why);
    client_set_state(channel, WEIR_CHANNEL_FAILURE);
    client_wake(channel);
}

/* ---- lists ---- */

static bool
make_room(struct client_balancer *balancer, size_t count)
{
    struct weir_subchannel **ready;

    if (count <= balancer->room)
        return true;
    ready = realloc(balancer->ready, count * sizeof(*ready));
    if (ready == NULL)
        return false;
    balancer->ready = ready;
    balancer->room = count;
    return true;
}

static void
join_list(struct weir_channel *channel, struct weir_subchannel *subchannel)
{
    const struct client_balancer *balancer = &channel->balancer;

    list_push(&channel->subchannels, &subchannel->link);
    if (balancer->type->added != NULL)
        balancer->type->added(balancer->self, subchannel);
}

static void
part_from_list(struct weir_channel *channel, struct weir_subchannel *subchannel)
{
    const struct client_balancer *balancer = &channel->balancer;

    if (subchannel->picked && balancer->type->changed != NULL)
        balancer->type->changed(balancer->self, subchannel, false);
    if (balancer->type->removed != NULL)
        balancer->type->removed(balancer->self, subchannel);
    subchannel_remove(subchannel);
}

/* Does the new list still have the server of the open connection? Then the connection is kept. */
static bool
stays_connected(const struct weir_subchannel *subchannel, const struct client_endpoints *endpoints)
{
    return subchannel->conn != NULL && endpoints_have_peer(endpoints, subchannel->conn->peer);
}

static weir_code
update_together(struct weir_channel *channel, struct client_endpoints *endpoints)
{
    struct weir_subchannel *old = first_of(&channel->subchannels), *fresh;

    if (old != NULL && endpoints_equal(&old->endpoints, endpoints))
        return WEIR_OK;
    if (old != NULL && stays_connected(old, endpoints)) {
        endpoints_fini(&old->endpoints);
        old->endpoints = *endpoints;
        *endpoints = (struct client_endpoints){NULL, 0};
        return WEIR_OK;
    }
    if (channel->balancer.type == &balancer_pick_first &&
        pick_first_shuffles(channel->balancer.self))
        endpoints_shuffle(endpoints);
    fresh = subchannel_new(channel, endpoints, channel->balancer.type->subchannel_size);
    if (fresh == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (old != NULL) {
        fresh->backoff = old->backoff;
        fresh->failing = old->failing;
        channel->wanted |= old->failing || old->state == WEIR_CHANNEL_CONNECTING;
        part_from_list(channel, old);
    }
    join_list(channel, fresh);
    return WEIR_OK;
}

/* A map by address; borrows the addresses. False: no memory; there is no map. */
static bool
index_subchannels(const struct weir_channel *channel, struct map *out_map)
{
    map_init(out_map, random_u64());
    list_each (link, &channel->subchannels) {
        struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);

        if (!map_put(out_map, weir_str_of(weir_subchannel_address(subchannel)), subchannel)) {
            map_fini(out_map);
            return false;
        }
    }
    return true;
}

static void
drop_all(struct list *subchannels)
{
    list_each_safe (link, subchannels)
        subchannel_close(container_of(link, struct weir_subchannel, link));
}

/* Create subchannels for the endpoints that have none yet. False: no memory. */
static bool
make_missing(struct weir_channel *channel, const struct map *known,
    struct client_endpoints *endpoints, struct list *out_fresh)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        struct client_endpoints one;
        struct weir_subchannel *subchannel;

        if (map_lookup(known, weir_str_of(endpoints->list[i].address)) != NULL)
            continue;
        if (!endpoints_take(&endpoints->list[i], &one))
            return false;
        subchannel = subchannel_new(channel, &one, channel->balancer.type->subchannel_size);
        if (subchannel == NULL) {
            endpoints_fini(&one);
            return false;
        }
        list_push(out_fresh, &subchannel->link);
    }
    return true;
}

/* Subchannels in both lists get the new weight and attributes; the others are removed. */
static void
keep_or_part(struct weir_channel *channel, const struct map *told)
{
    list_each_safe (link, &channel->subchannels) {
        struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);
        struct client_endpoint *own = &subchannel->endpoints.list[0];
        struct client_endpoint *new = map_lookup(told, weir_str_of(own->address));

        if (new != NULL) {
            struct client_endpoint old = *own;

            *own = *new;
            *new = old;
        } else {
            part_from_list(channel, subchannel);
        }
    }
}

static bool
find_missing(
    struct weir_channel *channel, struct client_endpoints *endpoints, struct list *out_fresh)
{
    struct map known;
    bool made = index_subchannels(channel, &known);

    if (!made)
        return false;
    made = make_missing(channel, &known, endpoints, out_fresh);
    map_fini(&known);
    return made;
}

/* New endpoints are moved out of the list; the map's keys remain valid, since the texts do not
 * move. */
static weir_code
update_spread(struct weir_channel *channel, struct client_endpoints *endpoints)
{
    struct list fresh, *link;
    struct map told;

    list_init(&fresh);
    if (!endpoints_index(endpoints, &told))
        return WEIR_RESOURCE_EXHAUSTED;
    if (!find_missing(channel, endpoints, &fresh)) {
        drop_all(&fresh);
        map_fini(&told);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    keep_or_part(channel, &told);
    map_fini(&told);
    while ((link = list_shift(&fresh)) != NULL)
        join_list(channel, container_of(link, struct weir_subchannel, link));
    return WEIR_OK;
}

/* Each may fail at once and so change the channel's state. */
static void
connect_all(struct weir_channel *channel)
{
    list_each_safe (link, &channel->subchannels)
        subchannel_need(container_of(link, struct weir_subchannel, link));
}

weir_code
balancer_update(struct weir_channel *channel, struct client_endpoints *endpoints)
{
    const bool together = channel->balancer.type->together;

    if (!make_room(&channel->balancer, endpoints->count))
        return WEIR_RESOURCE_EXHAUSTED;
    WEIR_TRY(together ? update_together(channel, endpoints) : update_spread(channel, endpoints));
    collect_ready(channel);
    if (channel->wanted || (!together && !channel->resting))
        connect_all(channel);
    channel->wanted = false;
    review(channel);
    return WEIR_OK;
}

void
balancer_switch(struct weir_channel *channel, struct client_balancer *fresh)
{
    list_each_safe (link, &channel->subchannels)
        part_from_list(channel, container_of(link, struct weir_subchannel, link));
    balancer_fini(&channel->balancer);
    channel->balancer = *fresh;
}

void
balancer_close(struct weir_channel *channel)
{
    const struct client_balancer *balancer = &channel->balancer;

    list_each (link, &channel->subchannels) {
        if (balancer->type->removed != NULL)
            balancer->type->removed(
                balancer->self, container_of(link, struct weir_subchannel, link));
    }
    channel->balancer.ready_count = 0;
    drop_all(&channel->subchannels);
    drop_all(&channel->parting);
}

/* ---- requests of calls ---- */

void
balancer_need(struct weir_channel *channel)
{
    bool rested = channel->resting;

    channel->resting = false;
    channel->wanted_at = loop_now(channel->loop);
    if (!channel->resolver.listed) {
        channel->wanted = true;
        resolver_need(&channel->resolver);
        return;
    }
    if (rested)
        resolver_ask_again(&channel->resolver);
    connect_all(channel);
}

int64_t
balancer_retry_at(const struct weir_channel *channel)
{
    int64_t at = WEIR_NEVER;

    if (!channel->resolver.listed)
        return channel->resolver.retry_at;
    list_each (link, &channel->subchannels) {
        const struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);

        if (subchannel->state == WEIR_CHANNEL_FAILURE && subchannel->retry_at < at)
            at = subchannel->retry_at;
    }
    return at;
}

struct weir_subchannel *
balancer_pick(struct weir_channel *channel, const struct weir_call *call)
{
    struct client_balancer *balancer = &channel->balancer;
    struct weir_subchannel *picked;

    if (balancer->ready_count == 0)
        return NULL;
    if (balancer->type->together)
        return balancer->ready[0];
    balancer->choice =
        (struct weir_ready){balancer->ready, balancer->ready_count, loop_now(channel->loop)};
    picked = balancer->type->pick(balancer->self, &balancer->choice, call);
    assert(picked == NULL || picked->picked);
    return picked;
}

bool
balancer_is_quiet(const struct weir_channel *channel)
{
    list_each (link, &channel->subchannels) {
        const struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);

        if (subchannel->calls > 0)
            return false;
    }
    return true;
}

void
balancer_rest(struct weir_channel *channel)
{
    channel->resting = true;
    list_each (link, &channel->subchannels) {
        struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);

        list_each_safe (conn, &subchannel->conns)
            conn_leave(container_of(conn, struct client_conn, link));
    }
}

/* ---- calls that have ended ---- */

bool
balancer_counts(const struct weir_channel *channel)
{
    return !channel->balancer.type->together;
}

/* Cancelled locally, which says nothing about the server. */
static bool
was_cancelled(const struct weir_call *call)
{
    return !call->ended || call->cancelled;
}

void
balancer_call_is_over(struct rpc_transport *transport, struct weir_call *call)
{
    struct client_conn *conn = container_of(transport, struct client_conn, transport);
    struct weir_subchannel *subchannel = conn->subchannel;
    const struct client_balancer *balancer = &subchannel->channel->balancer;
    struct weir_outcome outcome = {
        .code = call->ended ? call->code : WEIR_CANCELLED, .now = loop_now(call->loop)};
    struct weir_load load;

    if (call->attached_at == 0) /* a call that is not counted */
        return;
    subchannel->calls--;
    if (!was_cancelled(call))
        outlier_count(subchannel, outcome.code == WEIR_OK);
    if (balancer->type->done == NULL || subchannel->removed)
        return;
    outcome.duration = outcome.now - call->attached_at;
    if (call->trailers != NULL && load_read(call->trailers, &load))
        outcome.load = &load;
    balancer->type->done(balancer->self, subchannel, &outcome);
}
