/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: reads into the loop's scratch memory, writes at once, closes without losing data.
 *
 * The owner may close it in any event. The struct lives until libuv has closed its handle, which is
 * after every callback of this turn, so code here may check `closing` after each event.
 *
 * Nothing is buffered except the reader's incomplete input. TLS sits between the socket and this
 * file: the same events above it and the same operations below, at the cost of one comparison with
 * NULL for plain text. */

#include "net/private.h"

#include "base/hint.h"
#include "base/poison.h"
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define SPANS_AT_ONCE 129 /* 1 MiB in frames of 16 KiB */

/* Limit of reads per event, so that a fast peer which fills the buffer each time does not starve
 * the loop's other connections; see also net_conn_others_wait. */
#define READS_AT_ONCE 8

/* ---- polling ---- */

void
net_conn_poll(struct net_conn *conn, int events, uv_poll_cb callback)
{
    conn->armed = (uint8_t)events;
    if (events == 0)
        uv_poll_stop(&conn->poll);
    else
        uv_poll_start(&conn->poll, events, callback);
    loop_touch(conn->loop);
}

static bool
reads(const struct net_conn *conn)
{
    return !conn->closing && !conn->ended && !conn->paused && !conn->put_off;
}

/* Is output waiting for the socket? With TLS that is the session's encrypted output; an owner that
 * wrote during the handshake waits for the peer instead. */
static bool
wants_room(const struct net_conn *conn)
{
    return conn->tls == NULL ? conn->blocked : tls_session_has_output(conn->tls);
}

/* Does a write wait for input from the peer, whether or not the owner is reading? */
static bool
write_waits(const struct net_conn *conn)
{
    return conn->tls != NULL && conn->blocked && tls_session_write_waits(conn->tls);
}

static void on_io(uv_poll_t *poll, int status, int events);

/* Update the polled events. Each change costs a system call, so during an event callback this is
 * deferred to its end. */
static void
update(struct net_conn *conn)
{
    int wanted = 0;

    if (conn->busy || conn->closing || conn->events == NULL || conn->pipe != NULL)
        return;
    if (reads(conn) || (write_waits(conn) && !conn->ended))
        wanted |= UV_READABLE;
    if (wants_room(conn) && !conn->ended)
        wanted |= UV_WRITABLE;
    if (wanted != conn->armed)
        net_conn_poll(conn, wanted, on_io);
}

/* ---- reading ---- */

static void
drop_kept(struct net_conn *conn)
{
    free(conn->kept);
    conn->kept = NULL;
    conn->kept_len = conn->kept_size = 0;
}

static void
end(struct net_conn *conn, int error)
{
    struct net_loop *net = loop_local(conn->loop, LOOP_LOCAL_NET);

    conn->ended = true;
    if (conn->tls != NULL && net->counters != NULL && tls_session_talks_too_much(conn->tls))
        counter_add(&net->counters->tls_talkers, 1);
    drop_kept(conn);
    conn->events->closed(conn->owner, error);
}

static bool
any_is_welcome(const struct net_conn *conn)
{
    return !reads(conn) || write_waits(conn) ||
           (conn->tls != NULL && tls_session_has_input(conn->tls));
}

void
net_conn_expect(struct net_conn *conn, size_t len)
{
    if (len <= conn->expected || conn->last_read < NET_FAST_READ)
        return;
    conn->expected = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
    if (!conn->busy && !conn->closing)
        net_conn_wait(conn, any_is_welcome(conn));
}

/* Keep the reader's incomplete input until more arrives. False: no memory. */
static bool
keep(struct net_conn *conn, const uint8_t *rest, size_t len)
{
    if (len == 0) {
        if (conn->kept != NULL)
            drop_kept(conn);
        return true;
    }
    if (len > conn->kept_size) {
        uint8_t *larger = realloc(conn->kept, len);

        if (larger == NULL)
            return false;
        conn->kept = larger;
        conn->kept_size = (uint32_t)len;
    }
    memcpy(conn->kept, rest, len);
    conn->kept_len = (uint32_t)len;
    return true;
}

/* Read from the pipe, TLS or the socket, like recv. */
static ssize_t
receive_bytes(struct net_conn *conn, uint8_t *room, size_t size)
{
    if (conn->pipe != NULL)
        return net_pipe_read(conn->pipe, room, size);
    if (conn->tls == NULL)
        return net_recv(conn->fd, room, size);
    return tls_session_read(conn->tls, room, size);
}

/* Pass the scratch memory's contents to the reader, and keep its rest. False: stop reading. */
static bool
deliver(struct net_conn *conn, const uint8_t *data, size_t len)
{
    size_t rest = 0;

    conn->expected = 0;
    conn->events->read(conn->owner, data, len, &rest);
    if (conn->closing)
        return false;
    assert(rest <= len);
    if (!keep(conn, data + len - rest, rest)) {
        end(conn, ENOMEM);
        return false;
    }
    return reads(conn);
}

