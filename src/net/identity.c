/* SPDX-License-Identifier: Apache-2.0 */
/* The identity of a connection's peer: addresses, what TLS has negotiated and verified, and the
 * credentials of a Unix socket's peer. */

#define _GNU_SOURCE /* struct ucred */
#include "net/private.h"

#include <stdlib.h>
#include <string.h>

void
net_conn_set_peer(struct net_conn *conn, const struct net_address *peer)
{
    if (peer != NULL) {
        conn->peer = *peer;
        return;
    }
    conn->peer.len = sizeof(conn->peer.storage);
    if (getpeername(conn->fd, &conn->peer.any, &conn->peer.len) != 0)
        conn->peer.len = 0;
}

const struct net_address *
net_conn_peer(const struct net_conn *conn)
{
    return &conn->peer;
}

const char *
net_conn_peer_text(struct net_conn *conn)
{
    char text[NET_ADDRESS_TEXT];

    if (conn->peer_text == NULL) {
        net_address_format(&conn->peer, true, text);
        conn->peer_text = strdup(text);
    }
    return conn->peer_text;
}

void
net_conn_local(const struct net_conn *conn, struct net_address *out_address)
{
    if (conn->pipe != NULL) { /* both ends are unnamed */
        *out_address = conn->peer;
        return;
    }
    *out_address = (struct net_address){.len = sizeof(out_address->storage)};
    if (getsockname(conn->fd, &out_address->any, &out_address->len) != 0)
        out_address->len = 0;
}

void
net_conn_cipher(const struct net_conn *conn, const char **out_version, const char **out_cipher)
{
    *out_version = *out_cipher = NULL;
    if (conn->tls != NULL && tls_session_is_open(conn->tls))
        tls_session_cipher(conn->tls, out_version, out_cipher);
}

struct net_identity {
    struct weir_peer_identity content;
    struct arena arena; /* of the strings */
};

void
net_identity_free(struct net_identity *identity)
{
    if (identity == NULL)
        return;
    arena_fini(&identity->arena);
    free(identity);
}

static void
ask_kernel(int fd, struct weir_peer_identity *identity)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return;
    identity->is_unix = true;
    identity->uid = peer.uid;
    identity->gid = peer.gid;
    identity->pid = peer.pid;
}

const struct weir_peer_identity *
net_conn_identity(struct net_conn *conn)
{
    struct net_identity *made;

    if (conn->identity != NULL)
        return &conn->identity->content;
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    arena_init(&made->arena, NULL, 0);
    if (conn->peer.any.sa_family == AF_UNIX)
        ask_kernel(conn->fd, &made->content);
    if (conn->tls != NULL && !tls_session_identify(conn->tls, &made->arena, &made->content)) {
        net_identity_free(made);
        return NULL;
    }
    conn->identity = made;
    return &made->content;
}
