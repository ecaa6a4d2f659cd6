/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets on a loop: addresses, listeners, connections. Bytes only; HTTP/2 is above. */
/* Threads: everything belongs to the loop's thread, except DNS lookups, which block and may run on
 * any. */
#pragma once

#include "base/counter.h"
#include "loop/loop.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <weir/peer.h>
#include <weir/tls.h>

/* ---- addresses ---- */

struct net_address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un un;
    };
};

/* Size of the text of net_address_format, including its NUL. */
#define NET_ADDRESS_TEXT 128

/* A parsed textual address, before name resolution. */
struct net_endpoint {
    bool is_unix;
    bool is_abstract; /* a Unix socket in the abstract namespace */
    char host[256];   /* or the path or name, if is_unix */
    char port[6];     /* digits */
};

/* "HOST:PORT", "[V6]:PORT", "unix:PATH", "unix-abstract:NAME". INVALID_ARGUMENT: none of these. */
WEIR_CHECK weir_code net_endpoint_parse(const char *text, struct net_endpoint *out_endpoint);

/* Does it need a lookup? */
bool net_endpoint_is_name(const struct net_endpoint *endpoint);

/* Resolve an endpoint to addresses, in the order to try them; blocks while looking up a name. On
 * failure *out_why is a static string. UNAVAILABLE: the name cannot be resolved. */
WEIR_CHECK weir_code net_resolve(const struct net_endpoint *endpoint,
    struct net_address *out_addresses, size_t max, size_t *out_count, const char **out_why);

/* The same for a name, but query only this DNS server, an IPv4 or IPv6 address; no hosts file. */
WEIR_CHECK weir_code net_dns_resolve(const struct net_address *server,
    const struct net_endpoint *endpoint, struct net_address *out_addresses, size_t max,
    size_t *out_count, const char **out_why);

/* Look up the name's first TXT record that starts with `prefix`, and return the text after it, to
 * be freed. server NULL: those of resolv.conf. NOT_FOUND: there is none. UNAVAILABLE: the lookup
 * failed. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code net_dns_text(
    const struct net_address *server, const char *name, const char *prefix, char **out_text);

/* True for 127.0.0.0/8, ::1 and Unix sockets. */
bool net_address_is_loopback(const struct net_address *address);

/* "127.0.0.1:80", "[::1]:80", "unix:/path"; with_family: "ipv4:127.0.0.1:80" and so on. */
void net_address_format(
    const struct net_address *address, bool with_family, char out_text[NET_ADDRESS_TEXT]);

/* The origin of an address: an IPv4 address, as IPv4-mapped IPv6; for IPv6 the /64 network, since a
 * host usually has all addresses of one. */
struct net_origin {
    uint8_t bytes[16];
};

/* False: neither IPv4 nor IPv6. */
bool net_address_origin(const struct net_address *address, struct net_origin *out_origin);
bool net_origin_is_v4(const struct net_origin *origin);

/* A network: addresses with a common prefix. IPv4 is kept as IPv4-mapped IPv6. */
struct net_network {
    uint8_t bytes[16];
    unsigned bits;
};

/* "192.0.2.0/24", "2001:db8::/32", or a single address. INVALID_ARGUMENT: none of these. */
WEIR_CHECK weir_code net_network_parse(const char *text, struct net_network *out_network);
bool net_network_has(const struct net_network *network, const struct net_address *address);

/* ---- connections ---- */

/* Counters of a loop's connections; may be read by any thread. */
struct net_counters {
    _Atomic uint64_t unlingered;  /* closed without lingering, too many did: see net_conn_close */
    _Atomic uint64_t tls_talkers; /* closed for excessive TLS protocol messages */
};

