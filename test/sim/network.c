/* SPDX-License-Identifier: Apache-2.0 */
/* The network: every pipe between a channel and the server, linked in the place of net/pipe.c.
 *
 * What is written takes its time, chunk by chunk and in order; a pipe holds a bounded number of
 * bytes; a read may give less than there is, a write take less than there is room for. */
#include "net/private.h"
#include "rpc.h"
#include <errno.h>
#include <stdlib.h>

enum { HOLDS = 1 << 16, CHUNKS = 32 };

#define LONGEST_WAY (20 * WEIR_MILLISECOND)
#define LONGEST_SILENCE (60 * WEIR_SECOND)

struct chunk {
    int64_t due;
    uint32_t len;
};

struct net_pipe_end {
    struct net_pipe *pipe;
    struct net_pipe_end *peer;
    weir_loop *loop;       /* NULL until it is opened */
    struct net_conn *conn; /* NULL unless it is open */
    struct loop_task wake;
    bool woken; /* the task is on its way */
    bool closed;
    bool wants_room;             /* its last write was not taken whole */
    bool over;                   /* the peer's end has come */
    int64_t over_at;             /* WEIR_NEVER: it is not under way */
    uint32_t len, arrived;       /* of bytes: all of them, and those that may be read */
    struct chunk chunks[CHUNKS]; /* that have not arrived */
    uint32_t chunk_count;
    uint8_t bytes[HOLDS];
};

struct net_pipe {
    struct list link; /* of pipes */
    unsigned holders; /* ends that are not closed, and wakes under way */
    bool cut;
    int64_t silent_until;
    struct net_pipe_end ends[2];
};

static struct list pipes = {&pipes, &pipes};

weir_code __wrap_net_pipe_new(struct net_pipe_end *out_ends[2]);
weir_code __wrap_net_pipe_open(
    struct net_pipe_end *end, weir_loop *loop, struct net_conn **out_conn);
void __wrap_net_pipe_close(struct net_pipe_end *end);
ssize_t __wrap_net_pipe_read(struct net_pipe_end *end, uint8_t *room, size_t size);
ssize_t __wrap_net_pipe_write(struct net_pipe_end *end, const struct net_span *spans, size_t count);

static struct chance *
chance(void)
{
    return &rpc_world->chance;
}

/* ---- waking ---- */

static void
let_go(struct net_pipe *pipe)
{
    if (--pipe->holders > 0)
        return;
    list_remove(&pipe->link);
    free(pipe);
}

static void
on_wake(struct loop_task *task)
{
    struct net_pipe_end *end = container_of(task, struct net_pipe_end, wake);

    end->woken = false;
    if (end->conn != NULL)
        net_conn_woken(end->conn);
    let_go(end->pipe);
}

static void
wake(struct net_pipe_end *end)
{
    if (end->woken || end->closed || end->loop == NULL)
        return;
    end->woken = true;
    end->pipe->holders++;
    loop_send(end->loop, &end->wake);
}

/* ---- what comes ---- */

static int64_t
due_of(const struct net_pipe_end *end)
{
    int64_t due = end->chunk_count > 0 ? end->chunks[0].due : end->over_at;

    return due < end->pipe->silent_until ? end->pipe->silent_until : due;
}

static int64_t
arrival(const struct net_pipe_end *end)
{
    int64_t due = rpc_world->now + rpc_duration(LONGEST_WAY);

    if (end->chunk_count > 0 && end->chunks[end->chunk_count - 1].due > due)
        return end->chunks[end->chunk_count - 1].due;
    return due;
}

static void
arrive(struct net_pipe_end *end)
{
    if (end->chunk_count == 0) {
        end->over = true;
        end->over_at = WEIR_NEVER;
    } else {
        end->arrived += end->chunks[0].len;
        memmove(end->chunks, end->chunks + 1, --end->chunk_count * sizeof(end->chunks[0]));
    }
    rpc_note(0xa0 ^ (uint64_t)end->arrived << 8);
    wake(end);
}

static void
cut(struct net_pipe *pipe)
{
    if (pipe->cut)
        return;
    rpc_note(0xc0);
    rpc_world->result->broken++;
    pipe->cut = true;
    for (int i = 0; i < 2; i++) {
        pipe->ends[i].len = pipe->ends[i].arrived = pipe->ends[i].chunk_count = 0;
        pipe->ends[i].over_at = WEIR_NEVER;
        wake(&pipe->ends[i]);
    }
}

int64_t
network_next(void)
{
    int64_t next = WEIR_NEVER;

    list_each (link, &pipes) {
        const struct net_pipe *pipe = container_of(link, struct net_pipe, link);

        for (int i = 0; i < 2; i++) {
            bool comes = pipe->ends[i].chunk_count > 0 || pipe->ends[i].over_at != WEIR_NEVER;
            int64_t due = comes ? due_of(&pipe->ends[i]) : WEIR_NEVER;

            next = due < next ? due : next;
        }
    }
    return next;
}

