/* SPDX-License-Identifier: Apache-2.0 */
/* Redis and what userd uses it for. Nothing waits until it is available. */
#include "userd/shared.h"

#include "userd/store_cached.h"

static void
tell_of_redis(void *self, bool works, const char *why)
{
    const struct shared *shared = self;

    if (works)
        log_write(shared->log, LOG_INFO, "Redis is back", NULL, 0);
    else
        log_line(shared->log, LOG_WARN,
            "Redis is away: users are read from the database, rates are counted here alone",
            log_text("why", why));
}

static bool
check_it(const struct shared *shared)
{
    const struct weir_health_checker checker = {
        .name = CACHE_CHECKER, .check = redis_check, .self = shared->redis, .optional = true};

    return weir_health_add(shared->ops->health, &checker) == WEIR_OK;
}

bool
shared_open(struct shared *shared, const struct shared_options *options)
{
    const struct redis_options redis = {.url = options->url,
        .patience = options->patience,
        .changed = tell_of_redis,
        .self = shared};
    struct store_cached_options cached = {.store = options->store,
        .fresh = options->fresh,
        .metrics = options->ops->metrics,
        .health = options->ops->health};
    struct chat_relay_options relay = {.url = options->url,
        .patience = options->patience,
        .hub = options->hub,
        .log = options->log,
        .metrics = options->ops->metrics};

    if (options->url == NULL)
        return true;
    shared->ops = options->ops;
    shared->log = options->log;
    shared->redis = redis_open(&redis);
    if (shared->redis == NULL || !check_it(shared))
        return false;
    cached.redis = shared->redis;
    shared->cached = store_cached_new(&cached);
    if (shared->cached == NULL)
        return false;
    relay.redis = shared->redis;
    shared->relay = chat_relay_open(&relay);
    return shared->relay != NULL;
}

void
shared_stop(struct shared *shared)
{
    chat_relay_stop(shared->relay);
    redis_stop(shared->redis);
}

void
shared_close(struct shared *shared)
{
    chat_relay_free(shared->relay);
    store_close(shared->cached);
    redis_free(shared->redis);
}
