/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to Redis that is shared by all callers; concurrent requests are pipelined. While
 * Redis is away, requests fail at once. */
/* Threads: open, stop and free on one thread; everything else is safe from any fiber and thread.
 * The callbacks in the options run on the connection's own thread. */
#pragma once

#include <hiredis/hiredis.h>
#include <weir/pool.h>

/* Size of a reason, NUL included. */
#define REDIS_WHY 160

struct redis;

/* Zero selects the default of each field except url. */
struct redis_options {
    const char *url;  /* must be valid; copied */
    int64_t patience; /* timeout of a response, in nanoseconds; default 250 ms */
    /* The channel to subscribe to; requests are not possible then. Copied; default none. */
    const char *channel;
    void (*message)(void *self, const char *data, size_t len); /* for each message on the channel */
    /* Called for the log when the connection begins or ceases to work, or fails for another reason
     * than before. */
    void (*changed)(void *self, bool works, const char *why);
    void *self; /* borrowed until redis_stop returns */
};

/* Connects on a thread of its own, and retries with a backoff of up to a second. NULL: no memory or
 * no thread. */
struct redis *redis_open(const struct redis_options *options);

/* Stops the thread; requests fail from then on as if Redis was away. NULL does nothing. */
void redis_stop(struct redis *redis);

/* Must be stopped, without requests in progress. NULL does nothing. */
void redis_free(struct redis *redis);

/* Send a request and wait for the reply. OK: the reply is not an error; free it with
 * freeReplyObject. UNAVAILABLE: Redis is away, does not reply in time, or refuses the request.
 * RESOURCE_EXHAUSTED: no memory. Or why the call ended; call may be NULL. Suspends. */
WEIR_CHECK weir_code redis_ask(struct redis *redis, weir_call *call, int argc, const char **argv,
    const size_t *lens, redisReply **out_reply);

/* Send a command without waiting for the reply; the order of commands is kept. False: as above, at
 * once. */
bool redis_tell(struct redis *redis, int argc, const char **argv, const size_t *lens);

/* Was it connected when last checked? */
bool redis_works(struct redis *redis);

/* A weir_health_checker.check; self is a struct redis. Waits for the first attempt to connect. Also
 * fails if Redis refused a command since the last check. */
bool redis_check(void *self, char why[256]);
