/* SPDX-License-Identifier: Apache-2.0 */
/* The log of connections that failed. */
/* Threads: any. */
#pragma once

#include "userd/log.h"
#include <stdatomic.h>

struct connections {
    const struct log *log;   /* borrowed */
    _Atomic int64_t second;  /* the current one, on the clock of weir_now */
    atomic_uint lines;       /* in it */
    atomic_uint kept_silent; /* since the last line */
};

/* A weir_connection_observer of struct connections. Strangers can make connections fail as fast as
 * they like: no more than a few lines a second are written, and the next says how many were not. */
void connections_log_failure(void *self, const char *peer, const char *why);
