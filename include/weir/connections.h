/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of connections and subchannels, of a server or a channel: peers, counters, windows. */
/* Threads: safe from any fiber or thread. */
#pragma once

#include <weir/channel.h>
#include <weir/server.h>

WEIR_BEGIN_C

/* Size of a buffer for an address as text, including the NUL. */
#define WEIR_ADDRESS_TEXT 128

/* A snapshot of a connection. Times are on weir_now's clock, 0: never; counters are totals. */
struct weir_connection {
    uint64_t number; /* 1, 2 and so on, in the order of acceptance; never reused */
    int64_t since;   /* when it was established */
    struct weir_address peer, local;
    char peer_text[WEIR_ADDRESS_TEXT]; /* "ipv4:127.0.0.1:41234", "unix:/path" */
    char local_text[WEIR_ADDRESS_TEXT];
    const char *tls_version; /* "TLSv1.3"; NULL: no TLS, or its handshake is not complete. Static */
    const char *tls_cipher;  /* the IANA name, "TLS_AES_256_GCM_SHA384". Static */
    uint64_t streams_started;
    uint64_t streams_succeeded; /* ended by the server's END_STREAM */
    uint64_t streams_failed;    /* ended in any other way */
    uint64_t messages_sent, messages_received;
    uint64_t pings_sent; /* for keepalive */
    int64_t last_stream, last_message_sent, last_message_received;
    int32_t send_window;    /* bytes of the connection's window for sending */
    int32_t receive_window; /* and for receiving */
};

/* List a running server's connections with numbers from `from` on, in ascending order, `max` (at
 * least 1) at a time; *out_count below `max`: there are no more. In a handler pass its call, whose
 * end cancels the wait with weir_call_code; else NULL. Must not be called before the server runs or
 * after weir_server_run has returned. RESOURCE_EXHAUSTED: no memory. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_server_connections(weir_server *server, weir_call *call,
    uint64_t from, size_t max, struct weir_connection *out_list, size_t *out_count);

/* ---- channels ---- */

/* A channel's counters: calls as the application sees them, not attempts. */
struct weir_channel_stats {
    const char *target; /* without its scheme. Lives as long as the channel */
    weir_connectivity state;
    uint64_t calls_started;
    uint64_t calls_succeeded; /* ended with OK; counted when freed, as are the failed ones */
    uint64_t calls_failed;
    int64_t last_call; /* when the last one began, on weir_now's clock; 0: never */
};

/* Read a channel's counters. Waits for the channel's loop, which must be running.
 * RESOURCE_EXHAUSTED: no memory. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_stats(
    weir_channel *channel, struct weir_channel_stats *out_stats);

/* A snapshot of a subchannel. Its calls are streams, that is, attempts. */
struct weir_subchannel_stats {
    uint64_t number;                 /* 1, 2 and so on; never reused in a channel */
    char address[WEIR_ADDRESS_TEXT]; /* the server's address, or the first of several */
    size_t address_count;
    weir_connectivity state;
    uint64_t calls_started, calls_succeeded, calls_failed;
    int64_t last_call;
};

/* List subchannels in the same way as weir_server_connections. Waits for the channel's loop.
 * RESOURCE_EXHAUSTED: no memory. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_subchannels(weir_channel *channel, uint64_t from,
    size_t max, struct weir_subchannel_stats *out_list, size_t *out_count);

/* List connections in the same way, those of one subchannel, or of all if that is 0. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_connections(weir_channel *channel, uint64_t subchannel,
    uint64_t from, size_t max, struct weir_connection *out_list, size_t *out_count);

WEIR_END_C
