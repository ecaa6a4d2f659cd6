/* SPDX-License-Identifier: Apache-2.0 */
/* Keepalive (gRFC A8): a peer that has been silent for some time is sent a PING, and if it remains
 * silent the connection is lost. Anything that the peer sends counts as a response. Without this,
 * calls would hang forever if the network lost the peer unnoticed. */
#include "rpc/call.h"
#include "rpc/deadline.h"

#define KEEPALIVE_PING UINT64_C(0x776569726c697665)

/* Without memory for the timer the connection continues without keepalive. */
static void
look_again(struct rpc_transport *transport, int64_t due)
{
    if (loop_timer_start(transport->loop, &transport->keepalive_timer, due) != WEIR_OK)
        transport->asked_at = 0;
}

static bool
is_unanswered(const struct rpc_transport *transport)
{
    return transport->asked_at != 0 && transport->read_at < transport->asked_at;
}

static void
ask(struct rpc_transport *transport, int64_t now)
{
    h2_conn_ping(transport->h2, KEEPALIVE_PING);
    transport->counts.pings++;
    rpc_transport_touch(transport);
    transport->asked_at = now;
}

/* The next time to check: the timeout of the PING, or the end of another period of silence. */
static int64_t
next_look(const struct rpc_transport *transport, int64_t now)
{
    const struct rpc_keepalive *keepalive = &transport->keepalive;

    if (is_unanswered(transport))
        return deadline_after(transport->asked_at, keepalive->timeout);
    return deadline_after(now, keepalive->time);
}

void
rpc_keepalive_due(struct loop_timer *timer)
{
    struct rpc_transport *transport = container_of(timer, struct rpc_transport, keepalive_timer);
    const struct rpc_keepalive *keepalive = &transport->keepalive;
    int64_t now = loop_now(transport->loop);
    int64_t due = deadline_after(transport->read_at, keepalive->time);

    if (is_unanswered(transport)) {
        rpc_transport_lose(transport, "the peer does not answer: keepalive timeout");
        return;
    }
    if (due > now) {
        look_again(transport, due);
        return;
    }
    if (keepalive->without_calls || h2_conn_stream_count(transport->h2) > 0)
        ask(transport, now);
    look_again(transport, next_look(transport, now));
}

/* The PING was acknowledged: the next period of silence starts. */
void
rpc_keepalive_answered(struct rpc_transport *transport)
{
    if (transport->asked_at == 0)
        return;
    transport->asked_at = 0;
    look_again(transport, deadline_after(transport->read_at, transport->keepalive.time));
}

void
rpc_transport_keep_alive(struct rpc_transport *transport, const struct rpc_keepalive *keepalive)
{
    transport->keepalive = *keepalive;
    look_again(transport, deadline_after(loop_now(transport->loop), keepalive->time));
}
