/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of a channel: the counters of its calls, subchannels and connections. These belong to
 * the loop, so the caller waits for a fiber there. */
#include "client/client.h"
#include "rpc/survey.h"

#include <stdio.h>
#include <weir/connections.h>

struct look {
    struct weir_channel *channel;
    uint64_t from, subchannel;
    size_t max, count;
    struct weir_channel_stats *stats;
    struct weir_subchannel_stats *subchannels;
    struct weir_connection *connections;
};

/* ---- the channel ---- */

static void
look_at_channel(void *arg)
{
    struct look *look = arg;
    const struct weir_channel *channel = look->channel;

    *look->stats = (struct weir_channel_stats){.target = channel->target.text,
        .state = channel->state,
        .calls_started = channel->calls_started,
        .calls_succeeded = channel->calls_succeeded,
        .calls_failed = channel->calls_failed,
        .last_call = channel->last_call};
}

weir_code
weir_channel_stats(weir_channel *channel, struct weir_channel_stats *out_stats)
{
    struct look look = {.channel = channel, .stats = out_stats};

    return fiber_run_on(channel->loop, look_at_channel, &look);
}

/* ---- subchannels ---- */

/* The subchannel with the lowest number of at least `from`, in both lists; NULL: none. */
static const struct weir_subchannel *
next_subchannel(const struct weir_channel *channel, uint64_t from)
{
    const struct list *lists[] = {&channel->subchannels, &channel->parting};
    const struct weir_subchannel *found = NULL;

    for (size_t i = 0; i < 2; i++) {
        list_each (link, lists[i]) {
            const struct weir_subchannel *one = container_of(link, struct weir_subchannel, link);

            if (one->number >= from && (found == NULL || one->number < found->number))
                found = one;
        }
    }
    return found;
}

static void
add_counts(const struct rpc_transport *transport, struct weir_subchannel_stats *stats)
{
    stats->calls_started += transport->counts.streams;
    stats->calls_succeeded += transport->counts.streams_succeeded;
    stats->calls_failed += transport->counts.streams_failed;
    if (transport->times.stream > stats->last_call)
        stats->last_call = transport->times.stream;
}

static void
copy_subchannel(const struct weir_subchannel *subchannel, struct weir_subchannel_stats *stats)
{
    const struct client_endpoints *endpoints = &subchannel->endpoints;

    *stats = subchannel->past;
    stats->number = subchannel->number;
    stats->state = subchannel->state;
    snprintf(stats->address, sizeof(stats->address), "%s",
        endpoints->count == 0 ? "" : endpoints->list[0].address);
    stats->address_count = endpoints->count;
    list_each (link, &subchannel->conns)
        add_counts(&container_of(link, struct client_conn, link)->transport, stats);
}

static void
look_at_subchannels(void *arg)
{
    struct look *look = arg;
    const struct weir_subchannel *one;

    while (look->count < look->max && (one = next_subchannel(look->channel, look->from)) != NULL) {
        copy_subchannel(one, &look->subchannels[look->count++]);
        look->from = one->number + 1;
    }
}

weir_code
weir_channel_subchannels(weir_channel *channel, uint64_t from, size_t max,
    struct weir_subchannel_stats *out_list, size_t *out_count)
{
    struct look look = {.channel = channel, .from = from, .max = max, .subchannels = out_list};

    WEIR_TRY(fiber_run_on(channel->loop, look_at_subchannels, &look));
    *out_count = look.count;
    return WEIR_OK;
}

void
client_keep_counts(struct client_conn *conn)
{
    add_counts(&conn->transport, &conn->subchannel->past);
}

/* ---- connections ---- */

static const struct client_conn *
next_of(const struct weir_subchannel *subchannel, uint64_t from, const struct client_conn *found)
{
    list_each (link, &subchannel->conns) {
        const struct client_conn *one = container_of(link, struct client_conn, link);

        if (one->number >= from && (found == NULL || one->number < found->number))
            found = one;
    }
    return found;
}

/* Of one subchannel, if the request names one, or of all. */
static const struct client_conn *
next_connection(const struct look *look)
{
    const struct weir_channel *channel = look->channel;
    const struct list *lists[] = {&channel->subchannels, &channel->parting};
    const struct client_conn *found = NULL;

    for (size_t i = 0; i < 2; i++) {
        list_each (link, lists[i]) {
            const struct weir_subchannel *one = container_of(link, struct weir_subchannel, link);

            if (look->subchannel == 0 || one->number == look->subchannel)
                found = next_of(one, look->from, found);
        }
    }
    return found;
}

static void
look_at_connections(void *arg)
{
    struct look *look = arg;
    const struct client_conn *one;

    while (look->count < look->max && (one = next_connection(look)) != NULL) {
        struct weir_connection *out = &look->connections[look->count++];

        *out = (struct weir_connection){.number = one->number, .since = one->since};
        rpc_transport_survey(&one->transport, out);
        look->from = one->number + 1;
    }
}

weir_code
weir_channel_connections(weir_channel *channel, uint64_t subchannel, uint64_t from, size_t max,
    struct weir_connection *out_list, size_t *out_count)
{
    struct look look = {.channel = channel,
        .subchannel = subchannel,
        .from = from,
        .max = max,
        .connections = out_list};

    WEIR_TRY(fiber_run_on(channel->loop, look_at_connections, &look));
    *out_count = look.count;
    return WEIR_OK;
}
