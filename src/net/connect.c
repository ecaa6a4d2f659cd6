/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: one attempt at one address. */

#include "net/private.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* A Unix listener whose accept queue is full fails with EAGAIN, and there is nothing to poll for.
 */
#define RETRY_TIME (10 * WEIR_MILLISECOND)

struct net_connect {
    weir_loop *loop;
    struct net_conn *conn; /* NULL while there is no socket */
    struct loop_task answer;
    struct loop_timer deadline, retry;
    int error;
    void (*connected)(void *owner, struct net_conn *conn, int errno_code);
    void *owner;
    struct net_address address;
};

static void
drop_socket(struct net_connect *connect)
{
    if (connect->conn != NULL)
        net_conn_discard(connect->conn);
    connect->conn = NULL;
}

static void
dissolve(struct net_connect *connect)
{
    loop_task_cancel(&connect->answer);
    loop_timer_stop(connect->loop, &connect->deadline);
    loop_timer_stop(connect->loop, &connect->retry);
    free(connect);
}

static void
answer(struct net_connect *connect, int error)
{
    void (*connected)(void *owner, struct net_conn *conn, int errno_code) = connect->connected;
    void *owner = connect->owner;
    struct net_conn *conn;

    if (error != 0)
        drop_socket(connect);
    conn = connect->conn;
    if (conn != NULL && conn->armed != 0)
        net_conn_poll(conn, 0, NULL);
    dissolve(connect);
    connected(owner, conn, error);
}

static void
on_answer(struct loop_task *task)
{
    struct net_connect *connect = container_of(task, struct net_connect, answer);

    answer(connect, connect->error);
}

static void
on_deadline(struct loop_timer *timer)
{
    answer(container_of(timer, struct net_connect, deadline), ETIMEDOUT);
}

/* A socket that connects to an unused local port can get the same port and connect to itself. */
static bool
met_itself(int fd)
{
    struct net_address here = {.len = sizeof(here.storage)};
    struct net_address there = {.len = sizeof(there.storage)};

    if (getsockname(fd, &here.any, &here.len) != 0 || getpeername(fd, &there.any, &there.len) != 0)
        return false;
    return here.any.sa_family != AF_UNIX && here.len == there.len &&
           memcmp(&here.storage, &there.storage, here.len) == 0;
}

static int
outcome(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    if (error == 0 && met_itself(fd))
        return ECONNREFUSED;
    return error;
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    struct net_conn *conn = container_of(poll, struct net_conn, poll);
    struct net_connect *connect = conn->owner;
    int error = outcome(conn->fd);

    (void)events;
    if (status < 0 && error == 0)
        error = EIO;
    answer(connect, error);
}

static void
answer_later(struct net_connect *self, int error)
{
    self->error = error;
    loop_post(self->loop, &self->answer);
}

static void
retry_later(struct net_connect *self)
{
    drop_socket(self);
    if (loop_timer_start(self->loop, &self->retry, loop_now(self->loop) + RETRY_TIME) != WEIR_OK)
        answer_later(self, ENOMEM);
}

static void
attempt(struct net_connect *self)
{
    int fd = socket(self->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        answer_later(self, errno);
        return;
    }
    if ((self->conn = net_conn_new(self->loop, fd, &self->address)) == NULL) {
        answer_later(self, ENOMEM);
        return;
    }
    self->conn->owner = self;
    if (connect(fd, &self->address.any, self->address.len) == 0)
        answer_later(self, 0);
    else if (errno == EINPROGRESS || errno == EINTR)
        net_conn_poll(self->conn, UV_WRITABLE, on_ready);
    else if (errno == EAGAIN)
        retry_later(self);
    else
        answer_later(self, errno);
}

static void
on_retry(struct loop_timer *timer)
{
    attempt(container_of(timer, struct net_connect, retry));
}

weir_code
net_connect(weir_loop *loop, const struct net_address *address, int64_t timeout,
    void (*connected)(void *owner, struct net_conn *conn, int errno_code), void *owner,
    struct net_connect **out_connect)
{
    int64_t now = loop_now(loop), due = timeout > WEIR_NEVER - now ? WEIR_NEVER : now + timeout;
    struct net_connect *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    self->loop = loop;
    self->connected = connected;
    self->owner = owner;
    self->address = *address;
    loop_task_init(&self->answer, on_answer);
    loop_timer_init(&self->deadline, on_deadline);
    loop_timer_init(&self->retry, on_retry);
    if (loop_timer_start(loop, &self->deadline, due) != WEIR_OK) {
        free(self);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    attempt(self);
    *out_connect = self;
    return WEIR_OK;
}

void
net_connect_cancel(struct net_connect *connect)
{
    if (connect == NULL)
        return;
    drop_socket(connect);
    dissolve(connect);
}
