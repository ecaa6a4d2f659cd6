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

/* The names of what has a status. */
#define OPS_DATABASE "database"

struct ops {
    weir_metrics *metrics;
    weir_health *health;
    weir_reflection *reflection; /* NULL: not offered */
    weir_channelz *channelz;     /* NULL: not offered */
    struct store *store;         /* borrowed, like log */
    const struct log *log;
    const char *disk; /* a file on the database's disk; NULL: the database is elsewhere */
    int64_t started;  /* seconds since 1970 */
};

struct ops_options {
    const char *address; /* "off": none; NULL: OPS_ADDRESS, if that is free */
    const char *disk;
    bool reflection, channelz;
    weir_server *server;
    weir_pool *pool;
    weir_tls *tls; /* NULL: none */
    struct store *store;
    const struct log *log;
};

flag_reader ops_read_address; /* const char * */

/* Wrap the server (log and metrics are outermost), offer health, listen. False: it was said why.
 * ops_close is needed in any case. */
bool ops_open(struct ops *ops, const struct ops_options *options);

/* Before the server runs: channelz, where it is offered, tells of this channel; NULL: nothing
 * happens. False: out of memory. */
bool ops_show_channel(struct ops *ops, weir_channel *channel);

/* Find out whether what userd needs works. False: out of threads. */
bool ops_start(struct ops *ops);

/* NOT_SERVING from here on: before a drain. From any thread. */
void ops_drain(struct ops *ops);

/* After the server and the pool are freed, before the store is closed and tls is freed. */
void ops_close(struct ops *ops);

/* ops_process.c: a weir_collector of what the kernel knows of this process; self is a struct ops.
 */
void ops_collect_process(void *self, weir_scrape *scrape);

/* Write a name that has one value, without labels. */
void ops_put(
    weir_scrape *scrape, const char *name, const char *type, const char *help, double value);
