/* SPDX-License-Identifier: Apache-2.0 */
/* userd's place in etcd: registered while it serves, gone before it drains. */
/* Threads: start and stop on one thread; leave from another, in between. */
#pragma once

#include "usercommon/etcd_access.h"
#include "userd/log.h"
#include <pthread.h>
#include <weir/etcd.h>

struct discovery {
    weir_loop *loop; /* NULL: no etcd was given */
    pthread_t thread;
    bool running; /* the thread is there */
    bool left;    /* of the signals' thread */
    weir_channel *channel;
    weir_etcd_registration *registration;
    struct etcd_login login;
    const struct log *log;
};

/* The value of --etcd: one of etcd's servers, or several. */
#define DISCOVERY_URL_FORMS "http[s]://HOST:PORT[,HOST:PORT...] or http://unix:PATH"
bool discovery_read_url(const struct flag *flag, const char *text, void *field);

/* Is etcd spoken with over TLS? url may be NULL. */
bool discovery_is_secure(const char *url);

/* Does an address that is listened on say where clients reach it? One that stands for every
 * interface, or for a file, does not. */
bool discovery_can_tell(const char *address);

/* Register the address under the user service's name. url NULL: nothing to do. False: error says
 * why, no file that can be read or no memory or no thread. */
bool discovery_start(struct discovery *discovery, const char *url, const struct etcd_access *access,
    const char *address, const struct log *log, char error[WEIR_TLS_ERROR]);

/* Clients go elsewhere from here on. Waits for etcd to say so, but not long. */
void discovery_leave(struct discovery *discovery);

void discovery_stop(struct discovery *discovery);
