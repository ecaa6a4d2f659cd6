/* SPDX-License-Identifier: Apache-2.0 */
/* Flow control for large messages: how far the window is opened before a message is complete,
 * according to how much of it has arrived and, on a client, to the size of earlier responses. */
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

/* Memory for the whole message is reserved once 1/PART of it has arrived; before that the window
 * admits PART times what has arrived. So a peer that only announces a large message gets neither
 * memory nor budget. */
#define PART_FIRST 16
#define PART_SCARCE 4 /* if more than half of the budget is used */

/* The number of calls after one with a large response that get a window of that size from the
 * start. */
#define FORESIGHTS 16
#define WINDOW_FIRST ((size_t)64 * 1024) /* the initial window of every stream */

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
    /* If the budget does not allow it, the window is opened as the response arrives. */
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
    if (!all && h2_stream_window(call->stream) >= next / 2) { /* not for small amounts */
        rpc_transport_expect(call->transport, call->stream, missing);
        return true;
    }
    if (all && missing > 0 && !call->is_server && call_peer_sends_one(call))
        note_large(call->transport, have + missing + CALL_BEYOND_SINGLE);
    /* A lack of memory is detected when the bytes arrive. */
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
