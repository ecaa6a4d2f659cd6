/* SPDX-License-Identifier: Apache-2.0 */
/* The identity of a call's peer, copied from the connection because the call may outlive it. */
#include "rpc/call.h"

static const char *
copy(struct arena *arena, const char *text, bool *failed)
{
    const char *made = text == NULL ? NULL : arena_dup(arena, weir_str_of(text));

    *failed = *failed || (text != NULL && made == NULL);
    return made;
}

static const char *const *
copy_all(struct arena *arena, const char *const *texts, size_t count, bool *failed)
{
    const char **made = arena_alloc(arena, count * sizeof(char *));

    *failed = *failed || made == NULL;
    for (size_t i = 0; i < count && !*failed; i++)
        made[i] = copy(arena, texts[i], failed);
    return made;
}

static const struct weir_peer_identity *
copy_identity(struct arena *arena, const struct weir_peer_identity *from)
{
    struct weir_peer_identity *to = arena_alloc(arena, sizeof(*to));
    bool failed = false;

    if (to == NULL)
        return NULL;
    *to = *from;
    to->subject = copy(arena, from->subject, &failed);
    to->common_name = copy(arena, from->common_name, &failed);
    to->dns_names = copy_all(arena, from->dns_names, from->dns_name_count, &failed);
    to->uris = copy_all(arena, from->uris, from->uri_count, &failed);
    return failed ? NULL : to;
}

const struct weir_peer_identity *
weir_call_peer_identity(weir_call *call)
{
    const struct weir_peer_identity *found;

    if (call->identity != NULL || !call->is_server || call->transport == NULL)
        return call->identity;
    found = net_conn_identity(call->transport->net);
    if (found != NULL)
        call->identity = copy_identity(&call->arena, found);
    return call->identity;
}
