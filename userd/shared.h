/* SPDX-License-Identifier: Apache-2.0 */
/* What several userd share through Redis: the cache of users, and the chat. */
/* Threads: opened, stopped and closed by the thread that starts the program. */
#pragma once

#include "userd/chat_relay.h"
#include "userd/ops.h"

struct shared {
    struct redis *redis;      /* NULL: none was given */
    struct store *cached;     /* in front of the program's store */
    struct chat_relay *relay; /* between the chats of all */
    struct ops *ops;          /* borrowed */
    const struct log *log;
};

struct shared_options {
    const char *url;     /* of Redis; NULL: none, and nothing to do */
    int64_t patience;    /* as of redis_options */
    struct store *store; /* borrowed, like fresh and hub */
    struct store *fresh; /* as of store_cached_options */
    struct chat_hub *hub;
    struct ops *ops; /* open, not started yet; borrowed, like log */
    const struct log *log;
};

/* False: no memory or no thread. The others are needed in any case. */
bool shared_open(struct shared *shared, const struct shared_options *options);

/* Redis is left alone from here on. Before the ops are closed and the hub is freed. */
void shared_stop(struct shared *shared);

/* After the ops are closed, and before the store is. */
void shared_close(struct shared *shared);
