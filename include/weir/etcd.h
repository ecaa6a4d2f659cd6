/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery through etcd v3: a server says where it is, under a lease, and channels find it. */
/* Threads: safe from any thread; the work is done on a fiber of the channel's loop. */
#pragma once

#include <weir/channel.h>

WEIR_BEGIN_C

typedef struct weir_etcd_registration weir_etcd_registration;

/* Told when the server has become registered, or is no longer: then why not, in words. On the
 * loop's thread; must not suspend. */
typedef void weir_etcd_observer(void *self, bool registered, const char *why);

/* Zero is the default of every field but service and address. Texts are copied. */
struct weir_etcd_registration_options {
    const char *service; /* "user.UserService"; the key is SERVICE/ADDRESS */
    const char *address; /* where clients reach the server, "10.0.0.5:50051" */
    unsigned weight;     /* for balancers that weigh; 1 */
    int64_t ttl;         /* nanoseconds until a server that died is forgotten; 10 s, at least 2 s */
    const char *user, *password; /* who speaks, where etcd asks; nobody */
    weir_etcd_observer *observer;
    void *observer_self; /* borrowed */
};

/* Put a server into etcd, {"addr": ADDRESS, "weight": n}, and keep it there until
 * weir_etcd_registration_free: the lease is kept alive, and granted anew when etcd lost it or was
 * away; etcd may also be away now. A key that somebody deleted is put again within a third of the
 * ttl, if who speaks may read it. Somebody turns the loop. Borrows the loop and the channel (of
 * that loop, to etcd) until freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_etcd_register(weir_loop *loop, weir_channel *channel,
    const struct weir_etcd_registration_options *options,
    weir_etcd_registration **out_registration);

/* Take the server out of etcd, before it drains, so that clients go elsewhere. Waits until etcd has
 * said so, ten seconds at most: OK; else UNAVAILABLE, and the lease runs out. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_etcd_leave(weir_etcd_registration *registration);

/* Leaves first, when that was not done. Suspends. */
WEIR_API void weir_etcd_registration_free(weir_etcd_registration *registration);

/* ---- the client's half ---- */

/* Zero is the default of every field. All is borrowed. */
struct weir_etcd_resolver_options {
    const char *user, *password; /* who asks, where etcd wants to know; nobody */
    weir_tls *tls;               /* of weir_tls_client_new: speak TLS with etcd; plain text */
    weir_pool *pool;             /* looks up etcd's name; the loop waits */
    /* Told of each value that is no server's, which is passed over. On the loop's thread of the
     * channel; must not suspend. */
    void (*note)(void *self, const char *text);
    void *note_self;
};

/* Targets "etcd://HOST:PORT/SERVICE", with one address of etcd or several with commas between, are
 * the servers that are registered under SERVICE/, now and whenever that changes. While etcd is away
 * those that were known last stay. options, which may be NULL, is borrowed until the catalog is
 * freed. What weir_catalog_add_resolver says. */
WEIR_API WEIR_CHECK weir_code weir_etcd_add_resolver(
    weir_catalog *catalog, const struct weir_etcd_resolver_options *options);

WEIR_END_C
