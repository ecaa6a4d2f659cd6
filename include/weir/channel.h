/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: a client's connections to a target, made on first use and again when lost. */
/* Threads: calls may be made concurrently from fibers of any loop and from plain threads. */
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

/* Zero selects each field's default, which is given last. */
struct weir_channel_options {
    const char *user_agent;       /* prepended to Weir's own user-agent; default none */
    size_t max_receive_message;   /* bytes, after decompression; default 4 MiB */
    size_t max_send_message;      /* bytes, before compression; default 4 GiB */
    weir_compression compression; /* of calls that do not set their own; default identity */
    size_t max_header_list;       /* bytes of a response's header list (RFC 9113, section 6.5.2);
                                     default 16 KiB */
    int64_t keepalive_time;       /* nanoseconds of silence from the server, during calls, until it
                                     is sent a PING (gRFC A8), at least 10 s; default never */
    int64_t keepalive_timeout;    /* nanoseconds until a connection is closed whose server neither
                                     acknowledges the PING nor sends anything or, with keepalive on,
                                     does not acknowledge sent data (TCP_USER_TIMEOUT, gRFC A18);
                                     default 20 s */
    bool keepalive_without_calls; /* also send PINGs while there are no calls, which servers may
                                     punish (gRFC A8); default no */
    int64_t connect_timeout;      /* nanoseconds; default 20 s */
    /* Nanoseconds from a failed connection attempt to the next one: 1 s at first, multiplied by 1.6
     * each time up to 120 s, with a jitter of 20 % (grpc doc/connection-backoff.md). */
    int64_t initial_backoff, max_backoff;
    weir_tls *tls; /* made by weir_tls_client_new; default plain text. The channel keeps what it
                      needs of it */
    weir_credentials *credentials; /* of calls that do not set their own; default none. Borrowed */
    size_t retry_buffer; /* bytes of sent messages that a call keeps for retries; default 256 KiB */
    weir_pool *pool;     /* runs DNS lookups; default: they block the loop. Borrowed */
    /* :authority of every call. Default: weir_tls_client_options.server_name, or else the target.
     */
    const char *authority;
    /* Connections per server: another one is opened when all are at the server's
     * MAX_CONCURRENT_STREAMS. Default 1. */
    unsigned max_connections;
    /* Nanoseconds without calls after which a connection is closed, until the next call; it may
     * take up to twice as long. WEIR_NEVER: it stays open. Default 30 min. */
    int64_t idle_timeout;
    /* The load balancing policy: "pick_first", "round_robin", "least_request",
     * "weighted_round_robin", or the name of one in the catalog. Default pick_first. */
    const char *balancer;
    const struct weir_outlier_options *outliers; /* outlier detection (gRFC A50), not used by
                                                    pick_first; default off */
    weir_catalog *catalog; /* of further resolvers and balancers; default none. Borrowed */
    /* Used unless the resolver provides one; default none. Borrowed. */
    const struct weir_service_config *service_config;
    /* Parses the service configs that resolvers provide, usually &weir_service_config_json of
     * config.h. Default: those are ignored. */
    const struct weir_service_config_format *service_config_format;
    /* With a format: DNS lookups also ask for the TXT records of _grpc_config.NAME (gRFC A2), so
     * whoever controls that zone controls how calls are made. Default no. */
    bool service_config_in_dns;
    /* Called when a service config from the resolver is rejected; the previous one stays in force.
     * Runs on the loop's thread; must not suspend. */
    void (*service_config_refused)(void *self, const char *why);
    void *service_config_refused_self; /* borrowed */
    /* Receives the reason if the channel cannot be created; default none. Borrowed for the call. */
    struct weir_error *out_error;
    bool direct; /* ignore proxies named in the environment (see weir_channel_new); default no */
};

