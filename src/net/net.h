/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets on a loop: addresses, listeners, connections. Bytes only; HTTP/2 is above. */
/* Threads: everything belongs to the loop's thread, except what looks up in DNS, which blocks and
 * runs on any. */
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

/* Room for any text that net_address_format writes, its NUL included. */
#define NET_ADDRESS_TEXT 128

/* What an address that was written by a person says, before names are resolved. */
struct net_endpoint {
    bool is_unix;
    bool is_abstract; /* a Unix socket's whose name is no path */
    char host[256];   /* or the path, when is_unix */
    char port[6];     /* digits */
};

/* "HOST:PORT", "[V6]:PORT", "unix:PATH", "unix-abstract:NAME". INVALID_ARGUMENT: none of these. */
WEIR_CHECK weir_code net_endpoint_parse(const char *text, struct net_endpoint *out_endpoint);

/* Must it be looked up? */
bool net_endpoint_is_name(const struct net_endpoint *endpoint);

/* Numbers and names into addresses, in the order to try; blocks while a name is looked up. On
 * failure *out_why is a static text. UNAVAILABLE: the name cannot be resolved. */
WEIR_CHECK weir_code net_resolve(const struct net_endpoint *endpoint,
    struct net_address *out_addresses, size_t max, size_t *out_count, const char **out_why);

/* The same of a name, but ask this DNS server, an IPv4 or IPv6 address, and no file. */
WEIR_CHECK weir_code net_dns_resolve(const struct net_address *server,
    const struct net_endpoint *endpoint, struct net_address *out_addresses, size_t max,
    size_t *out_count, const char **out_why);

/* What follows `prefix` in the first TXT record of the name that begins with it. server NULL: ask
 * those of resolv.conf. Free the text. NOT_FOUND: there is none. UNAVAILABLE: that cannot be found
 * out now. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code net_dns_text(
    const struct net_address *server, const char *name, const char *prefix, char **out_text);

/* True for 127.0.0.0/8, ::1 and Unix sockets. */
bool net_address_is_loopback(const struct net_address *address);

/* "127.0.0.1:80", "[::1]:80", "unix:/path"; with_family: "ipv4:127.0.0.1:80" and so on. */
void net_address_format(
    const struct net_address *address, bool with_family, char out_text[NET_ADDRESS_TEXT]);

/* Whose an address is: IPv4's its own, written as IPv6 writes it; of IPv6 the network of 64 bits,
 * since whoever has one address there has all of them. */
struct net_origin {
    uint8_t bytes[16];
};

/* False: it is neither IPv4 nor IPv6. */
bool net_address_origin(const struct net_address *address, struct net_origin *out_origin);
bool net_origin_is_v4(const struct net_origin *origin);

/* Addresses that agree in the first bits; IPv4's are written as IPv6 writes them. */
struct net_network {
    uint8_t bytes[16];
    unsigned bits;
};

/* "192.0.2.0/24", "2001:db8::/32", or a single address. INVALID_ARGUMENT: none of these. */
WEIR_CHECK weir_code net_network_parse(const char *text, struct net_network *out_network);
bool net_network_has(const struct net_network *network, const struct net_address *address);

/* ---- connections ---- */

/* Of a loop's connections, for any thread to read. */
struct net_counters {
    _Atomic uint64_t unlingered;  /* let go at once, since too many lingered: see net_conn_close */
    _Atomic uint64_t tls_talkers; /* broken since TLS had too much to say for itself */
};

/* Count from now on. Borrowed until the loop is freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code net_count(weir_loop *loop, struct net_counters *counters);

struct net_conn;

struct net_conn_events {
    /* Bytes have come: in the loop's scratch memory, good until the callback returns. At least one.
     * keep: how many of the last of them to bring again, in front of the next ones (the incomplete
     * frame). */
    void (*read)(void *owner, const uint8_t *data, size_t len, size_t *out_keep);
    /* The socket takes bytes again after net_conn_write did not take all. */
    void (*writable)(void *owner);
    /* The peer has closed (errno_code 0) or the connection broke. Last event; the owner closes. */
    void (*closed)(void *owner, int errno_code);
};

