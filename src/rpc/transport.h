/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/2 connection: turns bytes read into events, dispatches them to calls, and writes once per
 * turn. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "base/counter.h"
#include "http2/h2.h"
#include "net/net.h"

struct weir_call;
struct rpc_transport;

/* Events for the connection object of a server or client, besides those that go to its calls. */
struct rpc_transport_events {
    /* A server's transport, which has usually answered what it read by the end of the read event.
     */
    bool answers;
    /* Server: a new request. Takes the stream: sets stream->user to a call, releases it, or marks
     * it until content arrives with which the call can begin. */
    void (*request)(struct rpc_transport *transport, const struct h2_event *event);
    /* Server: an event of a marked stream; removes the mark. Returns the call to dispatch it to;
     * NULL: the stream was released. */
    struct weir_call *(*awaited)(struct rpc_transport *transport, const struct h2_event *event);
    /* The peer's first SETTINGS have arrived. */
    void (*ready)(struct rpc_transport *transport);
    /* The peer accepts no new streams; the event is an H2_GOAWAY. */
    void (*goaway)(struct rpc_transport *transport, const struct h2_event *event);
    void (*ping_ack)(struct rpc_transport *transport, uint64_t opaque);
    /* A turn's output was written; there may be room for new streams. */
    void (*flushed)(struct rpc_transport *transport);
    /* GOAWAY was sent or received and no call is left. May close. */
    void (*drained)(struct rpc_transport *transport);
    /* The connection is lost, and its calls have ended with the reason. The owner must close it.
     * Called once. */
    void (*lost)(struct rpc_transport *transport, const char *why);
};

/* The limit to which the window of a stream that is being read may grow. */
#define RPC_STREAM_WINDOW ((uint32_t)4 * 1024 * 1024)

/* Bytes of HTTP/2 over all transports that count here. */
struct rpc_traffic {
    _Atomic uint64_t in, out;
};

/* Keepalive: when a silent peer is sent a PING (gRFC A8). */
struct rpc_keepalive {
    int64_t time;       /* nanoseconds of silence until a PING; WEIR_NEVER: no PINGs */
    int64_t timeout;    /* nanoseconds until the connection is lost without a response */
    bool without_calls; /* also send PINGs while there are no calls */
};

/* Counters of a transport. */
struct rpc_counts {
    uint64_t streams, streams_succeeded;
    uint64_t sent, received; /* messages */
    uint64_t streams_failed;
    uint64_t pings; /* sent for keepalive */
};

/* The times of the last events, on the loop's clock, 0 for never. Updated once per batch, by
 * comparing the counters with the values they had before (`*_were`). */
struct rpc_times {
    uint64_t streams_were, sent_were, received_were;
    int64_t stream, sent, received;
};

/* A pump, which turns a batch of input into events. Lives on its fiber's stack. */
struct rpc_pump {
    bool on_fiber;
    bool abandoned;            /* a handler has parked its fiber */
    struct weir_call *lent_to; /* the call it runs, whose content is lent from the input */
};

/* Embedded in its owner. The fields that every batch touches come first, in few cache lines. */
struct rpc_transport {
    weir_loop *loop;
    struct net_conn *net;
    struct h2_conn *h2;
    const struct rpc_transport_events *events;
    struct h2_input input; /* the input that is being processed */
    const uint8_t *ahead;  /* how far weir_call_ahead has reported the input to handlers */
    struct rpc_pump *pump; /* the running one, else NULL */
    bool has_waited; /* a call or request waits, or did, for the peer; cleared when a pass finds
                        none */
    bool full;       /* the socket did not accept everything at the last write */
    bool broken;     /* lost or closed: no more input or output */
    bool closed;
    bool active;         /* input since the last rpc_transport_rest */
    bool rested;         /* idle memory was released, and there has been no input since */
    bool inside;         /* in the middle of a frame that has arrived in part */
    bool given_up;       /* the peer has reset a stream whose handler may not have run since */
    bool held_up;        /* reading is paused until the end of the turn */
    uint8_t foresights;  /* client: further calls that get a large window in advance */
    uint32_t told;       /* bytes that `ahead` covers of input to be passed in again */
    uint32_t last_large; /* client: bytes of the last response larger than the first window */
    struct loop_task flush;
    int64_t read_at;
    struct rpc_traffic *traffic; /* borrowed; NULL: not counted. Set by the owner */
    uint64_t written;            /* bytes that the socket has accepted */
    int64_t whole_at;            /* when a whole frame was last read */
    struct rpc_times times;
    struct rpc_counts counts;

    /* Client: called for each call that is detached, with its status if it has ended; may be NULL.
     * Set by the owner. */
    void (*detached)(struct rpc_transport *transport, struct weir_call *call);
    bool peer_closed; /* lost because the peer closed it */
    bool timed_out;   /* lost because sent data was not acknowledged */
    bool violated;    /* lost because the peer violated HTTP/2, TLS or a limit */
    bool draining;    /* server: no new calls are expected; those in progress were notified */
    char *last_words; /* the debug data of the peer's GOAWAY; NULL: none */
    struct rpc_keepalive keepalive;
    struct loop_timer keepalive_timer;
    int64_t asked_at; /* when the PING was sent; 0: none is outstanding */
};

/* Adopts net and starts reading. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code rpc_transport_init(struct rpc_transport *transport, weir_loop *loop,
    struct net_conn *net, const struct h2_options *options,
    const struct rpc_transport_events *events);

/* Call f for every call that has a stream here; f may release the stream. */
void rpc_transport_each_call(
    const struct rpc_transport *transport, void (*f)(struct weir_call *call, void *arg), void *arg);

/* There is output: write it at the end of this turn. */
void rpc_transport_touch(struct rpc_transport *transport);

/* The output borrows memory: write it and everything before it now. Returns how many bytes at the
 * end of the lent memory are still unsent. */
size_t rpc_transport_write_lent(struct rpc_transport *transport);

/* `missing` more bytes of a message are expected on the stream: read events for small parts of them
 * are not needed. */
void rpc_transport_expect(
    struct rpc_transport *transport, const struct h2_stream *stream, size_t missing);

/* Start keepalive: if the peer does not respond, the connection is lost. keepalive.c. */
void rpc_transport_keep_alive(
    struct rpc_transport *transport, const struct rpc_keepalive *keepalive);

/* For transport.c only: the timer's function, and the event of an acknowledged PING. */
void rpc_keepalive_due(struct loop_timer *timer);
void rpc_keepalive_answered(struct rpc_transport *transport);

/* Declare the connection lost: ends its calls with the reason, then notifies the owner. */
void rpc_transport_lose(struct rpc_transport *transport, const char *why);

/* Has the socket accepted all output? */
bool rpc_transport_is_written(const struct rpc_transport *transport);

/* Called periodically: a connection that has been idle since the last time releases memory that
 * only load needs. True: it has done so now, and has no calls. */
bool rpc_transport_rest(struct rpc_transport *transport);

/* Write pending output now, then close. Remaining calls end with `why` first. No event follows. The
 * owner may free the memory after the current turn. Idempotent. */
void rpc_transport_close(struct rpc_transport *transport, const char *why);
