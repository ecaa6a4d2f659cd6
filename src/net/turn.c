/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection may take of a turn of its loop, so that those behind it do not wait for long.
 */
#include "net/private.h"

/* A turn that has lasted longer is left to others. */
#define TURN_TIME (500 * WEIR_MICROSECOND)

/* From one connection to the next, when many end at once. */
#define END_TIME (30 * WEIR_MICROSECOND)

bool
net_turn_is_long(weir_loop *loop)
{
    return weir_now() - loop_now(loop) > TURN_TIME;
}

/* Should it go on on the next turn? Of what a socket has left a poll tells then; not so of the end
 * that TLS has seen already, or of what is left in a pipe. */
bool
net_conn_others_wait(const struct net_conn *conn)
{
    if (conn->pipe != NULL || (conn->tls != NULL && tls_session_is_over(conn->tls)))
        return false;
    return net_turn_is_long(conn->loop);
}

/* A connection that its peer has ended keeps nobody waiting, but thousands that end together would
 * keep everybody: once a turn has lasted long, the ends that are left are told one after the other,
 * each at a time of its own, and once. */
bool
net_conn_put_off(struct net_conn *conn)
{
    struct net_loop *net = loop_local(conn->loop, LOOP_LOCAL_NET);
    int64_t now = loop_now(conn->loop);

    if (conn->overdue || conn->lowat != 0 ||
        !net_conn_others_wait(conn)) /* lowat: the timer is in use */
        return false;
    net->next_end = (net->next_end > now ? net->next_end : now) + END_TIME;
    if (loop_timer_start(conn->loop, &conn->timer, net->next_end) != WEIR_OK)
        return false;
    conn->put_off = conn->overdue = true;
    return true;
}
