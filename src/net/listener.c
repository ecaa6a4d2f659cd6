/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: binding a socket, accepting on a loop. */

#define _GNU_SOURCE /* accept4 */
#include "net/private.h"

#include "base/random.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096

/* So that a burst does not starve the loop's other connections. */
#define ACCEPT_AT_ONCE 16

/* Pause when the process or the system is out of descriptors or memory. */
#define RETRY_TIME (100 * WEIR_MILLISECOND)

/* ---- binding ---- */

static int
set_option(int fd, int level, int name)
{
    int on = 1;

    return setsockopt(fd, level, name, &on, sizeof(on));
}

/* SO_REUSEPORT is set before bind to join others, and after it to let others join: binding without
 * it fails if the port is in use. */
static int
bind_inet(int fd, const struct net_address *address, bool join)
{
    int both = 0;

    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR) != 0 ||
        (join && set_option(fd, SOL_SOCKET, SO_REUSEPORT) != 0))
        return -1;
    if (address->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both));
    if (bind(fd, &address->any, address->len) != 0)
        return -1;
    return join ? 0 : set_option(fd, SOL_SOCKET, SO_REUSEPORT);
}

/* A socket file that refuses connections: its process ended without unlinking it. */
static bool
is_stale(const struct net_address *address)
{
    struct stat stat;
    bool refused;
    int fd;

    if (lstat(address->un.sun_path, &stat) != 0 || !S_ISSOCK(stat.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    refused = connect(fd, &address->any, address->len) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int
bind_unix(int fd, const struct net_address *address)
{
    if (bind(fd, &address->any, address->len) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -1;
    if (!is_stale(address) || unlink(address->un.sun_path) != 0) {
        errno = EADDRINUSE;
        return -1;
    }
    return bind(fd, &address->any, address->len);
}

static int
bind_and_listen(int fd, const struct net_address *address, bool join, struct net_address *bound)
{
    int result =
        address->any.sa_family == AF_UNIX ? bind_unix(fd, address) : bind_inet(fd, address, join);

    if (result != 0 || listen(fd, BACKLOG) != 0)
        return -1;
    *bound = (struct net_address){.len = sizeof(bound->storage)};
    return getsockname(fd, &bound->any, &bound->len);
}

weir_code
net_bind(const struct net_address *address, bool join, int *out_fd, struct net_address *out_bound,
    int *out_errno)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct net_address bound;

    if (fd < 0 || bind_and_listen(fd, address, join, &bound) != 0) {
        *out_errno = errno;
        if (fd >= 0)
            close(fd);
        return WEIR_UNAVAILABLE;
    }
    *out_fd = fd;
    *out_bound = bound;
    return WEIR_OK;
}

static bool
has_option(int fd, int name, int wanted)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 && value == wanted;
}

static bool
add_flags(int fd)
{
    int status = fcntl(fd, F_GETFL), descriptor = fcntl(fd, F_GETFD);

    return status >= 0 && descriptor >= 0 && fcntl(fd, F_SETFL, status | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, descriptor | FD_CLOEXEC) == 0;
}

weir_code
net_check_listening(int fd, struct net_address *out_bound)
{
    struct net_address bound = {.len = sizeof(bound.storage)};

    if (!has_option(fd, SO_TYPE, SOCK_STREAM) || !has_option(fd, SO_ACCEPTCONN, 1) ||
        getsockname(fd, &bound.any, &bound.len) != 0 || !add_flags(fd))
        return WEIR_INVALID_ARGUMENT;
    *out_bound = bound;
    return WEIR_OK;
}

/* ---- accepting ---- */

struct net_listener {
    uv_poll_t poll;
    weir_loop *loop;
    struct loop_timer retry;
    void (*accepted)(void *owner, struct net_conn *conn);
    bool (*admits)(void *owner, const struct net_address *peer); /* NULL: no filter */
    void *owner;
    char *path; /* of a Unix socket, unlinked on close if it is still the same file */
    dev_t device;
    ino_t inode;
    int fd;
    uint32_t mark; /* of its SYN filters */
    bool is_unix;
    bool filters;   /* it had a filter, which accepted connections may have inherited */
    bool shuts_out; /* it has one now, unless another listener has replaced it */
    bool closing;
};

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void
resume(struct net_listener *listener)
{
    uv_poll_start(&listener->poll, UV_READABLE, on_acceptable);
    loop_touch(listener->loop);
}

static void
on_retry(struct loop_timer *timer)
{
    resume(container_of(timer, struct net_listener, retry));
}

/* Connections stay in the kernel's accept queue meanwhile. Without a timer polling continues, busy
 * but live. */
static void
pause_accepting(struct net_listener *listener)
{
    int64_t due = loop_now(listener->loop) + RETRY_TIME;

    if (loop_timer_start(listener->loop, &listener->retry, due) == WEIR_OK)
        uv_poll_stop(&listener->poll);
}

/* Errors of the connection to be accepted, which Linux returns from accept(2). */
static bool
is_only_theirs(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return true;
    default:
        return false;
    }
}

/* Close with a reset, so that neither side has to wait. */
static void
refuse(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

static void
take_in(struct net_listener *listener, int fd, const struct net_address *peer)
{
    struct net_conn *conn;

    if (listener->admits != NULL && !listener->admits(listener->owner, peer)) {
        refuse(fd);
        return;
    }
    if (listener->filters)
        (void)net_syn_filter_clear(fd);
    if ((conn = net_conn_new(listener->loop, fd, peer)) != NULL)
        listener->accepted(listener->owner, conn);
}

/* False: no more for now. */
static bool
accept_one(struct net_listener *listener)
{
    struct net_address peer = {.len = sizeof(peer.storage)};
    int fd = accept4(listener->fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        if (is_only_theirs(errno))
            return true;
        pause_accepting(listener);
        return false;
    }
    take_in(listener, fd, &peer);
    return !listener->closing;
}

static void
on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct net_listener *listener = container_of(poll, struct net_listener, poll);

    (void)events;
    if (status < 0)
        resume(listener);
    for (int i = 0; i < ACCEPT_AT_ONCE && accept_one(listener); i++)
        continue;
}

/* False: no memory. */
static bool
remember_path(struct net_listener *listener)
{
    struct net_address bound = {.len = sizeof(bound.storage)};
    struct stat stat;

    if (getsockname(listener->fd, &bound.any, &bound.len) != 0 || bound.any.sa_family != AF_UNIX ||
        lstat(bound.un.sun_path, &stat) != 0)
        return true;
    listener->device = stat.st_dev;
    listener->inode = stat.st_ino;
    listener->path = strndup(bound.un.sun_path, sizeof(bound.un.sun_path));
    return listener->path != NULL;
}

static bool
is_unix(int fd)
{
    int domain = 0;
    socklen_t len = sizeof(domain);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

static void
forget_path(struct net_listener *listener)
{
    struct stat stat;

    if (listener->path != NULL && lstat(listener->path, &stat) == 0 &&
        stat.st_dev == listener->device && stat.st_ino == listener->inode)
        unlink(listener->path);
    free(listener->path);
}

void
net_listener_keep_path(struct net_listener *listener)
{
    free(listener->path);
    listener->path = NULL;
}

weir_code
net_listener_new(weir_loop *loop, int fd, void (*accepted)(void *owner, struct net_conn *conn),
    void *owner, struct net_listener **out_listener)
{
    struct net_listener *listener = calloc(1, sizeof(*listener));

    if (listener == NULL)
        goto no_listener;
    listener->loop = loop;
    listener->fd = fd;
    listener->accepted = accepted;
    listener->owner = owner;
    listener->mark = (uint32_t)random_u64();
    listener->is_unix = is_unix(fd);
    if (!listener->is_unix) /* set by a killed process, or another that has it */
        listener->filters = net_syn_filter_clear(fd);
    loop_timer_init(&listener->retry, on_retry);
    if (!remember_path(listener) || uv_poll_init(loop_uv(loop), &listener->poll, fd) != 0)
        goto no_poll;
    resume(listener);
    *out_listener = listener;
    return WEIR_OK;

no_poll:
    forget_path(listener);
    free(listener);
no_listener:
    close(fd);
    return WEIR_RESOURCE_EXHAUSTED;
}

void
net_listener_screen(
    struct net_listener *listener, bool (*admits)(void *owner, const struct net_address *peer))
{
    listener->admits = admits;
}

void
net_listener_shut_out(struct net_listener *listener, const struct net_origin *origins, size_t count)
{
    if (listener->is_unix)
        return;
    if (count > 0 && net_syn_filter_set(listener->fd, listener->mark, origins, count)) {
        listener->filters = listener->shuts_out = true;
    } else if (listener->shuts_out) {
        net_syn_filter_withdraw(listener->fd, listener->mark);
        listener->shuts_out = false;
    }
}

static void
on_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct net_listener, poll));
}

void
net_listener_close(struct net_listener *listener)
{
    if (listener == NULL)
        return;
    listener->closing = true;
    loop_timer_stop(listener->loop, &listener->retry);
    forget_path(listener);
    net_listener_shut_out(listener, NULL, 0); /* another process may keep using the socket */
    uv_close((uv_handle_t *)&listener->poll, on_closed);
    loop_touch(listener->loop);
    close(listener->fd);
}
