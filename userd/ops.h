/* SPDX-License-Identifier: Apache-2.0 */
/* What operators need: metrics, health, the HTTP endpoints of --ops. */
/* Threads: opened and closed by the thread that starts the program; the endpoints run on the
 * server's first loop. */
#pragma once

#include "usercommon/flags.h"
#include "userd/log.h"
#include "userd/store.h"
#include <weir/channelz.h>
#include <weir/health.h>
#include <weir/metrics.h>
#include <weir/reflection.h>

#define OPS_ADDRESS "127.0.0.1:8080"

/* The components that have a health status. */
#define OPS_DATABASE "database"

struct ops {
    weir_metrics *metrics;
    weir_health *health;
    weir_reflection *reflection; /* NULL: not offered */
    weir_channelz *channelz;     /* NULL: not offered */
    struct store *store;         /* borrowed, like log */
    const struct log *log;
    const char *disk; /* a file on the database's disk; NULL: the database is not on this machine */
    int64_t started;  /* seconds since 1970 */
};

struct ops_options {
    const char *address; /* "off": none; NULL: OPS_ADDRESS, if it is free */
    const char *disk;
    bool reflection, channelz;
    weir_server *server;
    weir_pool *pool;
    weir_tls *tls; /* NULL: none */
    struct store *store;
    const struct log *log;
};

flag_reader ops_read_address; /* const char * */

/* Wrap the server (log and metrics are outermost), offer health, listen. False: the error was
 * printed. ops_close must be called in any case. */
bool ops_open(struct ops *ops, const struct ops_options *options);

/* Let channelz, if it is offered, show this channel; before the server runs. NULL does nothing.
 * False: no memory. */
bool ops_show_channel(struct ops *ops, weir_channel *channel);

/* Start the health checks of what userd depends on. False: no threads. */
bool ops_start(struct ops *ops);

/* Set the status to NOT_SERVING from now on, before a drain. Safe from any thread. */
void ops_drain(struct ops *ops);

/* After the server and the pool are freed, before the store is closed and tls is freed. */
void ops_close(struct ops *ops);

/* ops_process.c: a weir_collector of the kernel's statistics of this process; self is a struct ops.
 */
void ops_collect_process(void *self, weir_scrape *scrape);

/* Write a metric that has one value and no labels. */
void ops_put(
    weir_scrape *scrape, const char *name, const char *type, const char *help, double value);
