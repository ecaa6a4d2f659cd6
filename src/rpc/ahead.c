/* SPDX-License-Identifier: Apache-2.0 */
/* Lets a server's handler see the messages of the calls that follow its own, while they are in the
 * input that its transport is processing and the handler runs on the pump's fiber. */
#include "rpc/call.h"

#define CONTENTS_MAX 32

/* The content's message, if it is exactly one and not compressed. */
static bool
read_content(struct h2_span content, size_t max, weir_str *out_message)
{
    struct wire_prefix prefix;

    if (content.len < WIRE_PREFIX_SIZE || wire_prefix_unpack(content.data, &prefix) != WEIR_OK ||
        prefix.compressed || prefix.len != content.len - WIRE_PREFIX_SIZE || prefix.len > max)
        return false;
    *out_message = (weir_str){(const char *)content.data + WIRE_PREFIX_SIZE, prefix.len};
    return true;
}

/* Does this call run on the pump? */
static bool
is_pumped(const struct rpc_transport *transport, const struct weir_call *call)
{
    return transport != NULL && !transport->broken && transport->pump != NULL &&
           transport->pump->lent_to == call;
}

size_t
weir_call_ahead(weir_call *call, weir_str *out_messages, size_t max)
{
    struct rpc_transport *transport = call->transport;
    struct h2_span contents[CONTENTS_MAX];
    size_t count, known = 0;

    if (!call->is_server || !is_pumped(transport, call) || transport->input.at < transport->ahead)
        return 0;
    transport->ahead = transport->input.at;
    count = h2_conn_ahead(transport->h2, call->headers, &transport->ahead, transport->input.left,
        contents, max < CONTENTS_MAX ? max : CONTENTS_MAX);
    for (size_t i = 0; i < count; i++)
        if (read_content(contents[i], call->max_receive, &out_messages[known]))
            known++;
    return known;
}
