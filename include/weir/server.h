/* SPDX-License-Identifier: Apache-2.0 */
/* A gRPC server: services, listeners, loops, drain. */
/* Threads: set up and free on one thread; weir_server_drain may come from any, and from a signal
 * handler. */
#pragma once

#include <weir/interceptor.h>
#include <weir/loop.h>
#include <weir/service.h>
#include <weir/tls.h>

WEIR_BEGIN_C

typedef struct weir_server weir_server;

/* Told of a connection that failed: its handshake (TLS, then HTTP/2's) did, it broke HTTP/2's
 * rules, or the network lost it. That its peer went is none, whatever ran. peer:
 * "ipv4:127.0.0.1:41234"; why: one line, part of which the peer may have written. On the thread of
 * the connection's loop; must not block. */
typedef void weir_connection_observer(void *self, const char *peer, const char *why);

/* Zero is the default of every field. */
struct weir_server_options {
    unsigned loops;             /* event loops, each on a thread of its own; 1 */
    size_t max_receive_message; /* bytes, after inflating; 4 MiB */
    uint64_t max_unread; /* bytes of messages that wait to be read, beyond 64 KiB for each stream,
                            of all connections; 512 MiB. What is over it is not taken */
    uint64_t max_held; /* bytes of memory that the content of requests takes, also after inflating,
                          and headers of more than 2 KiB, until they are answered, of all
                          connections; 1 GiB, and twice max_receive_message for each loop at
                          least. What is over it is refused, RESOURCE_EXHAUSTED or
                          REFUSED_STREAM */
    size_t max_send_message;      /* bytes, before compressing; 4 GiB */
    weir_compression compression; /* of the messages of calls that choose none; identity */
    size_t max_header_list;       /* bytes of a request's header list (RFC 9113, 10.5.1); 16 KiB */
    uint32_t max_concurrent_streams; /* a connection; 100 */
    size_t fiber_stack; /* bytes of address space for a handler's stack; 256 KiB, and no less */
    int64_t handshake_timeout; /* from accept to the client's SETTINGS; 10 s */
    unsigned max_connections;  /* at a time, of all loops; what is over it is closed; 100,000 */
    unsigned max_connections_per_address; /* of one IPv4 address, or of one IPv6 network of 64 bits;
                                             half of max_connections. Unix sockets do not count */
    int64_t stall_timeout;   /* a client that has taken less than 16 KiB of what is sent, or has not
                                finished a frame, for so long, is left; 60 s */
    int64_t window_timeout;  /* a call that has waited so long for its client to let 16 KiB of its
                                message come (WINDOW_UPDATE) ends: RESOURCE_EXHAUSTED; 10 min */
    int64_t message_timeout; /* a call whose client has begun a message, and has sent neither 16 KiB
                                more of it nor its end for so long, ends the same way; 2 min */
    int64_t max_connection_age; /* then a client is told to connect anew, a tenth sooner or later
                                   (gRFC A9: two GOAWAYs, calls go on); forever */
    int64_t max_connection_age_grace; /* then the calls that are left are cut; forever */
    int64_t max_connection_idle;      /* the same after so long without a call; forever */
    int64_t keepalive_time;    /* a client silent for so long is asked whether it lives; 2 h */
    int64_t keepalive_timeout; /* and given up when it is silent on; 20 s */
    int64_t min_ping_interval; /* between two PINGs of a client with calls; 5 min. One that sends
                                  the third too early (gRFC A8) is told too_many_pings, and left */
    int64_t min_idle_ping_interval; /* the same of a client without calls; 2 h */
    unsigned max_http_connections;  /* at a time, of weir_server_listen_http (http.h); 64 */
    int64_t http_timeout; /* for a request to come in whole, and for an answer to be taken; 30 s */
    weir_tls
        *tls; /* of weir_tls_server_new: TCP connections speak TLS, Unix sockets do not; none */
    weir_connection_observer *connection_failed;
    void *connection_failed_self; /* borrowed */
};

/* RESOURCE_EXHAUSTED: no memory. INVALID_ARGUMENT: tls is a client's, or a time is below zero.
 * options may be NULL. */
WEIR_API WEIR_CHECK weir_code weir_server_new(
    const struct weir_server_options *options, weir_server **out_server);
WEIR_API void weir_server_free(weir_server *server);

