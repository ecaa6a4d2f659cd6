/* SPDX-License-Identifier: Apache-2.0 */
/* A client's way to a server: connects when first used, reconnects when lost. */
/* Threads: calls may be made from fibers of any loop and from plain threads, at the same time. */
#pragma once

#include <weir/catalog.h>
#include <weir/credentials.h>
#include <weir/interceptor.h>
#include <weir/loop.h>
#include <weir/outlier.h>
#include <weir/pool.h>
#include <weir/service_config.h>
#include <weir/tls.h>

WEIR_BEGIN_C

typedef struct weir_channel weir_channel;

/* Zero is the default of every field. */
struct weir_channel_options {
    const char *user_agent;       /* put before Weir's own in user-agent; none */
    size_t max_receive_message;   /* bytes, after inflating; 4 MiB */
    size_t max_send_message;      /* bytes, before compressing; 4 GiB */
    weir_compression compression; /* of the messages of calls that choose none; identity */
    size_t max_header_list;       /* bytes of a response's header list; 16 KiB */
    int64_t keepalive_time;       /* a server silent for so long during a call is asked whether it
                                     lives; never. At least 10 s */
    int64_t keepalive_timeout;    /* and given up when it is silent on, or with keepalive has
                                     acknowledged nothing of what was sent for so long; 20 s */
    bool keepalive_without_calls; /* ask also between calls; not every server likes that */
    int64_t connect_timeout;      /* nanoseconds; 20 s */
    /* Nanoseconds, a fifth more or less, from a failure to connect to the next attempt: 1 s at
     * first, 1.6 times as much each time, up to 120 s (grpc doc/connection-backoff.md). */
    int64_t initial_backoff, max_backoff;
    weir_tls *tls;                 /* of weir_tls_client_new: speak TLS; plain text */
    weir_credentials *credentials; /* of calls that bring none of their own; none. Borrowed */
    size_t retry_buffer; /* bytes of what a call has sent, kept for another attempt; 256 KiB */
    weir_pool *pool;     /* looks names up; without one the loop waits for the lookup. Borrowed */
    /* :authority of every call; the target, or the name that tls knows the server by. */
    const char *authority;
    /* A connection is added when those there are have as many calls as the server allows; 1. */
    unsigned max_connections;
    /* Nanoseconds without a call, or up to twice that, after which a connection is closed until the
     * next call; 30 min. WEIR_NEVER: it stays. */
    int64_t idle_timeout;
    /* How calls are spread over the target's servers: "pick_first" (the first that answers has them
     * all), "round_robin", "least_request", "weighted_round_robin", or a name of the catalog's;
     * pick_first. */
    const char *balancer;
    const struct weir_outlier_options *outliers; /* servers that fail are left out for a while; none
                                                    are, nor ever with pick_first */
    weir_catalog *catalog; /* further resolvers and balancers; none. Borrowed */
    /* How calls are made, and spread, unless the resolver says so; none. Borrowed. */
    const struct weir_service_config *service_config;
    /* Reads what resolvers say of it, as weir_service_config_json of config.h does; NULL: that is
     * not heeded. */
    const struct weir_service_config_format *service_config_format;
    /* With a format: ask for one in the TXT records of _grpc_config.NAME, too, when a name is
     * looked up (gRFC A2); no. Whoever may change its zone then decides how calls are made. */
    bool service_config_in_dns;
    /* Told why such a one cannot be: the one before stays in force. On the loop's thread. */
    void (*service_config_refused)(void *self, const char *why);
    void *service_config_refused_self; /* borrowed */
    bool direct; /* without a proxy, whatever the environment says, see weir_channel_new; no */
};

