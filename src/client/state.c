/* SPDX-License-Identifier: Apache-2.0 */
/* Connectivity: a channel's state, and waiting until it changes. */
#include "client/client.h"

#include "rpc/deadline.h"

struct channel_watcher {
    struct list link;
    struct fiber *fiber;
    struct loop_timer timer;
    bool late;
};

void
client_set_state(struct weir_channel *channel, weir_connectivity state)
{
    if (channel->state == state)
        return;
    channel->state = state;
    list_each (link, &channel->watchers)
        fiber_wake(container_of(link, struct channel_watcher, link)->fiber);
}

struct state_op {
    struct weir_channel *channel;
    weir_connectivity state;
    int64_t timeout;
    weir_code code;
};

static void
look_on_fiber(void *arg)
{
    struct state_op *op = arg;

    op->state = op->channel->state;
}

weir_connectivity
weir_channel_connectivity(weir_channel *channel)
{
    struct state_op op = {.channel = channel, .state = WEIR_CHANNEL_IDLE};

    /* Without a fiber the state cannot be read; calls would fail, too. */
    if (fiber_run_on(channel->loop, look_on_fiber, &op) != WEIR_OK)
        return WEIR_CHANNEL_FAILURE;
    return op.state;
}

static void
connect_on_fiber(void *arg)
{
    struct weir_channel *channel = ((struct state_op *)arg)->channel;

    if (channel->state != WEIR_CHANNEL_READY)
        balancer_need(channel);
}

weir_code
weir_channel_connect(weir_channel *channel)
{
    struct state_op op = {.channel = channel};

    return fiber_run_on(channel->loop, connect_on_fiber, &op);
}

static void
is_late(struct loop_timer *timer)
{
    struct channel_watcher *watcher = container_of(timer, struct channel_watcher, timer);

    watcher->late = true;
    fiber_wake(watcher->fiber);
}

static void
watch_on_fiber(void *arg)
{
    struct state_op *op = arg;
    struct weir_channel *channel = op->channel;
    struct channel_watcher watcher = {.fiber = fiber_current()};
    weir_connectivity last = op->state;

    loop_timer_init(&watcher.timer, is_late);
    op->code = loop_timer_start(
        channel->loop, &watcher.timer, deadline_after(loop_now(channel->loop), op->timeout));
    if (op->code != WEIR_OK)
        return;
    list_push(&channel->watchers, &watcher.link);
    while (channel->state == last && !watcher.late)
        fiber_park();
    list_remove(&watcher.link);
    loop_timer_stop(channel->loop, &watcher.timer);
    op->code = channel->state == last ? WEIR_DEADLINE_EXCEEDED : WEIR_OK;
    op->state = channel->state;
}

weir_code
weir_channel_watch(weir_channel *channel, weir_connectivity last, int64_t timeout,
    weir_connectivity *out_connectivity)
{
    struct state_op op = {.channel = channel, .state = last, .timeout = timeout};

    WEIR_TRY(fiber_run_on(channel->loop, watch_on_fiber, &op));
    if (op.code == WEIR_OK)
        *out_connectivity = op.state;
    return op.code;
}