/* Start counting. Borrowed until the loop is freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code net_count(weir_loop *loop, struct net_counters *counters);

struct net_conn;

struct net_conn_events {
    /* At least one byte was received. data is in the loop's scratch memory, valid until the
     * callback returns. *out_keep: how many bytes at the end to pass again in front of the next
     * ones (an incomplete frame). */
    void (*read)(void *owner, const uint8_t *data, size_t len, size_t *out_keep);
    /* The socket is writable again after a partial net_conn_write. */
    void (*writable)(void *owner);
    /* The peer has closed the connection (errno_code 0) or it failed. The last event; the owner
     * calls net_conn_close. */
    void (*closed)(void *owner, int errno_code);
};

struct net_span {
    const void *data;
    size_t len;
};

/* Write what the socket accepts now. Returns the number of bytes, which may be 0; if not all,
 * `writable` follows. A failed connection accepts all and reports `closed` on a later turn. */
size_t net_conn_write(struct net_conn *conn, const struct net_span *spans, size_t count);

/* Set TCP_USER_TIMEOUT, in nanoseconds: the connection fails with ETIMEDOUT when sent data stays
 * unacknowledged, or the peer's window closed, for that long. No effect on Unix sockets. */
void net_conn_set_patience(const struct net_conn *conn, int64_t timeout);

/* A hint that the peer will send at least `len` more bytes without waiting for us: `read` may then
 * be delayed until a good part of them has arrived. Holds until the next `read`. */
void net_conn_expect(struct net_conn *conn, size_t len);

/* Stop and resume reading, for back-pressure. Initially reading. */
void net_conn_pause(struct net_conn *conn);
void net_conn_resume(struct net_conn *conn);

/* Has this turn of the loop lasted so long that work should be deferred to the next one? */
bool net_turn_is_long(weir_loop *loop);

/* The same for the connection's loop, where the rest of the connection's input can wait for the
 * next turn. */
bool net_conn_others_wait(const struct net_conn *conn);

const struct net_address *net_conn_peer(const struct net_conn *conn);

/* The peer's address as net_address_format writes it, with its family; owned by the connection.
 * NULL: no memory. */
const char *net_conn_peer_text(struct net_conn *conn);

/* The local address, from the kernel. */
void net_conn_local(const struct net_conn *conn, struct net_address *out_address);

/* The TLS version, as "TLSv1.3", and the cipher's standard name, both static; NULL without TLS and
 * before the handshake is complete. */
void net_conn_cipher(
    const struct net_conn *conn, const char **out_version, const char **out_cipher);

/* The text of an errno_code of `closed`, with details from TLS. Valid as long as the connection. */
const char *net_conn_why(const struct net_conn *conn, int errno_code);

/* The peer's authenticated identity, created on first use. Valid as long as the connection. NULL:
 * no memory. */
const struct weir_peer_identity *net_conn_identity(struct net_conn *conn);

/* Free memory that only an active connection needs; for one that has been idle for a while. */
void net_conn_rest(struct net_conn *conn);

/* Close and free; no event follows. Written data is not lost because of unread input: the
 * connection lingers (shutdown, then reading for at most a second; with too many on a loop the
 * oldest are closed). */
void net_conn_close(struct net_conn *conn);

/* Start to connect. `connected` is called exactly once, on a later turn: with conn, which the
 * callee then owns, or with NULL and the reason in errno_code (ETIMEDOUT after `timeout`
 * nanoseconds). Cancelling frees the attempt; `connected` is then not called. */
struct net_connect;
WEIR_CHECK weir_code net_connect(weir_loop *loop, const struct net_address *address,
    int64_t timeout, void (*connected)(void *owner, struct net_conn *conn, int errno_code),
    void *owner, struct net_connect **out_connect);
void net_connect_cancel(struct net_connect *connect);

/* Send a CONNECT request to the proxy at the other end, and read the head of its response, at most
 * 8 KiB. Adopts conn, which must not have been opened. `opened` is called exactly once, on a later
 * turn: with conn, which is then a tunnel to the server, or with NULL and a reason, valid until it
 * returns: the proxy refused, or did not answer by `due`. Cancelling closes conn; `opened` is then
 * not called. RESOURCE_EXHAUSTED: no memory. */