static void
mistreat(struct net_pipe *pipe)
{
    if (chance_one(chance(), 300))
        cut(pipe);
    else if (chance_one(chance(), 600))
        pipe->silent_until = rpc_world->now + rpc_duration(LONGEST_SILENCE);
}

void
network_run(void)
{
    list_each_safe (link, &pipes) {
        struct net_pipe *pipe = container_of(link, struct net_pipe, link);

        for (int i = 0; i < 2; i++) {
            struct net_pipe_end *end = &pipe->ends[i];

            while ((end->chunk_count > 0 || end->over_at != WEIR_NEVER) &&
                   due_of(end) <= rpc_world->now) {
                arrive(end);
                if (rpc_world->kind.cuts && !rpc_world->ending)
                    mistreat(pipe);
            }
        }
    }
}

void
network_cut_all(void)
{
    list_each_safe (link, &pipes)
        cut(container_of(link, struct net_pipe, link));
}

/* ---- in the place of net/pipe.c ---- */

weir_code
__wrap_net_pipe_new(struct net_pipe_end *out_ends[2])
{
    struct net_pipe *pipe = calloc(1, sizeof(*pipe));

    if (pipe == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    pipe->holders = 2;
    list_push(&pipes, &pipe->link);
    for (int i = 0; i < 2; i++) {
        pipe->ends[i].pipe = pipe;
        pipe->ends[i].peer = &pipe->ends[1 - i];
        pipe->ends[i].over_at = WEIR_NEVER;
        loop_task_init(&pipe->ends[i].wake, on_wake);
        out_ends[i] = &pipe->ends[i];
    }
    return WEIR_OK;
}

weir_code
__wrap_net_pipe_open(struct net_pipe_end *end, weir_loop *loop, struct net_conn **out_conn)
{
    struct net_conn *conn = net_conn_new_on_pipe(loop, end);

    if (conn == NULL) {
        __wrap_net_pipe_close(end);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    end->loop = loop;
    end->conn = conn;
    if (end->arrived > 0 || end->over || end->pipe->cut) /* before there was anybody to wake */
        wake(end);
    *out_conn = conn;
    return WEIR_OK;
}

void
__wrap_net_pipe_close(struct net_pipe_end *end)
{
    struct net_pipe_end *peer = end->peer;

    end->conn = NULL;
    end->closed = true;
    if (!end->pipe->cut)
        peer->over_at = arrival(peer);
    if (peer->wants_room)
        wake(peer);
    let_go(end->pipe);
}

ssize_t
__wrap_net_pipe_read(struct net_pipe_end *end, uint8_t *room, size_t size)
{
    uint32_t len = end->arrived < size ? end->arrived : (uint32_t)size;

    if (end->pipe->cut) {
        errno = ECONNRESET;
        return -1;
    }
    if (len == 0 && end->over)
        return 0;
    if (len == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (chance_one(chance(), 4))
        len = 1 + chance_below(chance(), len);
    memcpy(room, end->bytes, len);
    memmove(end->bytes, end->bytes + len, end->len - len);
    end->len -= len;
    end->arrived -= len;
    if (end->arrived > 0 || end->over)
        wake(end);
    if (end->peer->wants_room) {
        end->peer->wants_room = false;
        wake(end->peer);
    }
    return (ssize_t)len;
}

static uint32_t
append(struct net_pipe_end *to, const struct net_span *spans, size_t count, uint32_t most)
{
    uint32_t written = 0;

    for (size_t i = 0; i < count && written < most; i++) {
        uint32_t len = spans[i].len < most - written ? (uint32_t)spans[i].len : most - written;

        memcpy(to->bytes + to->len, spans[i].data, len);
        to->len += len;
        written += len;
    }
    return written;
}

ssize_t
__wrap_net_pipe_write(struct net_pipe_end *end, const struct net_span *spans, size_t count)
{
    struct net_pipe_end *to = end->peer;
    uint32_t room = to->chunk_count == CHUNKS ? 0 : HOLDS - to->len, written;
    size_t total = 0;

    if (end->pipe->cut || to->closed) {
        errno = EPIPE;
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        total += spans[i].len;
    if (room > 1 && chance_one(chance(), 4))
        room = 1 + chance_below(chance(), room);
    written = append(to, spans, count, room);
    if (written > 0) {
        to->chunks[to->chunk_count].due = arrival(to);
        to->chunks[to->chunk_count++].len = written;
    }
    end->wants_room = written < total;
    if (end->wants_room && to->len < HOLDS && to->chunk_count < CHUNKS)
        wake(end); /* there is room, it just did not take more now */
    return (ssize_t)written;
}
