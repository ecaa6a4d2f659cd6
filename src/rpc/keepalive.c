/* SPDX-License-Identifier: Apache-2.0 */
/* Keepalive (gRFC A8): a peer that has been silent for a while gets a PING, and one that is silent
 * on gets given up. Anything it sends counts as an answer. A network that lost the peer without a
 * word would else keep its calls for ever. */
#include "rpc/call.h"
#include "rpc/deadline.h"

#define KEEPALIVE_PING UINT64_C(0x776569726c697665)

/* Without memory for the timer the connection goes on, unwatched. */
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

/* When there is something to see at the earliest: the answer's time is over, or another silence. */
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

/* The answer came: from its time on the next silence counts. */
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
