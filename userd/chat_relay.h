/* SPDX-License-Identifier: Apache-2.0 */
/* The chat across processes: publishes letters to every other userd on the same Redis, and receives
 * theirs. */
/* Threads: safe from any, except open, stop and free. */
#pragma once

#include "userd/chat_hub.h"
#include "userd/log.h"
#include "userd/redis.h"
#include <weir/metrics.h>

struct chat_relay;

/* All are borrowed. redis: the connection for publishing. */
struct chat_relay_options {
    const char *url;  /* of the same Redis, for the subscription */
    int64_t patience; /* as in redis_options */
    struct redis *redis;
    struct chat_hub *hub;
    const struct log *log;
    weir_metrics *metrics;
};

/* NULL: no memory or no thread. */
struct chat_relay *chat_relay_open(const struct chat_relay_options *options);

/* Stop receiving letters; before the hub is freed. Like free, accepts NULL. */
void chat_relay_stop(struct chat_relay *relay);
void chat_relay_free(struct chat_relay *relay);

/* Publish a letter; the order of a sender's letters is kept. It is sent at most once: if Redis is
 * away, it reaches no other userd, and is counted as lost. NULL does nothing. Suspends. */
void chat_relay_send(struct chat_relay *relay, weir_call *call, const struct chat_letter *letter);
