/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to Redis that everybody shares: what is asked for at the same time goes out and
 * comes back together. While Redis is away nobody waits for it. */
/* Threads: open, stop and free on one thread; everything else is safe from any fiber and thread.
 * The functions of the options run on the connection's own thread. */
#pragma once

#include <hiredis/hiredis.h>
#include <weir/pool.h>

/* Room for why it does not work, NUL included. */
#define REDIS_WHY 160

struct redis;

/* Zero is the default of every field but url. */
struct redis_options {
    const char *url;  /* a valid one; copied */
    int64_t patience; /* with an answer, in nanoseconds; 250 ms */
    /* A channel to listen to: then nothing else can be asked. Copied; none. */
    const char *channel;
    void (*message)(void *self, const char *data, size_t len); /* one came on the channel */
    /* It works, or does not any more, or still does not but for another reason: for the log. */
    void (*changed)(void *self, bool works, const char *why);
    void *self; /* borrowed until it is stopped */
};

/* Connects on its own thread, again and again with pauses that grow up to a second. NULL: no
 * memory or no thread. */
struct redis *redis_open(const struct redis_options *options);

/* Its thread ends; who asks from here on is told that it is away. NULL does nothing. */
void redis_stop(struct redis *redis);

/* Stopped, and nobody asks any more. NULL does nothing. */
void redis_free(struct redis *redis);

/* Ask, and wait for the answer. OK: freeReplyObject frees it, and it is no error. UNAVAILABLE:
 * Redis is away, does not answer in time, or refuses. RESOURCE_EXHAUSTED: no memory. Or why
 * the call ended, which may be NULL. Suspends. */
WEIR_CHECK weir_code redis_ask(struct redis *redis, weir_call *call, int argc, const char **argv,
    const size_t *lens, redisReply **out_reply);

/* Send a command whose answer nobody needs, in the order of the asking. False: as above, at once.
 */
bool redis_tell(struct redis *redis, int argc, const char **argv, const size_t *lens);

/* Is it connected, as far as is known? */
bool redis_works(struct redis *redis);

/* A weir_health_checker.check; self is a struct redis. Waits for the first attempt to connect. It
 * fails, too, where Redis has refused commands since the last look. */
bool redis_check(void *self, char why[256]);