struct net_span {
    const void *data;
    size_t len;
};

/* Write now what the socket takes. Returns how many bytes that was, which may be 0; after fewer
 * than all `writable` follows. A broken connection takes all and reports `closed` on a later turn.
 */
size_t net_conn_write(struct net_conn *conn, const struct net_span *spans, size_t count);

/* Let the kernel break the connection (ETIMEDOUT) when the peer has not acknowledged what was sent,
 * or has left no room for more, for so many nanoseconds. Unix sockets know no such thing. */
void net_conn_set_patience(const struct net_conn *conn, int64_t timeout);

/* At least so many bytes will come before the peer waits for anything: of a long run it is enough
 * to hear when a good part of it is there. A hint, which holds until the next `read`. */
void net_conn_expect(struct net_conn *conn, size_t len);

/* Stop and go on with reading: how a reader pushes back. Reading is on at first. */
void net_conn_pause(struct net_conn *conn);
void net_conn_resume(struct net_conn *conn);

/* Has this turn lasted so long that whoever has much to do leaves the rest to others? */
bool net_turn_is_long(weir_loop *loop);

/* The same of its loop's, where what a connection has left can wait for the next one. */
bool net_conn_others_wait(const struct net_conn *conn);

const struct net_address *net_conn_peer(const struct net_conn *conn);

/* The peer's address as net_address_format writes it, with its family; the connection's own. NULL:
 * no memory. */
const char *net_conn_peer_text(struct net_conn *conn);

/* Our own end, asked of the kernel. */
void net_conn_local(const struct net_conn *conn, struct net_address *out_address);

/* "TLSv1.3" and the cipher's standard name, both static; NULL without TLS, and before its handshake
 * is over. */
void net_conn_cipher(
    const struct net_conn *conn, const char **out_version, const char **out_cipher);

/* An errno_code of `closed` in words, with what TLS has to say of it. Lives as long as the
 * connection. */
const char *net_conn_why(const struct net_conn *conn, int errno_code);

/* What the connection proves of its peer, made at the first time. Lives as long as the connection.
 * NULL: no memory. */
const struct weir_peer_identity *net_conn_identity(struct net_conn *conn);

/* Nothing has come for a while: give back what only a busy connection needs. */
void net_conn_rest(struct net_conn *conn);

/* Close and free; no event follows. Unread input does not lose what was written (shutdown, then a
 * bounded lingering read of at most a second; of many that linger on a loop the oldest are let go).
 */
void net_conn_close(struct net_conn *conn);

/* Start to connect. `connected` comes exactly once, on a later turn: conn is NULL and errno_code
 * says why (ETIMEDOUT after timeout), or conn is open and its owner's. Cancelling returns its
 * memory and makes it stay silent. */
struct net_connect;
WEIR_CHECK weir_code net_connect(weir_loop *loop, const struct net_address *address,
    int64_t timeout, void (*connected)(void *owner, struct net_conn *conn, int errno_code),
    void *owner, struct net_connect **out_connect);
void net_connect_cancel(struct net_connect *connect);

/* Send a CONNECT request to the proxy at the other end, and read its answer's head, 8 KiB of it at
 * most. Adopts conn, which was not opened. `opened` comes exactly once, on a later turn: with conn,
 * which is the server's from here on, or with NULL and why, which is good until it returns: the
 * proxy has refused, or there was no answer by `due`. Cancelling closes conn and makes it stay
 * silent. RESOURCE_EXHAUSTED: no memory. */
struct net_tunnel;
WEIR_CHECK weir_code net_tunnel_open(struct net_conn *conn, const char *request, int64_t due,
    void (*opened)(void *owner, struct net_conn *conn, const char *why), void *owner,
    struct net_tunnel **out_tunnel);
