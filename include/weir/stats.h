/* SPDX-License-Identifier: Apache-2.0 */
/* What a running server and a pool count: for metrics, and for who looks for the reason. */
/* Threads: every function here is safe from any thread, at any time in the object's life. */
#pragma once

#include <weir/pool.h>
#include <weir/server.h>

WEIR_BEGIN_C

/* What a peer can be stopped by; each hit is counted. */
enum weir_limit {
    WEIR_LIMIT_HEADER_LIST,    /* headers over max_header_list */
    WEIR_LIMIT_CONTINUATIONS,  /* a header block in too many or too long pieces */
    WEIR_LIMIT_STREAMS,        /* a stream over max_concurrent_streams */
    WEIR_LIMIT_RESETS,         /* too many streams reset by the peer */
    WEIR_LIMIT_LOCAL_RESETS,   /* too many resets provoked by the peer */
    WEIR_LIMIT_CONTROL_FRAMES, /* answers owed to a peer that does not read */
    WEIR_LIMIT_EMPTY_FRAMES,   /* empty frames */
    WEIR_LIMIT_PRIORITY,       /* frames that carry nothing */
    WEIR_LIMIT_SETTINGS,       /* SETTINGS: too many, or too many in one */
    WEIR_LIMIT_PINGS,          /* PINGs more often than min_ping_interval */
    WEIR_LIMIT_UNREAD,         /* bytes over max_unread, or max_held */
    WEIR_LIMIT_HANDSHAKE,      /* no SETTINGS, or no acknowledgement of ours, in time */
    WEIR_LIMIT_CONNECTIONS,    /* a connection over max_connections */
    WEIR_LIMIT_ADDRESS,        /* a connection over max_connections_per_address */
    WEIR_LIMIT_PENALTY,        /* a connection of an address that is let in slowly, and whose turn
                                  it was not (weir_server_trust); not of those that the kernel
                                  keeps out */
    WEIR_LIMIT_STALL,          /* a client that was slower than stall_timeout allows */
    WEIR_LIMIT_WINDOW,         /* a call whose client kept its window shut: window_timeout */
    WEIR_LIMIT_MESSAGE,        /* a message over max_receive_message */
    WEIR_LIMIT_MESSAGE_TIME,   /* a call whose message did not end: message_timeout */
    WEIR_LIMIT_LINGER, /* a closed connection that was let go without waiting for the peer to read
                          what it was told, since 256 others of its loop waited for theirs */
    WEIR_LIMIT_TLS,    /* more than 32 KeyUpdates, or the like, with no content between them */
    WEIR_LIMIT_HTTP_CONNECTIONS, /* a connection over max_http_connections */
    WEIR_LIMIT_HTTP_TIME,        /* an HTTP client that was too slow */
    WEIR_LIMIT_HTTP_REQUEST,     /* an HTTP request with too long a line, too many fields, a body */
    WEIR_LIMIT_HTTP_MALFORMED,   /* an HTTP request that breaks the rules, or could be read in two
                                    ways */
    WEIR_LIMIT_COUNT
};

/* "header_list", "continuations" and so on; NULL for a number that is no limit. Static. */
WEIR_API const char *weir_limit_name(enum weir_limit limit);

/* Sums over the server's loops. Totals only grow; "live" is now. */
struct weir_server_stats {
    uint64_t connections_accepted; /* total */
    uint64_t connections_refused;  /* total: closed at once, over a limit or for want of memory */
    uint64_t connections_live;
    uint64_t handshakes_failed;   /* total: closed before the client's SETTINGS came */
    uint64_t connections_futile;  /* total: without a call, refused for their address, or ended for
                                     their PINGs; a small debt of the address */
    uint64_t connections_harmful; /* total: ended since they broke a rule, or a limit; a large one
                                     (weir_server_trust), unless the server drains */
    uint64_t addresses_held_back; /* whose new connections are let in one by one now */
    uint64_t protocol_errors;     /* total: closed because the client broke HTTP/2's rules */
    uint64_t calls_started;       /* total: requests that came to a call */
    uint64_t calls_succeeded;     /* total: ended with OK */
    uint64_t calls_failed;        /* total: ended with another status, or without any */
    uint64_t calls_refused;       /* total: streams reset for want of memory */
    uint64_t calls_live;
    int64_t last_call;            /* when one began, on the clock of weir_now; 0: there was none */
    uint64_t bytes_in, bytes_out; /* total, of HTTP/2 */
    uint64_t fibers_live;
    uint64_t timers_live;
    uint64_t fiber_stacks;   /* mapped, in use or pooled */
    uint64_t fibers_refused; /* total: no stack was to be had */
    uint64_t http_requests;  /* total, of weir_server_listen_http */
    uint64_t http_connections_live;
    uint64_t limit_hits[WEIR_LIMIT_COUNT]; /* total */
};

WEIR_API void weir_server_stats(const weir_server *server, struct weir_server_stats *out_stats);

struct weir_pool_stats {
    uint64_t threads;
    uint64_t busy;   /* threads that work */
    uint64_t queued; /* work that waits for a thread */
    uint64_t done;   /* total */
};

WEIR_API void weir_pool_stats(weir_pool *pool, struct weir_pool_stats *out_stats);

WEIR_END_C
