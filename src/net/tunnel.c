/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnels through a proxy: CONNECT on a connection to it (RFC 9110, section 9.3.6). Only the head
 * of its response is read, since what follows comes from the server. */
#include "http1/connect.h"
#include "net/private.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct net_tunnel {
    weir_loop *loop;
    struct net_conn *conn;
    struct loop_timer deadline;
    void (*opened)(void *owner, struct net_conn *conn, const char *why);
    void *owner;
    size_t request_len, sent;
    struct http1_connect_answer answer;
    char request[];
};

static void
dissolve(struct net_tunnel *tunnel)
{
    loop_timer_stop(tunnel->loop, &tunnel->deadline);
    free(tunnel);
}

/* Report the result; why NULL: the tunnel is open. */
static void
answer(struct net_tunnel *tunnel, const char *why)
{
    void (*opened)(void *owner, struct net_conn *conn, const char *why) = tunnel->opened;
    struct net_conn *conn = tunnel->conn;
    void *owner = tunnel->owner;
    char text[HTTP1_CONNECT_WHY] = "";

    net_conn_poll(conn, 0, NULL);
    if (why != NULL) {
        snprintf(text, sizeof(text), "%s", why);
        net_conn_discard(conn);
        conn = NULL;
    }
    dissolve(tunnel);
    opened(owner, conn, text);
}

static void
on_deadline(struct loop_timer *timer)
{
    answer(container_of(timer, struct net_tunnel, deadline), "no answer to CONNECT in time");
}

/* Read the bytes of the head, and no more. True: continue. */
static bool
read_head(struct net_tunnel *tunnel)
{
    struct http1_connect_answer *from = &tunnel->answer;
    int fd = tunnel->conn->fd;
    char why[HTTP1_CONNECT_WHY], *room = from->head + from->len;
    ssize_t got = recv(fd, room, sizeof(from->head) - from->len, MSG_PEEK);
    enum http1_connect result;
    size_t len;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        answer(tunnel, got == 0 ? "it has closed the connection" : strerror(errno));
        return false;
    }
    result = http1_connect_read(from, (size_t)got, &len, why);
    if (recv(fd, room, len, 0) != (ssize_t)len)
        answer(tunnel, "its answer is gone");
    else if (result == HTTP1_CONNECT_OPEN)
        answer(tunnel, NULL);
    else if (result == HTTP1_CONNECT_REFUSED)
        answer(tunnel, why);
    else
        return true;
    return false;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
    struct net_conn *conn = container_of(poll, struct net_conn, poll);
    struct net_tunnel *tunnel = conn->owner;

    (void)events;
    if (status < 0) /* EPOLLERR, and libuv has stopped polling: recv returns the error */
        net_conn_poll(conn, UV_READABLE, on_readable);
    while (read_head(tunnel))
        continue;
}

static void
on_writable(uv_poll_t *poll, int status, int events)
{
    struct net_conn *conn = container_of(poll, struct net_conn, poll);
    struct net_tunnel *tunnel = conn->owner;
    ssize_t sent = send(
        conn->fd, tunnel->request + tunnel->sent, tunnel->request_len - tunnel->sent, MSG_NOSIGNAL);

    (void)status;
    (void)events;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        answer(tunnel, strerror(errno));
        return;
    }
    tunnel->sent += sent > 0 ? (size_t)sent : 0;
    if (tunnel->sent == tunnel->request_len)
        net_conn_poll(conn, UV_READABLE, on_readable);
}

weir_code
net_tunnel_open(struct net_conn *conn, const char *request, int64_t due,
    void (*opened)(void *owner, struct net_conn *conn, const char *why), void *owner,
    struct net_tunnel **out_tunnel)
{
    size_t len = strlen(request);
    struct net_tunnel *tunnel = malloc(sizeof(*tunnel) + len);

    if (tunnel == NULL) {
        net_conn_discard(conn);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *tunnel = (struct net_tunnel){
        .loop = conn->loop, .conn = conn, .opened = opened, .owner = owner, .request_len = len};
    memcpy(tunnel->request, request, len);
    loop_timer_init(&tunnel->deadline, on_deadline);
    if (loop_timer_start(conn->loop, &tunnel->deadline, due) != WEIR_OK) {
        free(tunnel);
        net_conn_discard(conn);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    conn->owner = tunnel;
    net_conn_poll(conn, UV_WRITABLE, on_writable);
    *out_tunnel = tunnel;
    return WEIR_OK;
}

void
net_tunnel_cancel(struct net_tunnel *tunnel)
{
    if (tunnel == NULL)
        return;
    net_conn_discard(tunnel->conn);
    dissolve(tunnel);
}
