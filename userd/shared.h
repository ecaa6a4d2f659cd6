/* SPDX-License-Identifier: Apache-2.0 */
/* What several userd share through Redis: the cache of users and the chat. */
/* Threads: opened, stopped and closed by the thread that starts the program. */
#pragma once

#include "userd/chat_relay.h"
#include "userd/ops.h"

struct shared {
    struct redis *redis;      /* NULL: no Redis was given */
    struct store *cached;     /* in front of the program's store */
    struct chat_relay *relay; /* between the chats of all userd */
    struct ops *ops;          /* borrowed */
    const struct log *log;
};

struct shared_options {
    const char *url;     /* of Redis; NULL: none, and nothing is opened */
    int64_t patience;    /* as in redis_options */
    struct store *store; /* borrowed, like fresh and hub */
    struct store *fresh; /* as in store_cached_options */
    struct chat_hub *hub;
    struct ops *ops; /* opened, but not started yet; borrowed, like log */
    const struct log *log;
};

/* False: no memory or no thread. shared_stop and shared_close must be called in any case. */
bool shared_open(struct shared *shared, const struct shared_options *options);

/* Stop using Redis. Before the ops are closed and the hub is freed. */
void shared_stop(struct shared *shared);

/* After the ops are closed, and before the store is closed. */
void shared_close(struct shared *shared);