struct net_tunnel;
WEIR_CHECK weir_code net_tunnel_open(struct net_conn *conn, const char *request, int64_t due,
    void (*opened)(void *owner, struct net_conn *conn, const char *why), void *owner,
    struct net_tunnel **out_tunnel);
void net_tunnel_cancel(struct net_tunnel *tunnel);

/* Set the receiver of a connection's events: once, before control returns to the loop. */
void net_conn_open(struct net_conn *conn, const struct net_conn_events *events, void *owner);

/* ---- pipes: two connections through memory, without sockets ---- */

/* One end of a pipe, to be opened on its loop's thread, or closed. */
struct net_pipe_end;
WEIR_CHECK weir_code net_pipe_new(struct net_pipe_end *out_ends[2]);

/* Adopts the end. Its peer address is that of an unnamed Unix socket. */
WEIR_CHECK weir_code net_pipe_open(
    struct net_pipe_end *end, weir_loop *loop, struct net_conn **out_conn);

/* Close an end that was not opened, from any thread. The other end reads what was written, then end
 * of file. */
void net_pipe_close(struct net_pipe_end *end);

/* ---- TLS ---- */

/* Add a reference, released with weir_tls_free. Accepts and returns NULL. */
weir_tls *net_tls_ref(weir_tls *tls);

bool net_tls_is_server(const weir_tls *tls);

/* The name that a client expects of every server; NULL: the server's own. */
const char *net_tls_server_name(const weir_tls *tls);

/* Use TLS; call it before the connection is opened. Writes wait for the handshake; if that fails,
 * `closed` follows. host: the server that a client wants to reach, NULL on a server.
 * RESOURCE_EXHAUSTED: no memory; the caller still owns the connection. */
WEIR_CHECK weir_code net_conn_start_tls(struct net_conn *conn, weir_tls *tls, const char *host);

/* ---- listeners ---- */

struct net_listener;

/* Bind a listening socket, close-on-exec and non-blocking. Fails with EADDRINUSE if the port is in
 * use, unless `join` is set: then it is shared with sockets that this user has bound before
 * (SO_REUSEPORT). So the first of several loops binds without `join`, the others with it. The path
 * of a Unix socket is taken over only if nothing accepts connections there. UNAVAILABLE: *out_errno
 * has the reason. */
WEIR_CHECK weir_code net_bind(const struct net_address *address, bool join, int *out_fd,
    struct net_address *out_bound, int *out_errno);

/* Accept connections on a loop; the callback owns each, and opens or closes it. Adopts the
 * descriptor. When the process is out of descriptors it pauses and tries again. */
WEIR_CHECK weir_code net_listener_new(weir_loop *loop, int fd,
    void (*accepted)(void *owner, struct net_conn *conn), void *owner,
    struct net_listener **out_listener);
void net_listener_close(struct net_listener *listener);

/* Set a filter that is called for each peer before its connection is created; false: the connection
 * is reset. */
void net_listener_screen(
    struct net_listener *listener, bool (*admits)(void *owner, const struct net_address *peer));

/* Let the kernel drop connection attempts from these origins, replacing the previous set; count 0:
 * from none. No effect if the kernel does not support it, and on Unix sockets. */
#define NET_SHUT_OUT_MAX 256
void net_listener_shut_out(
    struct net_listener *listener, const struct net_origin *origins, size_t count);

/* Do not remove the Unix socket's path on close: another process listens on it. */
void net_listener_keep_path(struct net_listener *listener);

/* Check that a descriptor is a listening stream socket, and make it non-blocking and close-on-exec.
 * INVALID_ARGUMENT: it is not. */
WEIR_CHECK weir_code net_check_listening(int fd, struct net_address *out_bound);

/* Create a connection from a connected descriptor, which it adopts (connections of a Unix socket
 * are accepted on one loop and handed to the others). */
WEIR_CHECK weir_code net_conn_adopt(weir_loop *loop, int fd, struct net_conn **out_conn);

/* Free a connection that was not opened yet, and return its descriptor, to be adopted on another
 * loop. */
int net_conn_release_fd(struct net_conn *conn);
