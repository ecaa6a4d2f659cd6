/* SPDX-License-Identifier: Apache-2.0 */
/* Limits how long a connection may occupy a turn of its loop, so that others do not wait for long.
 */
#include "net/private.h"

/* After this time a turn's remaining work is deferred. */
#define TURN_TIME (500 * WEIR_MICROSECOND)

/* Delay between reported ends, when many connections end at once. */
#define END_TIME (30 * WEIR_MICROSECOND)

bool
net_turn_is_long(weir_loop *loop)
{
    return weir_now() - loop_now(loop) > TURN_TIME;
}

/* Should the connection continue in the next turn? Polling then reports the rest of a socket's
 * input, but not an end of file already seen by TLS, or the rest of a pipe's. */
bool
net_conn_others_wait(const struct net_conn *conn)
{
    if (conn->pipe != NULL || (conn->tls != NULL && tls_session_is_over(conn->tls)))
        return false;
    return net_turn_is_long(conn->loop);
}

/* One closed connection takes little time, but thousands that are closed at once would delay
 * everything else: once a turn has lasted long, the remaining ends are put off, each to a time of
 * its own, and only once. */
bool
net_conn_put_off(struct net_conn *conn)
{
    struct net_loop *net = loop_local(conn->loop, LOOP_LOCAL_NET);
    int64_t now = loop_now(conn->loop);

    if (conn->overdue || conn->lowat != 0 ||
        !net_conn_others_wait(conn)) /* lowat != 0: the timer is in use */
        return false;
    net->next_end = (net->next_end > now ? net->next_end : now) + END_TIME;
    if (loop_timer_start(conn->loop, &conn->timer, net->next_end) != WEIR_OK)
        return false;
    conn->put_off = conn->overdue = true;
    return true;
}
