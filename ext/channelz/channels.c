/* SPDX-License-Identifier: Apache-2.0 */
/* Channels and subchannels. Lists of parts, which may have any length, are read from the channel
 * piece by piece. */
#include "channelz/channelz.h"

#define PIECE 64

/* A growable list of messages, in an arena. */
struct refs {
    void **list;
    size_t count, room;
};

/* False: no memory. */
static bool
append(weir_call *call, struct refs *refs, void *message)
{
    void **larger;

    if (refs->count == refs->room) {
        refs->room = refs->room == 0 ? PIECE : 2 * refs->room;
        larger = weir_call_alloc(call, refs->room * sizeof(void *));
        if (larger == NULL)
            return false;
        if (refs->count > 0)
            memcpy((void *)larger, (void *)refs->list, refs->count * sizeof(void *));
        refs->list = larger;
    }
    if (message != NULL)
        refs->list[refs->count++] = message;
    return message != NULL;
}

/* ---- channels ---- */

static weir_channel *
channel_of(const weir_channelz *channelz, int64_t id)
{
    const struct channelz_owner *owner = channelz_owner_of(channelz, id);

    return owner == NULL ? NULL : owner->channel;
}

static Grpc__Channelz__V1__SubchannelRef *
new_subchannel_ref(weir_call *call, int64_t id, const char *name)
{
    Grpc__Channelz__V1__SubchannelRef *ref = weir_call_alloc(call, sizeof(*ref));

    if (ref == NULL)
        return NULL;
    grpc__channelz__v1__subchannel_ref__init(ref);
    ref->subchannel_id = id;
    ref->name = weir_call_dup(call, weir_str_of(name));
    return ref->name == NULL ? NULL : ref;
}

static weir_code
tell_subchannels(
    weir_call *call, weir_channel *channel, int64_t first, Grpc__Channelz__V1__Channel *told)
{
    struct weir_subchannel_stats *piece = weir_call_alloc(call, PIECE * sizeof(*piece));
    struct refs refs = {NULL, 0, 0};
    uint64_t from = 0;
    size_t count;

    do {
        if (piece == NULL)
            return channelz_fail_memory(call);
        WEIR_TRY(weir_channel_subchannels(channel, from, PIECE, piece, &count));
        for (size_t i = 0; i < count; i++) {
            int64_t id = first + (int64_t)piece[i].number;

            if (!append(call, &refs, new_subchannel_ref(call, id, piece[i].address)))
                return channelz_fail_memory(call);
            from = piece[i].number + 1;
        }
    } while (count == PIECE);
    told->subchannel_ref = (Grpc__Channelz__V1__SubchannelRef **)refs.list;
    told->n_subchannel_ref = refs.count;
    return WEIR_OK;
}

static weir_code
tell_channel(
    weir_call *call, weir_channel *channel, int64_t id, Grpc__Channelz__V1__Channel **out_channel)
{
    Grpc__Channelz__V1__Channel *told = weir_call_alloc(call, sizeof(*told));
    Grpc__Channelz__V1__ChannelRef *ref = weir_call_alloc(call, sizeof(*ref));
    struct weir_channel_stats stats;

    if (told == NULL || ref == NULL)
        return channelz_fail_memory(call);
    WEIR_TRY(weir_channel_stats(channel, &stats));
    grpc__channelz__v1__channel__init(told);
    grpc__channelz__v1__channel_ref__init(ref);
    ref->channel_id = id;
    told->ref = ref;
    told->data = channelz_channel_data(call, &stats);
    if (told->data == NULL)
        return channelz_fail_memory(call);
    ref->name = told->data->target;
    *out_channel = told;
    return tell_subchannels(call, channel, channelz_first_part(id), told);
}

weir_code
channelz_get_top_channels(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetTopChannelsRequest *request,
    Grpc__Channelz__V1__GetTopChannelsResponse *out)
{
    const weir_channelz *channelz = self;
    size_t most = channelz_page_size(request->max_results);
    int64_t id = request->start_channel_id;

    WEIR_TRY(channelz_check_page(call, request->start_channel_id, request->max_results));
    out->channel = weir_call_alloc(call, most * sizeof(*out->channel));
    if (out->channel == NULL)
        return channelz_fail_memory(call);
    for (; id <= (int64_t)channelz->count && out->n_channel < most; id++) {
        weir_channel *channel = channel_of(channelz, id);

        if (channel == NULL)
            continue;
        WEIR_TRY(tell_channel(call, channel, id, &out->channel[out->n_channel]));
        out->n_channel++;
    }
    while (id <= (int64_t)channelz->count && channel_of(channelz, id) == NULL)
        id++;
    out->end = id > (int64_t)channelz->count;
    return WEIR_OK;
}

weir_code
channelz_get_channel(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetChannelRequest *request,
    Grpc__Channelz__V1__GetChannelResponse *out)
{
    weir_channel *channel = channel_of(self, request->channel_id);

    if (channel == NULL)
        return channelz_fail_unknown(call, "channel", request->channel_id);
    return tell_channel(call, channel, request->channel_id, &out->channel);
}

/* ---- subchannels ---- */

static weir_code
tell_sockets(weir_call *call, weir_channel *channel, uint64_t number, int64_t first,
    Grpc__Channelz__V1__Subchannel *told)
{
    struct weir_connection *piece = weir_call_alloc(call, PIECE * sizeof(*piece));
    struct refs refs = {NULL, 0, 0};
    uint64_t from = 0;
    size_t count;

    do {
        if (piece == NULL)
            return channelz_fail_memory(call);
        WEIR_TRY(weir_channel_connections(channel, number, from, PIECE, piece, &count));
        for (size_t i = 0; i < count; i++) {
            int64_t id = first + (int64_t)piece[i].number;

            if (!append(call, &refs, channelz_socket_ref(call, id, piece[i].peer_text)))
                return channelz_fail_memory(call);
            from = piece[i].number + 1;
        }
    } while (count == PIECE);
    told->socket_ref = (Grpc__Channelz__V1__SocketRef **)refs.list;
    told->n_socket_ref = refs.count;
    return WEIR_OK;
}

weir_code
channelz_get_subchannel(void *self, weir_call *call,
    const Grpc__Channelz__V1__GetSubchannelRequest *request,
    Grpc__Channelz__V1__GetSubchannelResponse *out)
{
    int64_t id = request->subchannel_id;
    const struct channelz_owner *owner = channelz_owner_of_part(self, id);
    uint64_t number = channelz_number_of(id);
    Grpc__Channelz__V1__Subchannel *told = weir_call_alloc(call, sizeof(*told));
    struct weir_subchannel_stats stats;
    size_t count = 0;

    if (owner != NULL && owner->channel != NULL && (id & CHANNELZ_LISTENS) == 0)
        WEIR_TRY(weir_channel_subchannels(owner->channel, number, 1, &stats, &count));
    if (count == 0 || stats.number != number)
        return channelz_fail_unknown(call, "subchannel", id);
    if (told == NULL)
        return channelz_fail_memory(call);
    grpc__channelz__v1__subchannel__init(told);
    told->ref = new_subchannel_ref(call, id, stats.address);
    told->data = channelz_subchannel_data(call, &stats);
    if (told->ref == NULL || told->data == NULL)
        return channelz_fail_memory(call);
    out->subchannel = told;
    return tell_sockets(call, owner->channel, number, id - (int64_t)number, told);
}
