/* SPDX-License-Identifier: Apache-2.0 */
/* userd's configuration: flags, environment, defaults. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "usercommon/etcd_access.h"
#include "usercommon/flags.h"
#include "userd/auth.h"
#include "userd/limits.h"
#include "userd/ops.h"
#include "userd/tls.h"

struct options {
    struct flag_list listen;
    bool listen_by_default; /* no address was given */
    const char *db;         /* NULL: the default */
    const char *db_read;    /* NULL: none */
    const char *redis;      /* NULL: none */
    int64_t redis_timeout;  /* 0: the default */
    const char *ops;        /* NULL: the default, if it is free */
    const char *etcd;       /* NULL: none */
    struct etcd_access etcd_access;
    const char *advertise; /* NULL: the first address to listen on */
    enum weir_log_format log_format;
    enum weir_log_level log_level;
    int64_t grace; /* nanoseconds */
    uint32_t loops;
    uint32_t workers;
    struct tls_options tls;
    struct auth_settings auth;
    struct limits_rate rate;
    bool rate_shared;
    bool concurrency;
    const char *otlp; /* NULL: no traces */
    double trace_skip;
    struct flag_list trust;
    uint32_t max_connections, max_connections_per_address;  /* 0: by the limit of descriptors */
    int64_t stall_timeout, window_timeout, message_timeout; /* 0: the library's default */
    int64_t max_connection_age, max_connection_age_grace, max_connection_idle; /* 0: forever */
    uint32_t max_streams; /* for these too, 0 is the library's default */
    uint64_t max_unread, max_held;
    int64_t keepalive_time, keepalive_timeout;
    int64_t min_ping_interval, min_idle_ping_interval;
    bool insecure;
    bool reflection, channelz;
    bool version;
    bool help;
};

/* False: error says in one line what is wrong and what would be right. */
bool options_read(
    int argc, char *const *argv, struct options *out_options, char error[FLAGS_ERROR]);

/* Set a default rate if none was given: calls are limited if other machines can reach the server.
 * To be called again when `listen` has changed. */
void options_choose_rate(struct options *options);

/* Are all listening addresses unreachable from other machines? */
bool options_are_local(const struct options *options);

/* Is the server secure enough to listen on all these addresses? False: error says why not. */
bool options_check_exposure(const struct options *options, char error[FLAGS_ERROR]);

void options_help(FILE *out);
