/* SPDX-License-Identifier: Apache-2.0 */
/* A socket with HTTP/2 on it: pumps bytes into events, hands them to calls, writes once a turn. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "base/counter.h"
#include "http2/h2.h"
#include "net/net.h"

struct weir_call;
struct rpc_transport;

/* What a server's connection or a client's wants to know besides what its calls are told. */
struct rpc_transport_events {
    /* It is a server's: what it has read it has mostly answered already. */
    bool answers;
    /* Server: a new request. Takes the stream: sets stream->user to a call, or releases it, or
     * marks it until there is something that the call can begin with. */
    void (*request)(struct rpc_transport *transport, const struct h2_event *event);
    /* Server: an event of a marked stream, whose mark this takes off. The call to tell it to; NULL:
     * the stream was released. */
    struct weir_call *(*awaited)(struct rpc_transport *transport, const struct h2_event *event);
    /* The peer's first SETTINGS have come. */
    void (*ready)(struct rpc_transport *transport);
    /* The peer takes no new streams; event as H2_GOAWAY. */
    void (*goaway)(struct rpc_transport *transport, const struct h2_event *event);
    void (*ping_ack)(struct rpc_transport *transport, uint64_t opaque);
    /* A turn's output was written; streams may have become free. */
    void (*flushed)(struct rpc_transport *transport);
    /* No call is left on it and it said or heard GOAWAY. May close. */
    void (*drained)(struct rpc_transport *transport);
    /* The connection is gone and every call has been told why. The owner closes; once. */
    void (*lost)(struct rpc_transport *transport, const char *why);
};

/* What the window of a stream that is read may grow to. */
#define RPC_STREAM_WINDOW ((uint32_t)4 * 1024 * 1024)

/* Bytes of HTTP/2, of all transports that are told to count there. */
struct rpc_traffic {
    _Atomic uint64_t in, out;
};

/* When a silent peer is asked whether it lives (gRFC A8). */
struct rpc_keepalive {
    int64_t time;       /* of silence, nanoseconds; WEIR_NEVER: it is not asked */
    int64_t timeout;    /* for the answer */
    bool without_calls; /* ask also while there are no calls */
};

/* What went over a transport. */
struct rpc_counts {
    uint64_t streams, streams_succeeded;
    uint64_t sent, received; /* messages */
    uint64_t streams_failed;
    uint64_t pings; /* of keepalive */
};

/* When that was, on the loop's clock, 0 for never: seen once a batch, by the counts that are no
 * longer what they were. */
struct rpc_times {
    uint64_t streams_were, sent_were, received_were;
    int64_t stream, sent, received;
};

/* What turns a read batch into events; on its fiber's stack. */
struct rpc_pump {
    bool on_fiber;
    bool abandoned;            /* its fiber has parked */
    struct weir_call *lent_to; /* the call that it runs, whose content lies in the input */
};

/* Embedded in its owner. First, in few cache lines, what each batch touches. */
struct rpc_transport {
    weir_loop *loop;
    struct net_conn *net;
    struct h2_conn *h2;
    const struct rpc_transport_events *events;
    struct h2_input input; /* what is being pumped */
    const uint8_t *ahead;  /* up to here of what was read handlers were told: weir_call_ahead */
    struct rpc_pump *pump; /* the one at work */
    bool has_waited; /* a call of its, or a request, for the peer; cleared by who looks and finds
                        none */
    bool full;       /* the socket has not taken all at the last time */
    bool broken;     /* nothing goes in or out any more */
    bool closed;
    bool active;         /* something was read since rpc_transport_rest */
    bool rested;         /* nothing was since it gave back its memory, all of it */
    bool inside;         /* a frame: its beginning has come */
    bool given_up;       /* a call, by the peer; its handler may not have had its turn since */
    bool held_up;        /* reading, until the end of the turn */
    uint8_t foresights;  /* so many calls yet are expected to be answered with as much */
    uint32_t told;       /* bytes of the rest that comes again, which `ahead` is behind */
    uint32_t last_large; /* client: bytes of the last answer that was larger than its window */
    struct loop_task flush;
    int64_t read_at;
    struct rpc_traffic *traffic; /* borrowed; NULL: nobody counts. Set by the owner */
    uint64_t written;            /* bytes that the socket has taken */
    int64_t whole_at;            /* when something was read that was not a part of a frame only */
    struct rpc_times times;
    struct rpc_counts counts;

    /* Client: told of each call that leaves it, with its end if it has one; NULL: nobody wants to
     * know. Set by the owner. */
    void (*detached)(struct rpc_transport *transport, struct weir_call *call);
    bool peer_closed; /* it is lost, and that is because the peer has closed it */
    bool timed_out;   /* or because it took nothing of what was sent */
    bool violated;    /* or because it broke a rule, or a limit, of HTTP/2 or TLS */
    bool draining;    /* server: no new calls are to come, and those that are there know it */
    char *last_words; /* what the peer's GOAWAY gave as a reason; NULL: nothing */
    struct rpc_keepalive keepalive;
    struct loop_timer keepalive_timer;
    int64_t asked_at; /* 0: no answer is awaited */
};

/* Adopts net, and starts to read it. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code rpc_transport_init(struct rpc_transport *transport, weir_loop *loop,
    struct net_conn *net, const struct h2_options *options,
    const struct rpc_transport_events *events);

/* Every call that has a stream on it; f may give the stream back. */
void rpc_transport_each_call(
    const struct rpc_transport *transport, void (*f)(struct weir_call *call, void *arg), void *arg);

/* Something was put into the output: write it at the end of this turn. */
void rpc_transport_touch(struct rpc_transport *transport);

/* Something was lent to the output: write it, and what is before it, at once. How many of its last
 * bytes are still to be sent. */
size_t rpc_transport_write_lent(struct rpc_transport *transport);

/* So many bytes of a message are missing on a stream: there is no need to hear of each few of them.
 */
void rpc_transport_expect(
    struct rpc_transport *transport, const struct h2_stream *stream, size_t missing);

/* Begin to watch over the peer; when it does not answer the connection is lost. keepalive.c. */
void rpc_transport_keep_alive(
    struct rpc_transport *transport, const struct rpc_keepalive *keepalive);

/* For the transport alone: the timer's function; and a PING was answered. */
void rpc_keepalive_due(struct loop_timer *timer);
void rpc_keepalive_answered(struct rpc_transport *transport);

/* Give it up: calls are told why, then the owner. */
void rpc_transport_lose(struct rpc_transport *transport, const char *why);

/* Has the socket taken everything? */
bool rpc_transport_is_written(const struct rpc_transport *transport);

/* Called now and then: a connection that was quiet since the last time gives back what only load
 * needs. True: it has done so now, and has no calls. */
bool rpc_transport_rest(struct rpc_transport *transport);

/* Write what there is at once, then close. Calls that are left are told `why` first. No event
 * follows. The memory is the owner's again when the current turn is over. Idempotent. */
void rpc_transport_close(struct rpc_transport *transport, const char *why);
