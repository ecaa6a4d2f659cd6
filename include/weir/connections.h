/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a running server: who is at the other end, and what went over each. */
/* Threads: every function here is safe from any fiber and thread. */
#pragma once

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

WEIR_END_C
