/* SPDX-License-Identifier: Apache-2.0 */
/* The authenticated identity of a server's peer: the verified certificate of a TLS client, or the
 * user at the other end of a Unix socket. */
/* Threads: on the fiber that runs the call. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

struct weir_peer_identity {
    bool is_tls;
    const char *tls_version; /* "TLSv1.3"; NULL without TLS */
    const char *tls_cipher;  /* "TLS_AES_256_GCM_SHA384"; NULL without TLS */

    /* True: the client presented a certificate issued by one of the client authorities. False: it
     * presented none, and the next fields are empty. */
    bool is_verified;
    const char *subject;          /* "CN=alice,O=Example" (RFC 2253) */
    const char *common_name;      /* CN of the subject; NULL: none */
    const char *const *dns_names; /* subject alternative names, in certificate order */
    const char *const *uris;      /* likewise, "spiffe://example.org/alice" */
    size_t dns_name_count, uri_count;

    /* The process that connected over a Unix socket, as of then (SO_PEERCRED). */
    bool is_unix;
    uint32_t uid, gid;
    int32_t pid;
};

/* The identity of the call's peer; lives as long as the call. Names that contain a NUL are omitted.
 * NULL: no memory, the connection was closed before the first use, or it is a client's call. */
WEIR_API const struct weir_peer_identity *weir_call_peer_identity(weir_call *call);

WEIR_END_C
