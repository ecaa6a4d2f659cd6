/* SPDX-License-Identifier: Apache-2.0 */
/* Acquires a stream for a call. If necessary the call waits until a subchannel can be picked, and
 * then in the subchannel's queue, first come, first served. */
#include "client/session.h"

void
client_wake(struct weir_channel *channel)
{
    list_each_safe (link, &channel->waiting)
        call_advance(container_of(link, struct client_waiter, link)->call);
}

void
client_wake_first(struct weir_subchannel *subchannel)
{
    if (list_empty(&subchannel->waiting))
        return;
    if (subchannel->state == WEIR_CHANNEL_READY && conn_with_room(subchannel) == NULL) {
        subchannel_grow(subchannel);
        return;
    }
    call_advance(container_of(subchannel->waiting.next, struct client_waiter, link)->call);
}

void
client_dissolve_line(struct weir_subchannel *subchannel)
{
    struct list *link;

    while ((link = list_shift(&subchannel->waiting)) != NULL) {
        struct client_waiter *waiter = container_of(link, struct client_waiter, link);

        waiter->subchannel = NULL;
        call_advance(waiter->call);
    }
}

static weir_code
attach(struct client_conn *conn, struct weir_call *call)
{
    struct h2_stream *stream = h2_stream_open(conn->transport.h2);

    conn->used = true;
    conn->subchannel->channel->uses++;
    if (stream == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for a stream");
    call_attach(call, &conn->transport, stream);
    if (conn->transport.detached != NULL) {
        call->attached_at = loop_now(call->loop);
        conn->subchannel->calls++;
    }
    if (call->peer == NULL || strcmp(call->peer, conn->peer) != 0)
        call->peer = arena_dup(call_texts(call), weir_str_of(conn->peer));
    return WEIR_OK;
}

/* Is it this call's turn for the next stream? */
static bool
is_first(const struct weir_subchannel *subchannel, const struct client_waiter *waiter)
{
    return list_empty(&subchannel->waiting) || subchannel->waiting.next == &waiter->link;
}

/* False: the call has to wait. */
static bool
take_stream(struct weir_subchannel *subchannel, struct client_waiter *waiter, weir_code *out_code)
{
    struct client_conn *conn;

    waiter->subchannel = subchannel;
    if (!is_first(subchannel, waiter))
        return false;
    conn = conn_with_room(subchannel);
    if (conn == NULL) {
        subchannel_grow(subchannel);
        return false;
    }
    *out_code = attach(conn, waiter->call);
    return true;
}

/* How often to pick, in search of a server that has no other attempt of a hedged call. */
#define PICKS 3

/* Hedges go to different servers if possible (gRFC A6). */
static struct weir_subchannel *
pick(struct weir_channel *channel, const struct weir_call *call)
{
    struct weir_subchannel *picked = balancer_pick(channel, call);

    for (int i = 1; i < PICKS && picked != NULL && call->previous_attempts > 0 &&
                    channel->balancer.ready_count > 1 && hedge_is_at(call, picked);
         i++)
        picked = balancer_pick(channel, call);
    return picked;
}

/* False: the call has to wait. */
static bool
try_acquire(struct weir_channel *channel, struct client_waiter *waiter, weir_code *out_code)
{
    struct weir_subchannel *picked = waiter->subchannel;
    struct weir_call *call = waiter->call;

    if (call->ended) {
        *out_code = call->code;
        return true;
    }
    if (picked == NULL) {
        list_remove(&waiter->link);
        if (channel->balancer.ready_count == 0)
            balancer_need(channel);
        picked = pick(channel, call);
    }
    if (picked != NULL)
        return take_stream(picked, waiter, out_code);
    if (channel->state != WEIR_CHANNEL_FAILURE || call->wait_for_ready)
        return false;
    *out_code = weir_fail(call, WEIR_UNAVAILABLE, "%s", channel->why);
    return true;
}

/* Wait-for-ready calls try again after the backoff. */
static bool
arm_retry(struct weir_channel *channel)
{
    return channel->state != WEIR_CHANNEL_FAILURE ||
           loop_timer_start(channel->loop, &channel->retry, balancer_retry_at(channel)) == WEIR_OK;
}

static void
stand_in_line(struct weir_channel *channel, struct client_waiter *waiter)
{
    if (list_empty(&waiter->link))
        list_push(waiter->subchannel != NULL ? &waiter->subchannel->waiting : &channel->waiting,
            &waiter->link);
}

weir_code
client_acquire(struct weir_channel *channel, struct weir_call *call)
{
    struct client_waiter waiter = {.call = call};
    weir_code code;

    list_init(&waiter.link);
    while (!try_acquire(channel, &waiter, &code)) {
        stand_in_line(channel, &waiter);
        if (!arm_retry(channel)) {
            code = weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for a timer");
            break;
        }
        call_park(call);
    }
    list_remove(&waiter.link);
    if (waiter.subchannel != NULL)
        client_wake_first(waiter.subchannel);
    return code;
}

/* A resolver's config arrives with its first list. */
void
client_await_config(struct weir_channel *channel, struct weir_call *call)
{
    struct client_waiter waiter = {.call = call};

    list_init(&waiter.link);
    while (!channel->resolver.listed && call_arm_deadline(call)) {
        balancer_need(channel);
        if (channel->resolver.listed ||
            (channel->state == WEIR_CHANNEL_FAILURE && !call->wait_for_ready) ||
            !arm_retry(channel))
            break;
        stand_in_line(channel, &waiter);
        call_park(call);
        list_remove(&waiter.link);
    }
}
