/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a running server, and of a channel with its subchannels: who is at the other
 * end, and what went over each. */
/* Threads: every function here is safe from any fiber and thread. */
#pragma once

#include <weir/channel.h>
#include <weir/server.h>

WEIR_BEGIN_C

/* Room for an address in words, its NUL included. */
#define WEIR_ADDRESS_TEXT 128

/* A connection as it was when it was looked at. Points in time are those of weir_now, 0 for what
 * has never been; totals only grow. */
struct weir_connection {
    uint64_t number; /* 1, 2 and so on in the order in which they came; none comes again */
    int64_t since;
    struct weir_address peer, local;
    char peer_text[WEIR_ADDRESS_TEXT]; /* "ipv4:127.0.0.1:41234", "unix:/path" */
    char local_text[WEIR_ADDRESS_TEXT];
    const char *tls_version; /* "TLSv1.3"; NULL: no TLS, or its handshake is not over. Static */
    const char *tls_cipher;  /* the standard's name, "TLS_AES_256_GCM_SHA384". Static */
    uint64_t streams_started;
    uint64_t streams_succeeded; /* ended by the server's END_STREAM */
    uint64_t streams_failed;    /* ended in any other way */
    uint64_t messages_sent, messages_received;
    uint64_t pings_sent; /* of keepalive */
    int64_t last_stream, last_message_sent, last_message_received;
    int32_t send_window;    /* bytes that the peer lets us send, on all streams together */
    int32_t receive_window; /* and we it */
};

/* Ask every loop for the connections whose number is `from` or above: the first `max` of them, in
 * the order of their numbers, into out_list. Fewer: there are no more. Within a call (the one whose
 * handler asks, else NULL) the wait ends with it, and so does this: weir_call_code.
 * RESOURCE_EXHAUSTED: no memory. Not while the server is being set up or after weir_server_run has
 * returned; max is 1 at least. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_server_connections(weir_server *server, weir_call *call,
    uint64_t from, size_t max, struct weir_connection *out_list, size_t *out_count);

/* ---- channels ---- */

/* What a channel has done: its calls, as their users see them, whatever attempts each takes. */
struct weir_channel_stats {
    const char *target; /* without its scheme; lives as long as the channel */
    weir_connectivity state;
    uint64_t calls_started;
    uint64_t calls_succeeded; /* ended with OK; counted when they are freed, like the next */
    uint64_t calls_failed;
    int64_t last_call; /* when one began; 0: there was none */
};

/* RESOURCE_EXHAUSTED: no stack, as for the following. These wait for the channel's loop, which
 * somebody has to turn. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_stats(
    weir_channel *channel, struct weir_channel_stats *out_stats);

/* A subchannel, as it was when it was looked at; its calls are streams: attempts. */
struct weir_subchannel_stats {
    uint64_t number;                 /* 1, 2 and so on; none comes again in its channel */
    char address[WEIR_ADDRESS_TEXT]; /* of the server, or the first of several */
    size_t address_count;
    weir_connectivity state;
    uint64_t calls_started, calls_succeeded, calls_failed;
    int64_t last_call;
};

/* As weir_server_connections. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_subchannels(weir_channel *channel, uint64_t from,
    size_t max, struct weir_subchannel_stats *out_list, size_t *out_count);

/* The same of connections, of one subchannel, or with 0 of all. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_connections(weir_channel *channel, uint64_t subchannel,
    uint64_t from, size_t max, struct weir_connection *out_list, size_t *out_count);

WEIR_END_C
