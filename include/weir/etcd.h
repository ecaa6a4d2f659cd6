/* SPDX-License-Identifier: Apache-2.0 */
/* Service discovery with etcd v3: servers register under a lease, channels resolve them. Part of
 * libweir-etcd. */
/* Threads: safe from any thread; the work is done on a fiber of the channel's loop. */
#pragma once

#include <weir/channel.h>

WEIR_BEGIN_C

typedef struct weir_etcd_registration weir_etcd_registration;

/* Called when the server has been registered, or is no longer; `why` is then the reason. Runs on
 * the loop's thread; must not suspend. */
typedef void weir_etcd_observer(void *self, bool registered, const char *why);

/* Zero selects each field's default, which is given last; service and address are required. Strings
 * are copied. */
struct weir_etcd_registration_options {
    const char *service;          /* "user.UserService"; the key is SERVICE/ADDRESS */
    const char *address;          /* where clients reach the server, "10.0.0.5:50051" */
    unsigned weight;              /* for weighted policies; default 1 */
    int64_t ttl;                  /* of the lease, in nanoseconds, at least 2 s; default 10 s */
    const char *user, *password;  /* etcd's credentials; default none */
    weir_etcd_observer *observer; /* default none */
    void *observer_self;          /* borrowed */
};

/* Register a server in etcd, with the value {"addr": ADDRESS, "weight": n}, until
 * weir_etcd_registration_free. The lease is kept alive, and replaced if it was lost. etcd may be
 * unavailable at first or for a while. A deleted key is put again within a third of the ttl, if the
 * user may read it. channel: to etcd, on this loop, which must be running. Borrows both until the
 * registration is freed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_etcd_register(weir_loop *loop, weir_channel *channel,
    const struct weir_etcd_registration_options *options,
    weir_etcd_registration **out_registration);

/* Remove the server from etcd, before it drains, so that clients stop using it. Waits for etcd's
 * response, 10 s at most. UNAVAILABLE: there was none; the lease will expire. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_etcd_leave(weir_etcd_registration *registration);

/* Free the registration, after weir_etcd_leave unless that was called. Suspends. */
WEIR_API void weir_etcd_registration_free(weir_etcd_registration *registration);

/* ---- resolver ---- */

/* Zero selects each field's default, which is given last. Everything is borrowed. */
struct weir_etcd_resolver_options {
    const char *user, *password; /* etcd's credentials; default none */
    weir_tls *tls;               /* made by weir_tls_client_new, for etcd; default plain text */
    weir_pool *pool;             /* runs DNS lookups of etcd's name; default: they block the loop */
    /* Called for each value that is not a valid server, which is skipped. Runs on the thread of the
     * channel's loop; must not suspend. */
    void (*note)(void *self, const char *text);
    void *note_self;
};

/* Register the resolver for targets "etcd://HOST:PORT[,HOST:PORT...]/SERVICE": the servers
 * registered under SERVICE/, updated when they change. While etcd is unavailable the last list
 * stays in use. Borrows options, which may be NULL, until the catalog is freed. Errors are those of
 * weir_catalog_add_resolver. */
WEIR_API WEIR_CHECK weir_code weir_etcd_add_resolver(
    weir_catalog *catalog, const struct weir_etcd_resolver_options *options);

WEIR_END_C