/* One recv, appended to the kept input. `again`: deliver the kept input even if nothing or the end
 * of file follows it. True: the buffer was filled, or the end is still to be reported. */
static bool
receive(struct net_conn *conn, bool again)
{
    uint8_t *scratch = loop_scratch(conn->loop);
    size_t had = conn->kept_len, room = LOOP_SCRATCH_SIZE - had;
    ssize_t got = receive_bytes(conn, scratch + had, room);
    bool rest = again && had > 0, ended = got == 0, more;

    if (ended && !rest && room > 0 && net_conn_put_off(conn))
        return false;
    if ((ended && !rest) || (got < 0 && !net_would_block(errno))) {
        end(conn, got < 0 ? errno : room == 0 ? ENOBUFS : 0);
        return false;
    }
    if (got < 0) {
        if (!rest)
            return false;
        got = 0;
    }
    if (had > 0)
        memcpy(scratch, conn->kept, had);
    conn->last_read = conn->late ? 0 : (uint32_t)got;
    conn->late = false;
    poison(scratch + had + (size_t)got, room - (size_t)got);
    more = deliver(conn, scratch, had + (size_t)got);
    poison(scratch, LOOP_SCRATCH_SIZE);
    if (!more)
        return false;
    return (size_t)got == room || ended || (conn->tls != NULL && tls_session_is_over(conn->tls));
}

/* Continue the handshake. True: it is complete; an owner that tried to write meanwhile is called
 * back. */
static bool
shake(struct net_conn *conn)
{
    switch (tls_session_shake(conn->tls)) {
    case TLS_WAITS:
        return false;
    case TLS_FAILED:
        end(conn, tls_session_error(conn->tls));
        return false;
    case TLS_OPEN:
        break;
    }
    if (conn->blocked) {
        conn->blocked = false;
        conn->events->writable(conn->owner);
    }
    return reads(conn);
}

/* Read until the socket returns less than there is room for, or other connections have waited long
 * enough. Input that TLS has buffered is not reported by polling, so a timer continues with it. */
static void
read_some(struct net_conn *conn, bool again)
{
    bool more = reads(conn);

    if (more && conn->tls != NULL && !tls_session_is_open(conn->tls))
        more = shake(conn);
    for (int i = 0; i < READS_AT_ONCE && more && reads(conn); i++) {
        more = receive(conn, again);
        again = false;
        if (more && net_conn_others_wait(conn))
            break;
    }
    if (!conn->closing && (conn->expected != 0 || conn->lowat != 0))
        net_conn_wait(conn, any_is_welcome(conn));
    if (!more || conn->tls == NULL || !reads(conn) || !tls_session_has_input(conn->tls))
        return;
    if (loop_timer_start(conn->loop, &conn->timer, loop_now(conn->loop)) != WEIR_OK)
        end(conn, ENOMEM);
}

static int
socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error == 0 ? EIO : error;
}

static void
break_later(struct net_conn *conn, int error)
{
    conn->error = error;
    conn->blocked = false;
    loop_post(conn->loop, &conn->task);
}

/* The socket is writable. */
static void
make_room(struct net_conn *conn)
{
    if (conn->tls != NULL) {
        tls_session_flush(conn->tls);
        if (tls_session_error(conn->tls) != 0)
            break_later(conn, tls_session_error(conn->tls));
        if (tls_session_has_output(conn->tls) || !tls_session_is_open(conn->tls))
            return;
    }
    if (!conn->blocked)
        return;
    conn->blocked = false;
    conn->events->writable(conn->owner);
}

/* After input: retry a write that waited for it. */
static void
write_on(struct net_conn *conn)
{
    if (conn->closing || conn->ended || !write_waits(conn))
        return;
    conn->blocked = false;
    conn->events->writable(conn->owner);
}

/* A negative status means EPOLLERR, and that libuv has stopped polling: recv returns the error
 * after the input received before it, unless a write has consumed it meanwhile. */
static void
on_io(uv_poll_t *poll, int status, int events)
{
    struct net_conn *conn = container_of(poll, struct net_conn, poll);

    conn->busy = true;
    if (status < 0)
        conn->armed = 0;
    if (status < 0 && net_conn_put_off(conn)) {
        conn->busy = false;
        return;
    }
    if (events & UV_WRITABLE)
        make_room(conn);
    if (status < 0 || events & UV_READABLE) {
        read_some(conn, false);
        write_on(conn);
    }
    if (status < 0 && !conn->closing && !conn->ended)
        end(conn, conn->error != 0 ? conn->error : socket_error(conn->fd));
    conn->busy = false;
    update(conn);
}

