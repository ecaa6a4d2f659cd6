/* SPDX-License-Identifier: Apache-2.0 */
/* An in-memory pipe between two connections, of one loop or of two.
 *
 *   end 0: write -> copy into end 1's bytes -> wake end 1's loop -> read        and the other way
 *
 * Each end's buffer is bounded; a writer is called back when there is room. Both ends, and every
 * pending wake-up, hold a reference to the pipe. */

#include "net/private.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define CAPACITY ((size_t)256 * 1024)

struct net_pipe_end {
    struct net_pipe *pipe;
    struct net_pipe_end *peer;
    weir_loop *loop;       /* NULL until it is opened */
    struct net_conn *conn; /* owned by its loop's thread; NULL unless open */
    struct buf bytes;      /* written by the peer, not read yet */
    bool closed;
    bool wants_room; /* its last write was partial */
    bool woken;      /* the task is queued */
    struct loop_task wake;
};

struct net_pipe {
    pthread_mutex_t lock; /* guards everything except `conn` */
    unsigned holders;
    struct net_pipe_end ends[2];
};

/* Called with the lock held, and releases it. */
static void
let_go(struct net_pipe *pipe)
{
    bool last = --pipe->holders == 0;

    pthread_mutex_unlock(&pipe->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&pipe->lock);
    for (int i = 0; i < 2; i++)
        buf_fini(&pipe->ends[i].bytes);
    free(pipe);
}

static void
on_wake(struct loop_task *task)
{
    struct net_pipe_end *end = container_of(task, struct net_pipe_end, wake);

    pthread_mutex_lock(&end->pipe->lock);
    end->woken = false;
    pthread_mutex_unlock(&end->pipe->lock);
    if (end->conn != NULL)
        net_conn_woken(end->conn);
    pthread_mutex_lock(&end->pipe->lock);
    let_go(end->pipe);
}

/* Under the lock. */
static void
wake(struct net_pipe_end *end)
{
    if (end->woken || end->closed || end->loop == NULL)
        return;
    end->woken = true;
    end->pipe->holders++;
    loop_send(end->loop, &end->wake);
}

weir_code
net_pipe_new(struct net_pipe_end *out_ends[2])
{
    struct net_pipe *pipe = calloc(1, sizeof(*pipe));

    if (pipe == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    pthread_mutex_init(&pipe->lock, NULL);
    pipe->holders = 2;
    for (int i = 0; i < 2; i++) {
        pipe->ends[i].pipe = pipe;
        pipe->ends[i].peer = &pipe->ends[1 - i];
        loop_task_init(&pipe->ends[i].wake, on_wake);
        out_ends[i] = &pipe->ends[i];
    }
    return WEIR_OK;
}

void
net_pipe_close(struct net_pipe_end *end)
{
    pthread_mutex_lock(&end->pipe->lock);
    end->conn = NULL;
    end->closed = true;
    wake(end->peer);
    let_go(end->pipe);
}

weir_code
net_pipe_open(struct net_pipe_end *end, weir_loop *loop, struct net_conn **out_conn)
{
    struct net_conn *conn = net_conn_new_on_pipe(loop, end);

    if (conn == NULL) {
        net_pipe_close(end);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    pthread_mutex_lock(&end->pipe->lock);
    end->loop = loop;
    end->conn = conn;
    pthread_mutex_unlock(&end->pipe->lock);
    *out_conn = conn;
    return WEIR_OK;
}

ssize_t
net_pipe_read(struct net_pipe_end *end, uint8_t *room, size_t size)
{
    size_t len;
    bool over;

    pthread_mutex_lock(&end->pipe->lock);
    len = buf_len(&end->bytes);
    over = len == 0 && end->peer->closed;
    len = len < size ? len : size;
    if (len > 0)
        memcpy(room, buf_head(&end->bytes), len);
    buf_take(&end->bytes, len);
    if (len > 0 && end->peer->wants_room) {
        end->peer->wants_room = false;
        wake(end->peer);
    }
    pthread_mutex_unlock(&end->pipe->lock);
    if (len > 0 || over)
        return (ssize_t)len;
    errno = EAGAIN;
    return -1;
}

/* Under the lock: append as much of the spans as there is room for. Returns an errno code. */
static int
put(struct buf *bytes, const struct net_span *spans, size_t count, size_t *out_written)
{
    for (size_t i = 0; i < count; i++) {
        size_t room = CAPACITY - buf_len(bytes);
        size_t len = spans[i].len < room ? spans[i].len : room;

        if (!buf_append(bytes, spans[i].data, len))
            return ENOMEM;
        *out_written += len;
        if (len < spans[i].len)
            break;
    }
    return 0;
}

ssize_t
net_pipe_write(struct net_pipe_end *end, const struct net_span *spans, size_t count)
{
    struct net_pipe_end *peer = end->peer;
    size_t written = 0;
    int error = EPIPE;

    pthread_mutex_lock(&end->pipe->lock);
    if (!peer->closed)
        error = put(&peer->bytes, spans, count, &written);
    end->wants_room = buf_len(&peer->bytes) == CAPACITY;
    if (written > 0)
        wake(peer);
    pthread_mutex_unlock(&end->pipe->lock);
    errno = error;
    return error == 0 ? (ssize_t)written : -1;
}
