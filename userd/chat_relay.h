/* SPDX-License-Identifier: Apache-2.0 */
/* The chat beyond this process: letters go out to every other userd on the same Redis, and theirs
 * come in. */
/* Threads: safe from any, but open, stop and free. */
#pragma once

#include "userd/chat_hub.h"
#include "userd/log.h"
#include "userd/redis.h"
#include <weir/metrics.h>

struct chat_relay;

/* All are borrowed. redis: what letters go out through. */
struct chat_relay_options {
    const char *url;  /* of the same Redis, to listen there */
    int64_t patience; /* as of redis_options */
    struct redis *redis;
    struct chat_hub *hub;
    const struct log *log;
    weir_metrics *metrics;
};

/* NULL: no memory or no thread. */
struct chat_relay *chat_relay_open(const struct chat_relay_options *options);

/* No letter comes any more; before the hub is freed. NULL does nothing, as in free. */
void chat_relay_stop(struct chat_relay *relay);
void chat_relay_free(struct chat_relay *relay);

/* Hand a letter to Redis, in the order of a sender's letters. It is sent once at most: when Redis
 * is away it reaches nobody elsewhere, which is counted. NULL does nothing. Suspends. */
void chat_relay_send(struct chat_relay *relay, weir_call *call, const struct chat_letter *letter);