/* Work deferred until the stack is unwound: a reader that resumed gets its kept bytes again, and a
 * connection that failed in a write is ended, after the input received before. */
static void
on_task(struct loop_task *task)
{
    struct net_conn *conn = container_of(task, struct net_conn, task);

    conn->busy = true;
    read_some(conn, true);
    write_on(conn);
    if (conn->error != 0 && !conn->closing && !conn->ended)
        end(conn, conn->error);
    conn->busy = false;
    update(conn);
}

void
net_conn_woken(struct net_conn *conn)
{
    if (conn->events == NULL || conn->closing)
        return;
    conn->busy = true;
    make_room(conn);
    read_some(conn, false);
    conn->busy = false;
}

/* There is buffered input; or an end was put off; or expected bytes did not arrive in time, so that
 * a large read now does not mean a fast sender. */
static void
on_input(struct loop_timer *timer)
{
    struct net_conn *conn = container_of(timer, struct net_conn, timer);

    conn->late = conn->lowat != 0;
    conn->expected = 0;
    conn->put_off = false;
    on_task(&conn->task);
}

/* ---- writing ---- */

static size_t
write_pipe(struct net_conn *conn, const struct net_span *spans, size_t count, size_t total)
{
    ssize_t written = net_pipe_write(conn->pipe, spans, count);

    if (written < 0)
        break_later(conn, errno);
    else
        conn->blocked = (size_t)written < total;
    return written < 0 ? 0 : (size_t)written;
}

/* Like send. */
static APART ssize_t
send_some(int fd, const struct net_span *spans, size_t count)
{
    struct iovec iov[SPANS_AT_ONCE];
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};

    for (size_t i = 0; i < count; i++)
        iov[i] = (struct iovec){(void *)(uintptr_t)spans[i].data, spans[i].len};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static size_t
length_of(const struct net_span *spans, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += spans[i].len;
    return len;
}

/* One system call; send is cheaper for a single span. False: the write was partial or failed. */
static bool
send_spans(struct net_conn *conn, const struct net_span *spans, size_t count, size_t *written)
{
    size_t len = length_of(spans, count);
    ssize_t sent;

    do
        sent = count == 1 ? send(conn->fd, spans[0].data, spans[0].len, MSG_NOSIGNAL)
                          : send_some(conn->fd, spans, count);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && !net_would_block(errno))
        break_later(conn, errno);
    else
        conn->blocked = sent < 0 || (size_t)sent < len;
    *written += sent > 0 ? (size_t)sent : 0;
    return sent >= 0 && (size_t)sent == len;
}

static size_t
send_plain(struct net_conn *conn, const struct net_span *spans, size_t count)
{
    size_t written = 0;

    for (size_t i = 0; i < count; i += SPANS_AT_ONCE) {
        size_t some = count - i < SPANS_AT_ONCE ? count - i : SPANS_AT_ONCE;

        if (!send_spans(conn, spans + i, some, &written))
            break;
    }
    return written;
}

static size_t
send_tls(struct net_conn *conn, const struct net_span *spans, size_t count, size_t total)
{
    size_t written = 0;

    if (tls_session_is_open(conn->tls))
        written = tls_session_write(conn->tls, spans, count);
    if (tls_session_error(conn->tls) != 0)
        break_later(conn, tls_session_error(conn->tls));
    else
        conn->blocked = written < total;
    return written;
}

size_t
net_conn_write(struct net_conn *conn, const struct net_span *spans, size_t count)
{
    size_t total = length_of(spans, count), written;

    if (conn->ended || conn->error != 0 || total == 0)
        return total;
    if (conn->pipe != NULL)
        written = write_pipe(conn, spans, count, total);
    else if (conn->tls == NULL)
        written = send_plain(conn, spans, count);
    else
        written = send_tls(conn, spans, count, total);
    update(conn);
    return conn->error != 0 ? total : written;
}

/* ---- opening, pausing ---- */