void net_tunnel_cancel(struct net_tunnel *tunnel);

/* Who gets a connection's events; set once, before control returns to the loop. */
void net_conn_open(struct net_conn *conn, const struct net_conn_events *events, void *owner);

/* ---- pipes: two connections through memory, without sockets ---- */

/* One of the two ends, to be opened on its loop's thread, or closed. */
struct net_pipe_end;
WEIR_CHECK weir_code net_pipe_new(struct net_pipe_end *out_ends[2]);

/* Takes the end over, even on failure. Its peer's address is that of a Unix socket without a name.
 */
WEIR_CHECK weir_code net_pipe_open(
    struct net_pipe_end *end, weir_loop *loop, struct net_conn **out_conn);

/* The other end reads what there is, then the end. From any thread, of one that was not opened. */
void net_pipe_close(struct net_pipe_end *end);

/* ---- TLS ---- */

/* A reference, given back with weir_tls_free. NULL gives NULL. */
weir_tls *net_tls_ref(weir_tls *tls);

bool net_tls_is_server(const weir_tls *tls);

/* What a client calls every server, NULL: by the name of its own. */
const char *net_tls_server_name(const weir_tls *tls);

/* Speak TLS, before the connection is opened. Its handshake comes first, and what is written waits
 * for it; `closed` follows when it fails, whenever that is. host: whom a client means to reach,
 * NULL on a server. RESOURCE_EXHAUSTED: no memory; the connection is still the caller's to close.
 */
WEIR_CHECK weir_code net_conn_start_tls(struct net_conn *conn, weir_tls *tls, const char *host);

/* ---- listeners ---- */

struct net_listener;

/* A bound, listening socket, close-on-exec and non-blocking. A port that anybody listens on is
 * taken (EADDRINUSE); with `join` it is shared with the sockets that this user has bound here
 * before (SO_REUSEPORT): so the first of several loops binds without, the others join. A Unix path
 * is taken over only when nobody answers on it. UNAVAILABLE: *out_errno says why. */
WEIR_CHECK weir_code net_bind(const struct net_address *address, bool join, int *out_fd,
    struct net_address *out_bound, int *out_errno);

/* Accept on a loop: each connection is the callback's to open or close. Owns the descriptor from
 * here on, even on failure. Out of descriptors: pauses and tries again. */
WEIR_CHECK weir_code net_listener_new(weir_loop *loop, int fd,
    void (*accepted)(void *owner, struct net_conn *conn), void *owner,
    struct net_listener **out_listener);
void net_listener_close(struct net_listener *listener);

/* Ask the listener's owner about each peer before anything is made of its connection; false:
 * it is reset. */
void net_listener_screen(
    struct net_listener *listener, bool (*admits)(void *owner, const struct net_address *peer));

/* Have the kernel drop connection attempts of these origins, and of no others any more; count 0: of
 * nobody. Where it does not know how to, and on Unix sockets, they come in as before. */
#define NET_SHUT_OUT_MAX 256
void net_listener_shut_out(
    struct net_listener *listener, const struct net_origin *origins, size_t count);

/* Leave a Unix socket's path in place at the end: another process serves on it. */
void net_listener_keep_path(struct net_listener *listener);

/* Does a descriptor listen for stream connections? If so it is made non-blocking and close-on-exec,
 * as net_bind makes its own. INVALID_ARGUMENT: it does not. */
WEIR_CHECK weir_code net_check_listening(int fd, struct net_address *out_bound);

/* Wrap a connected descriptor, which is owned from here on, even on failure (a Unix socket's
 * connections are accepted on one loop and handed to the others). */
WEIR_CHECK weir_code net_conn_adopt(weir_loop *loop, int fd, struct net_conn **out_conn);

/* Take the descriptor out of a connection that was not opened yet, to adopt it on another loop;
 * frees conn. */
int net_conn_release_fd(struct net_conn *conn);
