/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of src/net share: the connection. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "base/buf.h"
#include "net/tls_session.h"
#include <errno.h>
#include <sys/socket.h>

struct net_conn {
    uv_poll_t poll; /* first: its address is the connection's */

    /* What each event touches is together, right behind what libuv touches. */
    weir_loop *loop;
    const struct net_conn_events *events; /* NULL until it is opened */
    void *owner;
    struct net_pipe_end *pipe; /* NULL: a socket */
    struct tls_session *tls;   /* NULL: plain */
    uint8_t *kept;             /* the reader's incomplete rest, NULL when there is none */
    uint32_t kept_len, kept_size;
    uint32_t last_read; /* bytes, of the last recv; 0: it was late */
    uint32_t expected;  /* bytes, by net_conn_expect; 0 while the peer is slow */
    uint32_t lowat;     /* of the socket, when it is not 1 */
    int fd;             /* -1: a pipe */
    int error;          /* why the connection is broken, to be reported; 0 when it is not */
    uint8_t armed;      /* what libuv polls for */
    bool late;          /* the next recv: what was expected has not come in time */
    bool paused;
    bool put_off; /* the peer has ended it, which is told when `timer` fires */
    bool overdue; /* it was put off once */
    bool blocked; /* the socket took less than all: `writable` is owed */
    bool busy;    /* inside of an event: `armed` is set right after it */
    bool ended;   /* `closed` was reported */
    bool closing; /* the owner has let go */

    uint32_t lingered;       /* bytes that came after its end */
    struct loop_task task;   /* what must wait until the stack is unwound: see on_task in conn.c */
    struct loop_timer timer; /* of lingering; before that, of input that waits: see on_input */
    struct list lingering;
    struct net_identity *identity; /* NULL until somebody asks */
    char *peer_text;               /* NULL until somebody asks */
    struct net_address peer;
};

/* What is kept for the connections of a loop. */
struct net_loop {
    struct list lingering; /* the oldest first */
    unsigned lingering_count;
    int64_t next_end;              /* for the next connection whose end is put off */
    struct net_counters *counters; /* NULL: nobody wants to know */
};

/* Owns the descriptor, even on failure. peer NULL: ask the kernel. NULL: no memory. */
struct net_conn *net_conn_new(weir_loop *loop, int fd, const struct net_address *peer);

/* NULL: no memory; the end is still the caller's. */
struct net_conn *net_conn_new_on_pipe(weir_loop *loop, struct net_pipe_end *end);

/* The pipe has bytes, or room, or its other end is closed. */
void net_conn_woken(struct net_conn *conn);

/* Expect no more until a good part of conn->expected has come, or a time is over, which conn->timer
 * tells; or, with `any`, hear of every byte. lowat.c. */
#define NET_FAST_READ ((uint32_t)16 * 1024) /* a read that shows that bytes come fast */
void net_conn_wait(struct net_conn *conn, bool any);

/* Send what is for this machine as fast as it is taken. pacing.c. */
void net_spare_pacing(int fd, const struct net_address *peer);

/* The peer has ended it. True: that is to be told when conn->timer fires, since others wait. */
bool net_conn_put_off(struct net_conn *conn);

/* As recv and sendmsg. */
ssize_t net_pipe_read(struct net_pipe_end *end, uint8_t *room, size_t size);
ssize_t net_pipe_write(struct net_pipe_end *end, const struct net_span *spans, size_t count);

static inline bool
net_would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* recv, again after EINTR. */
static inline ssize_t
net_recv(int fd, uint8_t *room, size_t size)
{
    ssize_t got;

    do
        got = recv(fd, room, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Make what is kept for the connections of a loop, unless it is there. False: no memory. linger.c.
 */
bool net_loop_make(weir_loop *loop);

/* Let a connection that its owner has closed linger, then discard it. False: it cannot; discard it
 * now. linger.c. */
bool net_linger(struct net_conn *conn);
void net_linger_stop(struct net_conn *conn);

/* Close at once and free, without lingering. */
void net_conn_discard(struct net_conn *conn);

/* Poll for events with a callback of one's own; 0: stop. */
void net_conn_poll(struct net_conn *conn, int events, uv_poll_cb callback);

/* peer NULL: ask the kernel. */
void net_conn_set_peer(struct net_conn *conn, const struct net_address *peer);

/* Of net_conn_identity. */
struct net_identity;
void net_identity_free(struct net_identity *identity);

/* Let a listening socket drop the SYNs of at most NET_SHUT_OUT_MAX origins, or of the first of them
 * where it has no room for more. The mark tells whose filter it is. False: the kernel does not do
 * that. syn_filter.c. */
bool net_syn_filter_set(int fd, uint32_t mark, const struct net_origin *origins, size_t count);

/* Take a filter off, whoever has set it: was there one? Or unless somebody else has set one
 * since, with another mark. */
bool net_syn_filter_clear(int fd);
void net_syn_filter_withdraw(int fd, uint32_t mark);
