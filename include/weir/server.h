/* SPDX-License-Identifier: Apache-2.0 */
/* Servers: services, listening addresses, event loops, graceful shutdown. */
/* Threads: set up and free on one thread; weir_server_drain is safe from any thread and from a
 * signal handler. */
#pragma once

#include <weir/interceptor.h>
#include <weir/loop.h>
#include <weir/service.h>
#include <weir/tls.h>

WEIR_BEGIN_C

typedef struct weir_server weir_server;

/* Called when a connection fails: the handshake (TLS or HTTP/2) failed, the client violated the
 * HTTP/2 protocol, or the network lost it; not when the client closes it. peer:
 * "ipv4:127.0.0.1:41234"; why: one line, which may contain text from the client. Runs on the thread
 * of the connection's loop; must not block. */
typedef void weir_connection_observer(void *self, const char *peer, const char *why);

/* Zero selects each field's default, which is given last. Times are nanoseconds. */
struct weir_server_options {
    unsigned loops;             /* event loops, each on its own thread; default 1 */
    size_t max_receive_message; /* bytes, after decompression; default 4 MiB */
    uint64_t max_unread; /* bytes of receive windows, beyond 64 KiB per stream, for messages that
                            are not yet read, over all connections; beyond it windows do not grow;
                            default 512 MiB */
    uint64_t max_held;   /* bytes of memory for request content (before and after decompression) and
                            for header blocks above 2 KiB, from arrival until the call is answered,
                            over all connections; beyond it calls fail with RESOURCE_EXHAUSTED or
                            REFUSED_STREAM; at least twice max_receive_message per loop; default
                            1 GiB */
    size_t max_send_message;      /* bytes, before compression; default 4 GiB */
    weir_compression compression; /* of calls that do not set their own; default identity */
    size_t max_header_list; /* bytes of a request's header list (RFC 9113, section 6.5.2); default
                               16 KiB */
    uint32_t max_concurrent_streams; /* per connection; default 100 */
    size_t fiber_stack;        /* bytes of address space for a handler's stack; minimum and default
                                  256 KiB */
    int64_t handshake_timeout; /* from accept to the client's SETTINGS; default 10 s */
    unsigned max_connections;  /* over all loops; further ones are closed at once; default
                                  100,000 */
    unsigned max_connections_per_address; /* per IPv4 address or IPv6 /64 network; Unix sockets do
                                             not count; default half of max_connections */
    int64_t stall_timeout;   /* until a connection is closed whose client has read less than 16 KiB
                                of pending output, or has not finished a frame; default 60 s */
    int64_t window_timeout;  /* until a call ends with RESOURCE_EXHAUSTED whose client has opened
                                the window (WINDOW_UPDATE) by less than 16 KiB for a message that
                                waits; default 10 min */
    int64_t message_timeout; /* until a call ends with RESOURCE_EXHAUSTED whose client has started a
                                message, or owes the request of a method that takes one, and sent
                                neither 16 KiB more of it nor its end; there is no limit between the
                                messages of a stream; default 2 min */
    int64_t max_connection_age; /* then the connection is drained by two GOAWAYs, and its calls go
                                   on (gRFC A9), with a jitter of 10 %; default never */
    int64_t max_connection_age_grace; /* then the remaining calls are cancelled; default never */
    int64_t max_connection_idle;      /* as max_connection_age, after a time without calls; default
                                         never */
    int64_t keepalive_time;    /* of silence from the client until it is sent a PING (gRFC A8);
                                  default 2 h */
    int64_t keepalive_timeout; /* until a connection is closed whose client does not acknowledge
                                  that PING; default 20 s */
    int64_t min_ping_interval; /* between PINGs from a client with calls. On the third one that is
                                  too early it is closed with GOAWAY "too_many_pings" (gRFC A8);
                                  default 5 min */
    int64_t min_idle_ping_interval; /* the same for a client without calls; default 2 h */
    unsigned max_http_connections;  /* HTTP/1.1 connections (http.h); default 64 */
    int64_t http_timeout; /* for an HTTP/1.1 request to arrive in full, and for its response to be
                             read; default 30 s */
    weir_tls *tls; /* made by weir_tls_server_new: TCP connections use TLS, Unix sockets do not;
                      default none. The server keeps what it needs of it */
    weir_connection_observer *connection_failed; /* default none */
    void *connection_failed_self;                /* borrowed */
    /* Receives the reason if the server cannot be created; default none. Borrowed for the call. */
    struct weir_error *out_error;
};

/* Create a server. Copies the options, which may be NULL. INVALID_ARGUMENT: tls is for clients,
 * the compression is unknown, or a time is negative. RESOURCE_EXHAUSTED: no memory.
 * options.out_error has the reason of both. */
