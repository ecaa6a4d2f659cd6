/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a large message is let in before its end: by how much of it is there, and, on a
 * client, by what the calls before were answered with. */
#include "rpc/call.h"

const char call_too_much_unread[] = "too many bytes wait to be read already";

static bool
hold(struct weir_call *call, size_t more)
{
    struct h2_budget *budget = call->shared->budget;

    budget->held += more;
    call->held += more;
    if (budget->held <= budget->held_limit)
        return true;
    counter_add(&budget->denied, 1);
    return false;
}

static bool
is_bounded(const struct weir_call *call)
{
    return call->shared->budget != NULL && call->shared->budget->held_limit > 0;
}

bool
call_hold_more(struct weir_call *call)
{
    size_t before = call->held - call->inflated;

    return !is_bounded(call) || call->incoming.cap <= before ||
           hold(call, call->incoming.cap - before);
}

bool
call_hold_inflated(struct weir_call *call, size_t len)
{
    if (!is_bounded(call) || len <= CALL_KEEP_INCOMING)
        return true;
    call->inflated += len;
    return hold(call, len);
}

static void
let_go(struct weir_call *call, size_t len)
{
    call->shared->budget->held -= len;
    call->held -= len;
    call->inflated = 0;
}

void
call_hold_none(struct weir_call *call)
{
    let_go(call, call->held);
}

void
call_hold_no_inflated(struct weir_call *call)
{
    let_go(call, call->inflated);
}

/* So much of a message must be there before all of its memory is asked for, and so many times what
 * is there may be under way: whoever only announces a large one gets neither memory nor budget. */
#define PART_FIRST 16
#define PART_SCARCE 4 /* while more than half of the budget is used */

/* Calls after one with a large answer for which the like of it is let in from the beginning. */
#define FORESIGHTS 16
#define WINDOW_FIRST ((size_t)64 * 1024) /* of every stream */

static void
note_large(struct rpc_transport *transport, size_t len)
{
    if (len <= WINDOW_FIRST)
        return;
    transport->last_large = len < RPC_STREAM_WINDOW ? (uint32_t)len : RPC_STREAM_WINDOW;
    transport->foresights = FORESIGHTS;
}

void
call_foresee(struct weir_call *call)
{
    struct rpc_transport *transport = call->transport;

    if (transport->foresights == 0 || !call_peer_sends_one(call) ||
        h2_conn_budget_is_scarce(transport->h2))
        return;
    transport->foresights--;
    /* Without the budget it is let in as it comes. */
    (void)!h2_stream_expect(transport->h2, call->stream, transport->last_large);
}

bool
call_expect(struct weir_call *call, size_t missing, size_t beyond)
{
    size_t have = buf_len(&call->incoming), part, next;
    bool all;

    if (call->stream == NULL || call->receive_closed)
        return true;
    part = h2_conn_budget_is_scarce(call->transport->h2) ? PART_SCARCE : PART_FIRST;
    all = missing / part < have;
    next = all ? missing + beyond : part * have;
    if (!all && h2_stream_window(call->stream) >= next / 2) { /* told in lumps */
        rpc_transport_expect(call->transport, call->stream, missing);
        return true;
    }
    if (all && missing > 0 && !call->is_server && call_peer_sends_one(call))
        note_large(call->transport, have + missing + CALL_BEYOND_SINGLE);
    /* Without the memory it comes to light when the bytes are there. */
    if (all && missing > 0)
        buf_reserve(&call->incoming, missing + 1); /* see may_stay of message.c */
    call->let_in = true;
    rpc_transport_touch(call->transport);
    if (!h2_stream_expect(call->transport->h2, call->stream, next))
        return false;
    if (missing >= CALL_LENT_MOST)
        rpc_transport_expect(call->transport, call->stream, missing);
    return true;
}

void
call_note_part(struct weir_call *call)
{
    if (!call->is_server || call->comes_since != 0)
        return;
    call->comes_since = loop_now(call->loop);
    call->comes_left = CALL_PROGRESS;
    call->transport->has_waited = true;
}
