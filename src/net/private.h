/* SPDX-License-Identifier: Apache-2.0 */
/* Internals shared by the files of src/net: the connection. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "base/buf.h"
#include "net/tls_session.h"
#include <errno.h>
#include <sys/socket.h>

struct net_conn {
    uv_poll_t poll; /* first: its address is the connection's */

    /* Fields used by every event come first, next to those that libuv uses. */
    weir_loop *loop;
    const struct net_conn_events *events; /* NULL until it is opened */
    void *owner;
    struct net_pipe_end *pipe; /* NULL: a socket */
    struct tls_session *tls;   /* NULL: plain text */
    uint8_t *kept;             /* input kept by the reader, NULL if none */
    uint32_t kept_len, kept_size;
    uint32_t last_read; /* bytes of the last recv; 0: it was late */
    uint32_t expected;  /* bytes, from net_conn_expect; 0 while the peer is slow */
    uint32_t lowat;     /* the socket's SO_RCVLOWAT, if not 1 */
    int fd;             /* -1: a pipe */
    int error;          /* errno of a failure still to be reported, or 0 */
    uint8_t armed;      /* events that libuv polls for */
    bool late;          /* of the next recv: the expected bytes did not arrive in time */
    bool paused;
    bool put_off; /* the peer has closed it, to be reported when `timer` fires */
    bool overdue; /* was put off once */
    bool blocked; /* the last write was partial: `writable` is due */
    bool busy;    /* inside an event callback: `armed` is updated after it */
    bool ended;   /* `closed` was reported */
    bool closing; /* the owner has closed it */

    uint32_t lingered;     /* bytes received while lingering */
    struct loop_task task; /* for work deferred until the stack is unwound: see on_task in conn.c */
    struct loop_timer timer; /* of lingering; before that, of delayed input: see on_input */
    struct list lingering;
    struct net_identity *identity; /* NULL until asked for */
    char *peer_text;               /* NULL until asked for */
    struct net_address peer;
};

/* State shared by the connections of a loop. */
struct net_loop {
    struct list lingering; /* oldest first */
    unsigned lingering_count;
    int64_t next_end;              /* when to report the next end that is put off */
    struct net_counters *counters; /* NULL: not counted */
};

/* Create a connection; adopts the descriptor. peer NULL: ask the kernel. NULL: no memory. */
struct net_conn *net_conn_new(weir_loop *loop, int fd, const struct net_address *peer);

/* The same on a pipe. NULL: no memory; the caller still owns the end. */
struct net_conn *net_conn_new_on_pipe(weir_loop *loop, struct net_pipe_end *end);

/* Called when the pipe has bytes or room, or its other end is closed. */
void net_conn_woken(struct net_conn *conn);

/* Wait until a good part of conn->expected has arrived or conn->timer fires; or, with `any`, until
 * any byte has. lowat.c. */
#define NET_FAST_READ ((uint32_t)16 * 1024) /* a read of this size shows a fast sender */
void net_conn_wait(struct net_conn *conn, bool any);

/* Turn off the pacing of connections to this machine. pacing.c. */
void net_spare_pacing(int fd, const struct net_address *peer);

/* The peer has closed the connection. True: reported later, when conn->timer fires, since others
 * wait. */
bool net_conn_put_off(struct net_conn *conn);

/* Like recv and sendmsg. */
ssize_t net_pipe_read(struct net_pipe_end *end, uint8_t *room, size_t size);
ssize_t net_pipe_write(struct net_pipe_end *end, const struct net_span *spans, size_t count);

static inline bool
net_would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* recv, retried on EINTR. */
static inline ssize_t
net_recv(int fd, uint8_t *room, size_t size)
{
    ssize_t got;

    do
        got = recv(fd, room, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Create a loop's net_loop, unless it exists. False: no memory. linger.c. */
bool net_loop_make(weir_loop *loop);

/* Let a connection that its owner has closed linger, then discard it. False: not possible; discard
 * it now. linger.c. */
bool net_linger(struct net_conn *conn);
void net_linger_stop(struct net_conn *conn);

/* Close at once and free, without lingering. */
void net_conn_discard(struct net_conn *conn);

/* Poll for events with another callback; events 0: stop. */
void net_conn_poll(struct net_conn *conn, int events, uv_poll_cb callback);

/* peer NULL: ask the kernel. */
void net_conn_set_peer(struct net_conn *conn, const struct net_address *peer);

/* Memory of net_conn_identity. */
struct net_identity;
void net_identity_free(struct net_identity *identity);

/* Let a listening socket drop the SYNs of at most NET_SHUT_OUT_MAX origins, or of as many of the
 * first as it has room for. The mark identifies the owner of the filter. False: not supported by
 * the kernel. syn_filter.c. */
bool net_syn_filter_set(int fd, uint32_t mark, const struct net_origin *origins, size_t count);

/* Remove the filter, whatever its mark, and return whether there was one; or remove it only if it
 * has this mark. */
bool net_syn_filter_clear(int fd);
void net_syn_filter_withdraw(int fd, uint32_t mark);