/* ---- set up: what adds to the server is FAILED_PRECONDITION once it runs; weir_server_error says
 * more, of this and of the other codes ---- */

/* Offer a service. Borrows all three until the server is freed. ALREADY_EXISTS: the name is taken.
 * Generated code wraps this as PACKAGE_SERVICE_add with the vtable's own type. */
WEIR_API WEIR_CHECK weir_code weir_server_add(
    weir_server *server, const struct weir_service *service, const void *handlers, void *self);

/* The nth service that is offered, in no particular order; NULL beyond the last. */
WEIR_API const struct weir_service *weir_server_service(const weir_server *server, size_t index);

/* Wrap every call, of all four kinds; first added is outermost. Borrows self. */
WEIR_API WEIR_CHECK weir_code weir_server_wrap(
    weir_server *server, weir_interceptor *interceptor, void *self);

/* Bind "HOST:PORT", "[V6]:PORT" or "unix:PATH" (port 0: any free one; of a name's addresses the
 * first). INVALID_ARGUMENT: no such form. UNAVAILABLE: it cannot be bound; weir_server_error says
 * why. */
WEIR_API WEIR_CHECK weir_code weir_server_listen(weir_server *server, const char *address);

/* The nth address as bound, "127.0.0.1:50051"; NULL beyond the last. Lives as long as the server.
 */
WEIR_API const char *weir_server_address(const weir_server *server, size_t index);

/* Never hold back connections of this network, "192.0.2.0/24", "2001:db8::/32" or a single
 * address: a proxy's, a load balancer's, whose connections are those of many. Of others'
 * addresses, an IPv6 network of 64 bits being one, a connection that breaks HTTP/2's rules or the
 * server's limits is a debt, which is forgiven in 10 s; so is one that is refused, on which no
 * call was made, or that was ended for its PINGs (min_ping_interval), a fiftieth of that. From 30
 * s of it on an address' new connections are let in one by one, a second apart at first, and half
 * a minute at most; those that are there go on. The first network, or "none", takes the place of
 * loopback; Unix sockets owe nothing. INVALID_ARGUMENT: not a network, weir_server_error says so.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_server_trust(weir_server *server, const char *network);

/* Take over a socket that listens already, systemd's or that of a process which this one replaces:
 * weir_server_listen and weir_server_listen_http of its address use it. Owned from here on, even on
 * failure; what nobody asks for is closed with the server. INVALID_ARGUMENT: it does not listen for
 * stream connections. */
WEIR_API WEIR_CHECK weir_code weir_server_inherit(weir_server *server, int fd);

/* The address of the nth of them that is not in use yet, NULL beyond the last. Lives until the next
 * weir_server_listen. */
WEIR_API const char *weir_server_inherited(const weir_server *server, size_t index);

/* The nth listening socket, to be inherited by another process; -1 beyond the last. It is the
 * server's, which closes it when it drains. Safe from any thread once all addresses are there. */
WEIR_API int weir_server_socket(const weir_server *server, size_t index);

/* Another process serves on the same sockets: a drain leaves the paths of Unix sockets in place,
 * and HTTP to the other one. Safe from any thread. */
WEIR_API void weir_server_share_sockets(weir_server *server);

/* The nth event loop, to run fibers of one's own on (weir_loop_spawn); NULL beyond the last. It is
 * the server's. */
WEIR_API weir_loop *weir_server_loop(const weir_server *server, unsigned index);

/* Serve until drained, once: this thread turns the first loop, options.loops - 1 further threads
 * turn the others. Services, interceptors and addresses are all there before it. OK: drained and
 * every call ended. CANCELLED: the grace time was over, calls were cut. RESOURCE_EXHAUSTED: no
 * memory or no threads. FAILED_PRECONDITION: there is no address, or it has run before. */
WEIR_API WEIR_CHECK weir_code weir_server_run(weir_server *server);

/* Stop accepting, tell every client to go elsewhere (two GOAWAYs, RFC 9113 section 6.8), let calls
 * finish for up to grace nanoseconds, then make weir_server_run return. Handlers that would go on
 * for ever can hear of it: weir_call_on_drain of pool.h. A second drain can only shorten the grace.
 * Safe from any thread and from a signal handler. */
WEIR_API void weir_server_drain(weir_server *server, int64_t grace);

/* Why the last function that failed did so. Lives until the next one fails. */
WEIR_API const char *weir_server_error(const weir_server *server);

WEIR_END_C
