/* SPDX-License-Identifier: Apache-2.0 */
/* Like in the library, a bucket is one number: the time at which it will be full (generic cell rate
 * algorithm). It is stored until then, in microseconds of Redis' clock, because the clients have no
 * clock in common. Redis runs a script atomically, so no token is taken twice. */
#include "userd/rate_shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ARGV: microseconds per token, and per full bucket. Returns the microseconds until there is a
 * token; 0: one was taken. */
static const char take_script[] =
    "local t = redis.call('TIME') "
    "local now = (t[1] - 1700000000) * 1000000 + t[2] " /* small numbers are exact */
    "local full = tonumber(redis.call('GET', KEYS[1]) or now) or now "
    "if full < now then full = now end "
    "local due = full + ARGV[1] "
    "local wait = due - now - ARGV[2] "
    "if wait > 0 then return math.ceil(wait) end "
    "redis.call('SET', KEYS[1], string.format('%.3f', due), 'PX', math.ceil((due - now) / 1000) + "
    "1) "
    "return 0";

#define MICROSECONDS 1e6

static weir_code
take(void *self, weir_call *call, const struct weir_ratelimit_key *key,
    const struct weir_rate *rate, int64_t *out_wait)
{
    double burst = rate->burst > 0 ? rate->burst : rate->rate > 1 ? rate->rate : 1;
    char name[256], token[32], bucket[32];
    const char *argv[] = {"EVAL", take_script, "1", name, token, bucket};
    redisReply *reply;
    int64_t wait;

    snprintf(name, sizeof(name), "userd:rate:%016llx:%.200s", (unsigned long long)key->client,
        key->method == NULL ? "" : key->method);
    snprintf(token, sizeof(token), "%.3f", MICROSECONDS / rate->rate);
    snprintf(bucket, sizeof(bucket), "%.3f", MICROSECONDS / rate->rate * burst);
    WEIR_TRY(redis_ask(self, call, 6, argv, NULL, &reply));
    wait = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    freeReplyObject(reply);
    if (wait < 0 || wait > INT64_MAX / WEIR_MICROSECOND)
        return WEIR_DATA_LOSS;
    *out_wait = wait * WEIR_MICROSECOND;
    return WEIR_OK;
}

const struct weir_ratelimit_backend rate_shared_backend = {.take = take};