WEIR_API WEIR_CHECK weir_code weir_server_new(
    const struct weir_server_options *options, weir_server **out_server);
WEIR_API void weir_server_free(weir_server *server);

/* ---- set-up ----
 *
 * FAILED_PRECONDITION from any of these: the server runs already. weir_server_error has the message
 * of every error. */

/* Offer a service. Borrows all three until the server is freed. ALREADY_EXISTS: the name is taken.
 * RESOURCE_EXHAUSTED: no memory. Generated code wraps this as PACKAGE_SERVICE_add, which takes the
 * service's own vtable type. */
WEIR_API WEIR_CHECK weir_code weir_server_add(
    weir_server *server, const struct weir_service *service, const void *handlers, void *self);

/* The nth service that is offered, in no particular order; NULL beyond the last. */
WEIR_API const struct weir_service *weir_server_service(const weir_server *server, size_t index);

/* Wrap every call, of all four kinds; the interceptor added first is outermost. Borrows self until
 * the server is freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_server_wrap(
    weir_server *server, weir_interceptor *interceptor, void *self);

/* Bind and listen on "HOST:PORT", "[V6]:PORT" or "unix:PATH". Port 0: any free port. A host name
 * stands for its first address. INVALID_ARGUMENT: malformed. UNAVAILABLE: it cannot be bound. */
WEIR_API WEIR_CHECK weir_code weir_server_listen(weir_server *server, const char *address);

/* The nth address as bound, "127.0.0.1:50051"; NULL beyond the last. Lives as long as the server.
 */
WEIR_API const char *weir_server_address(const weir_server *server, size_t index);

/* Exempt the clients of a network ("192.0.2.0/24", "2001:db8::/32" or one address), such as a proxy
 * or load balancer in front of many clients, from penalties. The first network given, or "none",
 * replaces loopback; Unix sockets are always exempt. INVALID_ARGUMENT: malformed.
 * RESOURCE_EXHAUSTED: no memory.
 *
 * Penalties are kept per IPv4 address or IPv6 /64 network and expire with time. A connection that
 * violates HTTP/2 or exceeds a limit costs 10 s; one that is refused, makes no call, or is closed
 * for its PINGs (min_ping_interval) costs a fiftieth of that. While an address owes more than 30 s,
 * its new connections are accepted one at a time, 1 s apart at first and 30 s at most; its open
 * connections are not affected. */
WEIR_API WEIR_CHECK weir_code weir_server_trust(weir_server *server, const char *network);

/* Adopt a listening socket, from systemd or from the process that this one replaces;
 * weir_server_listen or weir_server_listen_http of its address then uses it. Takes ownership, even
 * on failure; sockets that are never used are closed with the server. INVALID_ARGUMENT: it is not a
 * listening stream socket. */
WEIR_API WEIR_CHECK weir_code weir_server_inherit(weir_server *server, int fd);

/* The address of the nth adopted socket that is not in use yet; NULL beyond the last. Lives until
 * the next weir_server_listen. */
WEIR_API const char *weir_server_inherited(const weir_server *server, size_t index);

/* The nth listening socket, to be passed to another process; -1 beyond the last. Owned by the
 * server, which closes it when it drains. Safe from any thread once all addresses are bound. */
WEIR_API int weir_server_socket(const weir_server *server, size_t index);

/* Tell the server that another process serves on the same sockets: draining does not unlink the
 * paths of Unix sockets, and leaves HTTP/1.1 requests to the other process. Safe from any thread.
 */
WEIR_API void weir_server_share_sockets(weir_server *server);

/* The nth event loop, for fibers of your own (weir_loop_spawn); NULL beyond the last. Owned by the
 * server. */
WEIR_API weir_loop *weir_server_loop(const weir_server *server, unsigned index);

/* Serve until drained; only once per server. Runs the first loop on this thread and starts
 * options.loops - 1 threads for the others. Services, interceptors and addresses must have been
 * added before. OK: drained, and all calls have ended. CANCELLED: the grace period ended and the
 * remaining calls were cancelled. FAILED_PRECONDITION: there is no address, or the server has run
 * before. RESOURCE_EXHAUSTED: no memory or no threads. */
WEIR_API WEIR_CHECK weir_code weir_server_run(weir_server *server);

/* Shut down gracefully: stop accepting, send two GOAWAYs to every client (RFC 9113, section 6.8),
 * let calls finish for up to `grace` nanoseconds, then make weir_server_run return. Long-lived
 * handlers are notified through weir_call_on_drain (pool.h). A second drain can only shorten the
 * grace period. Safe from any thread and from a signal handler. */
WEIR_API void weir_server_drain(weir_server *server, int64_t grace);

/* The message of the last error of this server. Lives until the next error. */
WEIR_API const char *weir_server_error(const weir_server *server);

WEIR_END_C
