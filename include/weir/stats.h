/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of a server and of a pool, for metrics and troubleshooting. */
/* Threads: safe from any thread, at any time in the object's life. */
#pragma once

#include <weir/pool.h>
#include <weir/server.h>

WEIR_BEGIN_C

/* The limits that protect a server from its clients; each hit is counted. */
enum weir_limit {
    WEIR_LIMIT_HEADER_LIST,    /* a header list over max_header_list */
    WEIR_LIMIT_CONTINUATIONS,  /* a header block with too many or too long CONTINUATIONs */
    WEIR_LIMIT_STREAMS,        /* a stream over max_concurrent_streams */
    WEIR_LIMIT_RESETS,         /* too many RST_STREAMs from the client */
    WEIR_LIMIT_LOCAL_RESETS,   /* too many stream errors caused by the client */
    WEIR_LIMIT_CONTROL_FRAMES, /* too many pending replies to a client that does not read */
    WEIR_LIMIT_EMPTY_FRAMES,   /* too many empty DATA frames */
    WEIR_LIMIT_PRIORITY,       /* too many frames without effect: PRIORITY and others */
    WEIR_LIMIT_SETTINGS,       /* too many SETTINGS frames, or entries in one */
    WEIR_LIMIT_PINGS,          /* PINGs that violate min_ping_interval or
                                  min_idle_ping_interval */
    WEIR_LIMIT_UNREAD,         /* memory over max_unread */
    WEIR_LIMIT_HELD,           /* memory over max_held */
    WEIR_LIMIT_HANDSHAKE,      /* no SETTINGS, or no acknowledgement of the server's, in time */
    WEIR_LIMIT_CONNECTIONS,    /* a connection over max_connections */
    WEIR_LIMIT_ADDRESS,        /* a connection over max_connections_per_address */
    WEIR_LIMIT_PENALTY,        /* a connection refused because its address is penalised
                                  (weir_server_trust); without those that the kernel dropped */
    WEIR_LIMIT_STALL,          /* a client that hit stall_timeout */
    WEIR_LIMIT_WINDOW,         /* a call that hit window_timeout */
    WEIR_LIMIT_MESSAGE,        /* a message over max_receive_message */
    WEIR_LIMIT_MESSAGE_TIME,   /* a call that hit message_timeout */
    WEIR_LIMIT_LINGER, /* a closing connection dropped before the client had read its last frames,
                          because 256 others of the loop were waiting for that */
    WEIR_LIMIT_TLS,    /* more than 32 TLS messages, such as KeyUpdate, without data between them */
    WEIR_LIMIT_HTTP_CONNECTIONS, /* a connection over max_http_connections */
    WEIR_LIMIT_HTTP_TIME,        /* an HTTP/1.1 request or response that hit http_timeout */
    WEIR_LIMIT_HTTP_REQUEST,   /* an HTTP/1.1 request whose line, fields or content are too large */
    WEIR_LIMIT_HTTP_MALFORMED, /* an HTTP/1.1 request that is malformed or ambiguous */
    WEIR_LIMIT_COUNT
};

/* "header_list", "continuations" and so on; NULL for a number that is no limit. Static. */
WEIR_API const char *weir_limit_name(enum weir_limit limit);

/* Sums over the server's loops. Fields marked "total" only grow; the others are current values. */
struct weir_server_stats {
    uint64_t connections_accepted; /* total */
    uint64_t connections_refused;  /* total: closed at once, because of a limit or lack of memory */
    uint64_t connections_live;
    uint64_t handshakes_failed;   /* total: closed before the client's SETTINGS arrived */
    uint64_t connections_futile;  /* total: without a call, refused because of their address, or
                                     closed for their PINGs; a small penalty
                                     (weir_server_trust) */
    uint64_t connections_harmful; /* total: closed for violating HTTP/2 or a limit; a large penalty,
                                     unless the server drains */
    uint64_t addresses_held_back; /* that are penalised now */
    uint64_t protocol_errors;     /* total: connections closed because the client violated HTTP/2 */
    uint64_t calls_started;       /* total */
    uint64_t calls_succeeded;     /* total: ended with OK */
    uint64_t calls_failed;        /* total: ended with another status, or with none */
    uint64_t calls_refused;       /* total: streams reset for lack of memory */
    uint64_t calls_live;
    int64_t last_call;            /* when the last call began, on weir_now's clock; 0: never */
    uint64_t bytes_in, bytes_out; /* total, HTTP/2 only */
    uint64_t fibers_live;
    uint64_t timers_live;
    uint64_t fiber_stacks;   /* mapped, whether in use or pooled */
    uint64_t fibers_refused; /* total: no memory for a stack */
    uint64_t http_requests;  /* total (http.h) */
    uint64_t http_connections_live;
    uint64_t limit_hits[WEIR_LIMIT_COUNT]; /* total */
};

WEIR_API void weir_server_stats(const weir_server *server, struct weir_server_stats *out_stats);

struct weir_pool_stats {
    uint64_t threads;
    uint64_t busy;   /* threads that run work */
    uint64_t queued; /* work items waiting for a thread */
    uint64_t done;   /* total: work items that have run */
};

WEIR_API void weir_pool_stats(weir_pool *pool, struct weir_pool_stats *out_stats);

WEIR_END_C
