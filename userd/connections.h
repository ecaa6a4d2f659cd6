/* SPDX-License-Identifier: Apache-2.0 */
/* The log of connections that failed. */
/* Threads: any. */
#pragma once

#include "userd/log.h"
#include <pthread.h>

#define CONNECTIONS_REASONS 32

/* The last line about one reason. */
struct connections_reason {
    uint64_t hash; /* of its text */
    int64_t said;  /* when it was logged, by weir_now; 0: never */
    int64_t kept_silent;
};

struct connections {
    const struct log *log; /* borrowed */
    pthread_mutex_t lock;
    struct connections_reason reasons[CONNECTIONS_REASONS];
};

void connections_init(struct connections *connections, const struct log *log);

/* A weir_connection_observer of struct connections. Anybody can make connections fail at any rate,
 * so each reason is logged once, and again after ten seconds at the earliest, with the number of
 * failures that were not logged. */
void connections_log_failure(void *self, const char *peer, const char *why);