/* target: "HOST:PORT" or "dns:HOST:PORT", which stand for all addresses of the name (of more than
 * 1,024 for as many, chosen at random), and "dns://SERVER/HOST:PORT", which asks this DNS server,
 * an address, with a port unless that is 53; behind "dns:" a port of 443 may be left out.
 * "unix:PATH"; "unix-abstract:NAME"; lists of one or several, "ipv4:A:PORT,B:PORT",
 * "ipv6:[A]:PORT,[B]:PORT", and of servers of any kind "HOST:PORT,HOST:PORT,unix:PATH"; or
 * "SCHEME:..." of a resolver in the catalog.
 *
 * Where the environment names an HTTP proxy, a channel to one "HOST:PORT", "dns:" before it or not,
 * goes through that by CONNECT (gRFC A1), but for this machine itself. The proxy is
 * "[http://][USER:PASSWORD@]HOST[:PORT]" (port 80), the value of the first of grpc_proxy,
 * https_proxy, HTTPS_PROXY and http_proxy that is set; empty: there is none. The first of
 * no_grpc_proxy, no_proxy and NO_PROXY lists with commas what is reached directly: domains, with
 * all below them, and addresses, either with a port or not, networks like 10.0.0.0/8, or "*". The
 * proxy looks the name up; TLS is with the server behind it. The environment is read here, and not
 * by programs that run with more rights than their user.
 *
 * Does not connect yet. Borrows the loop until freed; copies the rest. options may be
 * NULL. INVALID_ARGUMENT: not a target, no such balancer, tls is a server's, a time is below zero,
 * user_agent or authority cannot be sent, or the service config cannot be. */
WEIR_API WEIR_CHECK weir_code weir_channel_new(weir_loop *loop, const char *target,
    const struct weir_channel_options *options, weir_channel **out_channel);

/* Wrap every call, of all four kinds; first added is outermost. Borrows self until the channel is
 * freed. FAILED_PRECONDITION: there was a call before. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_channel_wrap(
    weir_channel *channel, weir_interceptor *interceptor, void *self);

/* After every call of the channel is freed. Closes its connection. */
WEIR_API void weir_channel_free(weir_channel *channel);

/* ---- connectivity (grpc doc/connectivity-semantics-and-api.md) ---- */

typedef enum weir_connectivity {
    WEIR_CHANNEL_IDLE, /* no connection, and no call that wants one */
    WEIR_CHANNEL_CONNECTING,
    WEIR_CHANNEL_READY,
    WEIR_CHANNEL_FAILURE /* TRANSIENT_FAILURE: calls fail, until one after the backoff tries again
                          */
} weir_connectivity;

/* Suspends. */
WEIR_API weir_connectivity weir_channel_connectivity(weir_channel *channel);

/* Begin to connect now, rather than with the first call; does not wait for it. RESOURCE_EXHAUSTED:
 * no stack. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_connect(weir_channel *channel);

/* Wait until it is another than `last`. DEADLINE_EXCEEDED: it is the same after so many
 * nanoseconds. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_watch(weir_channel *channel, weir_connectivity last,
    int64_t timeout, weir_connectivity *out_connectivity);

/* ---- calls ---- */

/* A call object for one call. With a parent (a server's call inside whose handler this one is made)
 * it inherits what is left of the parent's deadline and is cancelled with it. NULL: no memory. */
WEIR_API weir_call *weir_call_new(weir_channel *channel, weir_call *parent);

/* Before the call starts: while there is no connection wait for one, until the deadline, instead of
 * failing with UNAVAILABLE. Off at first. */
WEIR_API void weir_call_set_wait_for_ready(weir_call *call, bool wait);

/* Before the call starts: ask with GET, so that an HTTP cache on the way may answer. The request's
 * bytes go into the path (base64url behind a '?'); where that would be over 8 KiB, or more than the
 * server takes as headers, and for methods that are not unary or not `safe`, the call is a POST all
 * the same. Off at first. */
WEIR_API void weir_call_set_cacheable(weir_call *call, bool cacheable);

/* Cancels the call if it is still alive, and frees all that lives as long as it. */
WEIR_API void weir_call_free(weir_call *call);

WEIR_END_C