/* Create a channel; it does not connect yet. Borrows the loop until the channel is freed; copies
 * the target and the options, but for what they borrow. options may be NULL. INVALID_ARGUMENT: the
 * target is malformed, the balancer, the compression or the target's scheme is unknown, tls is for
 * servers, a time is negative, user_agent or authority is not valid in a header, or the outliers or
 * the service config are not valid. RESOURCE_EXHAUSTED: no memory. options.out_error has the reason
 * of both.
 *
 * Targets (grpc doc/naming.md):
 *   HOST:PORT, dns:HOST:PORT         all addresses of the name (1,024 chosen at random if there are
 *                                    more); after "dns:" the port defaults to 443
 *   dns://SERVER/HOST:PORT           the same, asking this DNS server: an address, port 53 unless
 *                                    given
 *   unix:PATH, unix-abstract:NAME    a Unix socket
 *   ipv4:A:PORT,B:PORT               a list of addresses, or one
 *   ipv6:[A]:PORT,[B]:PORT           the same
 *   HOST:PORT,HOST:PORT,unix:PATH    a list of servers of any kind; what begins with "unix:" is one
 *                                    path, which may have commas
 *   SCHEME:...                       a resolver in the catalog
 *
 * Proxies: a channel to a single HOST:PORT, with or without "dns:", connects through the HTTP proxy
 * that the environment names, by CONNECT (gRFC A1), unless the host is this machine itself. The
 * proxy is the value of the first variable set among grpc_proxy, https_proxy, HTTPS_PROXY and
 * http_proxy: "[http://][USER:PASSWORD@]HOST[:PORT]", port 80 by default; empty: no proxy. The
 * first set of no_grpc_proxy, no_proxy and NO_PROXY lists, separated by commas, what is connected
 * to directly: domains (with their subdomains) and addresses, each with or without a port, networks
 * like 10.0.0.0/8, or "*". The proxy resolves the name; TLS is end to end with the server. The
 * environment is read by this function, and ignored by set-user-ID programs. */
WEIR_API WEIR_CHECK weir_code weir_channel_new(weir_loop *loop, const char *target,
    const struct weir_channel_options *options, weir_channel **out_channel);

/* Wrap every call, of all four kinds; the interceptor added first is outermost. Borrows self until
 * the channel is freed. FAILED_PRECONDITION: a call has been made already. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_API WEIR_CHECK weir_code weir_channel_wrap(
    weir_channel *channel, weir_interceptor *interceptor, void *self);

/* Close the connections and free the channel. All its calls must have been freed. Suspends. */
WEIR_API void weir_channel_free(weir_channel *channel);

/* ---- connectivity (grpc doc/connectivity-semantics-and-api.md) ---- */

typedef enum weir_connectivity {
    WEIR_CHANNEL_IDLE, /* not connected, and no call needs a connection */
    WEIR_CHANNEL_CONNECTING,
    WEIR_CHANNEL_READY,
    WEIR_CHANNEL_FAILURE /* TRANSIENT_FAILURE: calls that are not wait-for-ready fail until a
                            connection attempt succeeds */
} weir_connectivity;

/* The current state. Suspends. */
WEIR_API weir_connectivity weir_channel_connectivity(weir_channel *channel);

/* Start connecting now instead of with the first call; does not wait for the result.
 * RESOURCE_EXHAUSTED: no memory for a fiber. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_connect(weir_channel *channel);

/* Wait until the state differs from `last`. DEADLINE_EXCEEDED: it has not changed within `timeout`
 * nanoseconds. RESOURCE_EXHAUSTED: no memory. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_channel_watch(weir_channel *channel, weir_connectivity last,
    int64_t timeout, weir_connectivity *out_connectivity);

/* ---- calls ---- */

/* Create a call object, which serves one call. With a parent, the server call whose handler makes
 * this one, it inherits the parent's deadline and values and is cancelled with it. NULL: no
 * memory. */
WEIR_API weir_call *weir_call_new(weir_channel *channel, weir_call *parent);

/* Before the call starts: while there is no connection, wait for one until the deadline instead of
 * failing with UNAVAILABLE (grpc doc/wait-for-ready.md). Default off. */
WEIR_API void weir_call_set_wait_for_ready(weir_call *call, bool wait);

/* Before the call starts: send it as a GET, so that an HTTP cache may answer. The request goes into
 * the path (base64url after '?'). The call is a POST all the same if the path would exceed 8 KiB or
 * the server's header limit, and for methods that are not unary and weir_method.safe. Default
 * off. */
WEIR_API void weir_call_set_cacheable(weir_call *call, bool cacheable);

/* Cancel the call if it is still active, and free it with all memory of its lifetime. */
WEIR_API void weir_call_free(weir_call *call);

WEIR_END_C
