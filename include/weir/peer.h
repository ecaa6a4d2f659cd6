/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a server's call, as the connection proves it: the verified certificate
 * of a TLS client, the user behind a Unix socket. */
/* Threads: on the fiber that runs the call. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

struct weir_peer_identity {
    bool is_tls;
    const char *tls_version; /* "TLSv1.3"; NULL without TLS */
    const char *tls_cipher;  /* "TLS_AES_256_GCM_SHA384"; NULL without TLS */

    /* The client's certificate, which one of the client authorities vouches for; false: it showed
     * none, and the rest of these is empty. */
    bool is_verified;
    const char *subject;          /* "CN=alice,O=Example" (RFC 2253) */
    const char *common_name;      /* of the subject; NULL: it has none */
    const char *const *dns_names; /* subject alternative names, in their order */
    const char *const *uris;      /* such as "spiffe://example.org/alice" */
    size_t dns_name_count, uri_count;

    /* The process that connected through a Unix socket, as it was then (SO_PEERCRED). */
    bool is_unix;
    uint32_t uid, gid;
    int32_t pid;
};

/* Lives as long as the call. NULL: no memory, the connection is gone before anybody asked, or it is
 * a client's call. A name in which a NUL is hidden is left out. */
WEIR_API const struct weir_peer_identity *weir_call_peer_identity(weir_call *call);

WEIR_END_C
