/* SPDX-License-Identifier: Apache-2.0 */
/* Lingering close: connections of a loop that are closed, but still read.
 *
 * Data that arrives at a closed socket makes the kernel send a reset, and a reset makes the peer's
 * kernel discard what the peer has not read yet: the last frames, which say why the connection was
 * closed. So the sending side is shut down, then input is read and discarded for a bounded time. */
#include "net/private.h"

#include <errno.h>
#include <stdlib.h>

#define LINGER_TIME WEIR_SECOND

/* More than a conforming peer can have in flight. One that sends more fills the kernel's buffer and
 * then blocks. */
#define LINGER_BYTES ((uint32_t)4 * 1024 * 1024)

/* Per loop. Their owners no longer count them, so without a limit a flood of refused connections
 * would exhaust the descriptors. */
#define LINGERING_MAX 256u

void
net_linger_stop(struct net_conn *conn)
{
    struct net_loop *net = loop_local(conn->loop, LOOP_LOCAL_NET);

    if (list_empty(&conn->lingering))
        return;
    net->lingering_count--;
    list_remove(&conn->lingering);
}

static void
free_net_loop(void *value)
{
    struct net_loop *net = value;

    list_each_safe (link, &net->lingering)
        net_conn_discard(container_of(link, struct net_conn, lingering));
    free(net);
}

bool
net_loop_make(weir_loop *loop)
{
    struct net_loop *net = loop_local(loop, LOOP_LOCAL_NET);

    if (net != NULL)
        return true;
    if ((net = malloc(sizeof(*net))) == NULL)
        return false;
    *net = (struct net_loop){.lingering_count = 0};
    list_init(&net->lingering);
    loop_set_local(loop, LOOP_LOCAL_NET, net, free_net_loop);
    return true;
}

weir_code
net_count(weir_loop *loop, struct net_counters *counters)
{
    struct net_loop *net;

    if (!net_loop_make(loop))
        return WEIR_RESOURCE_EXHAUSTED;
    net = loop_local(loop, LOOP_LOCAL_NET);
    net->counters = counters;
    return WEIR_OK;
}

static void
on_linger_over(struct loop_timer *timer)
{
    net_conn_discard(container_of(timer, struct net_conn, timer));
}

/* Flush TLS output, then read and discard until the peer closes too. */
static void
on_linger(uv_poll_t *poll, int status, int events)
{
    struct net_conn *conn = container_of(poll, struct net_conn, poll);
    ssize_t got = net_recv(conn->fd, loop_scratch(conn->loop), LOOP_SCRATCH_SIZE);

    if (status < 0 || got == 0 || (got < 0 && !net_would_block(errno))) {
        net_conn_discard(conn);
        return;
    }
    conn->lingered += got > 0 ? (uint32_t)got : 0;
    if ((events & UV_WRITABLE) != 0)
        tls_session_flush(conn->tls);
    if (conn->tls != NULL && tls_session_has_output(conn->tls))
        return;
    if ((events & UV_WRITABLE) != 0 && shutdown(conn->fd, SHUT_WR) != 0)
        net_conn_discard(conn);
    else
        net_conn_poll(conn, conn->lingered < LINGER_BYTES ? UV_READABLE : 0, on_linger);
}

bool
net_linger(struct net_conn *conn)
{
    struct net_loop *net = loop_local(conn->loop, LOOP_LOCAL_NET);
    int64_t until = loop_now(conn->loop) + LINGER_TIME;
    bool waits = conn->tls != NULL && tls_session_has_output(conn->tls);

    net_conn_wait(conn, true);
    loop_timer_stop(conn->loop, &conn->timer);
    loop_timer_init(&conn->timer, on_linger_over);
    if ((!waits && shutdown(conn->fd, SHUT_WR) != 0) ||
        loop_timer_start(conn->loop, &conn->timer, until) != WEIR_OK)
        return false;
    if (net->lingering_count == LINGERING_MAX) {
        if (net->counters != NULL)
            counter_add(&net->counters->unlingered, 1);
        net_conn_discard(container_of(net->lingering.next, struct net_conn, lingering));
    }
    net->lingering_count++;
    list_push(&net->lingering, &conn->lingering);
    net_conn_poll(conn, UV_READABLE | (waits ? UV_WRITABLE : 0), on_linger);
    return true;
}
