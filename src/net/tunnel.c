/* SPDX-License-Identifier: Apache-2.0 */
/* Through a proxy: CONNECT on a connection to it (RFC 9110, 9.3.6). Of its answer no more is read
 * than the head, since what follows comes from the server. */
#define _GNU_SOURCE /* memmem */
#include "net/private.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX 8192
#define WHY_MAX 128

static const char head_end[] = "\r\n\r\n";
static const char version[] = "HTTP/1.";

struct net_tunnel {
    weir_loop *loop;
    struct net_conn *conn;
    struct loop_timer deadline;
    void (*opened)(void *owner, struct net_conn *conn, const char *why);
    void *owner;
    size_t head_len, request_len, sent;
    char head[HEAD_MAX];
    char request[];
};

static void
dissolve(struct net_tunnel *tunnel)
{
    loop_timer_stop(tunnel->loop, &tunnel->deadline);
    free(tunnel);
}

/* Tell; why NULL: it is open. */
static void
answer(struct net_tunnel *tunnel, const char *why)
{
    void (*opened)(void *owner, struct net_conn *conn, const char *why) = tunnel->opened;
    struct net_conn *conn = tunnel->conn;
    void *owner = tunnel->owner;
    char text[WHY_MAX] = "";

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

/* "HTTP/1.1 403 Filtered", of which the words may be anything. */
static void
refuse(struct net_tunnel *tunnel)
{
    const char *line = tunnel->head + sizeof(version) + 1; /* a digit and a blank behind it */
    size_t len = (size_t)((const char *)memchr(line, '\r', tunnel->head_len) - line);
    char why[WHY_MAX], words[64] = "";

    if (len >= sizeof(words))
        len = sizeof(words) - 1;
    for (size_t i = 0; i < len; i++)
        words[i] = line[i];
    for (size_t i = 0; i < len; i++) {
        if (words[i] < ' ' || words[i] > '~')
            words[i] = '?';
    }
    snprintf(why, sizeof(why), "it answers CONNECT with %s%s", words,
        strncmp(words, "407", 3) == 0 ? ": it wants another user and password" : "");
    answer(tunnel, why);
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The head is there whole. */
static void
judge(struct net_tunnel *tunnel)
{
    const char *at = tunnel->head + sizeof(version) - 1;

    if (!is_digit(at[0]) || at[1] != ' ' || !is_digit(at[2]) || !is_digit(at[3]) ||
        !is_digit(at[4]) || (at[5] != ' ' && at[5] != '\r'))
        answer(tunnel, "its answer to CONNECT is not HTTP");
    else if (at[2] == '2')
        answer(tunnel, NULL);
    else
        refuse(tunnel);
}

/* Take what belongs to the head and no more. True: it may go on. */
static bool
read_head(struct net_tunnel *tunnel)
{
    int fd = tunnel->conn->fd;
    char *room = tunnel->head + tunnel->head_len, *end;
    size_t before = tunnel->head_len < 3 ? tunnel->head_len : 3, len;
    ssize_t got = recv(fd, room, HEAD_MAX - tunnel->head_len, MSG_PEEK);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        answer(tunnel, got == 0 ? "it has closed the connection" : strerror(errno));
        return false;
    }
    end = memmem(room - before, before + (size_t)got, head_end, sizeof(head_end) - 1);
    len = end == NULL ? (size_t)got : (size_t)(end + sizeof(head_end) - 1 - room);
    if (recv(fd, room, len, 0) != (ssize_t)len) {
        answer(tunnel, "its answer is gone");
        return false;
    }
    tunnel->head_len += len;
    if (memcmp(tunnel->head, version,
            tunnel->head_len < sizeof(version) - 1 ? tunnel->head_len : sizeof(version) - 1) != 0)
        answer(tunnel, "its answer to CONNECT is not HTTP");
    else if (end != NULL)
        judge(tunnel);
    else if (tunnel->head_len == HEAD_MAX)
        answer(tunnel, "its answer to CONNECT is too long");
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
    if (status < 0) /* EPOLLERR, and libuv has stopped polling: recv says what it is */
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