/* Writes are batched already: Nagle's algorithm would only add latency. */
static void
set_no_delay(const struct net_conn *conn)
{
    int on = 1;

    if (conn->peer.any.sa_family != AF_UNIX)
        (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void
set_up(struct net_conn *conn, weir_loop *loop, int fd)
{
    conn->loop = loop;
    conn->fd = fd;
    loop_task_init(&conn->task, on_task);
    loop_timer_init(&conn->timer, on_input);
    list_init(&conn->lingering);
}

void
net_conn_set_patience(const struct net_conn *conn, int64_t timeout)
{
    int64_t rounded = timeout / WEIR_MILLISECOND;
    unsigned millis = rounded > INT32_MAX ? INT32_MAX : (unsigned)rounded;

    if (conn->peer.any.sa_family != AF_UNIX)
        (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &millis, sizeof(millis));
}

struct net_conn *
net_conn_new(weir_loop *loop, int fd, const struct net_address *peer)
{
    struct net_conn *conn = net_loop_make(loop) ? calloc(1, sizeof(*conn)) : NULL;

    if (conn == NULL || uv_poll_init(loop_uv(loop), &conn->poll, fd) != 0) {
        free(conn);
        close(fd);
        return NULL;
    }
    set_up(conn, loop, fd);
    net_conn_set_peer(conn, peer);
    set_no_delay(conn);
    net_spare_pacing(fd, &conn->peer);
    return conn;
}

struct net_conn *
net_conn_new_on_pipe(weir_loop *loop, struct net_pipe_end *end)
{
    struct net_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL)
        return NULL;
    set_up(conn, loop, -1);
    conn->pipe = end;
    conn->peer.any.sa_family = AF_UNIX;
    conn->peer.len = sizeof(sa_family_t);
    return conn;
}

weir_code
net_conn_adopt(weir_loop *loop, int fd, struct net_conn **out_conn)
{
    struct net_conn *conn = net_conn_new(loop, fd, NULL);

    if (conn == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *out_conn = conn;
    return WEIR_OK;
}

void
net_conn_open(struct net_conn *conn, const struct net_conn_events *events, void *owner)
{
    conn->events = events;
    conn->owner = owner;
    if (conn->tls != NULL || conn->pipe != NULL) /* TLS clients write first; pipes have input */
        loop_post(conn->loop, &conn->task);
    update(conn);
}

weir_code
net_conn_start_tls(struct net_conn *conn, weir_tls *tls, const char *host)
{
    conn->tls = tls_session_new(tls, conn->fd, host);
    return conn->tls == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

void
net_conn_pause(struct net_conn *conn)
{
    conn->paused = true;
    update(conn);
}

void
net_conn_resume(struct net_conn *conn)
{
    conn->paused = false;
    if (conn->kept_len > 0 || conn->pipe != NULL ||
        (conn->tls != NULL && tls_session_has_input(conn->tls)))
        loop_post(conn->loop, &conn->task);
    update(conn);
}

void
net_conn_rest(struct net_conn *conn)
{
    if (conn->tls != NULL)
        tls_session_trim(conn->tls);
}

const char *
net_conn_why(const struct net_conn *conn, int errno_code)
{
    if (errno_code == 0)
        return "the peer closed the connection";
    if (conn->tls != NULL && errno_code == tls_session_error(conn->tls))
        return tls_session_why(conn->tls);
    return strerror(errno_code);
}

/* ---- closing ---- */

static void
on_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct net_conn, poll));
}

static void
on_pipe_closed(struct loop_task *task)
{
    free(container_of(task, struct net_conn, task));
}

/* Release everything except the descriptor. */
static int
dissolve(struct net_conn *conn)
{
    int fd = conn->fd;

    conn->closing = true;
    drop_kept(conn);
    loop_task_cancel(&conn->task);
    loop_timer_stop(conn->loop, &conn->timer);
    net_linger_stop(conn);
    net_identity_free(conn->identity);
    free(conn->peer_text);
    tls_session_free(conn->tls);
    conn->tls = NULL;
    if (conn->pipe != NULL) {
        net_pipe_close(conn->pipe);
        loop_task_init(&conn->task, on_pipe_closed);
        loop_post(conn->loop, &conn->task);
        return fd;
    }
    uv_close((uv_handle_t *)&conn->poll, on_closed);
    loop_touch(conn->loop);
    return fd;
}

int
net_conn_release_fd(struct net_conn *conn)
{
    return dissolve(conn);
}

void
net_conn_discard(struct net_conn *conn)
{
    int fd = dissolve(conn);

    if (fd >= 0)
        close(fd);
}

/* May the peer still read output? One refused by TLS should get the alert; one that has closed, or
 * whose socket failed, gets nothing. */
static bool
can_hear(const struct net_conn *conn)
{
    if (conn->events == NULL || conn->pipe != NULL) /* a pipe keeps written bytes */
        return false;
    if (conn->tls != NULL && tls_session_error(conn->tls) == EPROTO)
        return true;
    return !conn->ended && conn->error == 0;
}

void
net_conn_close(struct net_conn *conn)
{
    if (conn == NULL)
        return;
    conn->closing = true;
    drop_kept(conn);
    loop_task_cancel(&conn->task);
    if (conn->tls != NULL)
        tls_session_finish(conn->tls);
    if (!can_hear(conn) || !net_linger(conn))
        net_conn_discard(conn);
}
