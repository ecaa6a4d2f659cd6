/* SPDX-License-Identifier: Apache-2.0 */
/* userd's registration in etcd: made when it starts to serve, removed before it drains. */
/* Threads: start and stop on one thread; leave on another one, in between. */
#pragma once

#include "usercommon/etcd_access.h"
#include "userd/log.h"
#include <pthread.h>
#include <weir/etcd.h>

struct discovery {
    weir_loop *loop; /* NULL: no etcd was given */
    pthread_t thread;
    bool running; /* the thread was started */
    bool left;    /* belongs to the signal thread */
    weir_channel *channel;
    weir_etcd_registration *registration;
    struct etcd_login login;
    const struct log *log;
};

/* The forms of --etcd: one or several servers of etcd. */
#define DISCOVERY_URL_FORMS "http[s]://HOST:PORT[,HOST:PORT...] or http://unix:PATH"
bool discovery_read_url(const struct flag *flag, const char *text, void *field);

/* Does the URL ask for TLS to etcd? url may be NULL. */
bool discovery_is_secure(const char *url);

/* Can clients connect to this listening address as it stands? Not if it is a wildcard address or a
 * Unix socket. */
bool discovery_can_tell(const char *address);

/* Register the address under the user service's name. url NULL: nothing to do. False: no readable
 * file, no memory or no thread; error says which. */
bool discovery_start(struct discovery *discovery, const char *url, const struct etcd_access *access,
    const char *address, const struct log *log, char error[WEIR_TLS_ERROR]);

/* Remove the registration, so that clients use other servers. Waits for etcd's answer, but not
 * long. */
void discovery_leave(struct discovery *discovery);

void discovery_stop(struct discovery *discovery);
