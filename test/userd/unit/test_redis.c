/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to Redis, on a machine that gives it no time for a while. */
#include "userd/redis.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE (2 * WEIR_SECOND)
#define STALL_US 2500000

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

enum { NOWHERE, BEFORE_SENDING, BEFORE_READING };

static atomic_int stalls; /* where the thread stands still next */

/* Of the connection's thread alone: between what poll saw and what is done about it. */
int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    int found = __real_poll(fds, count, timeout);
    int before_reading = BEFORE_READING, before_sending = BEFORE_SENDING;

    if (atomic_compare_exchange_strong(&stalls, &before_sending, NOWHERE))
        usleep(STALL_US);
    if ((fds[0].revents & POLLIN) != 0 &&
        atomic_compare_exchange_strong(&stalls, &before_reading, NOWHERE)) {
        usleep(STALL_US);
        fds[0].revents = 0; /* it had looked just before the answer came */
    }
    return found;
}

static weir_code
ping(struct redis *redis)
{
    const char *argv[] = {"PING"};
    redisReply *reply = NULL;
    weir_code code = redis_ask(redis, NULL, 1, argv, NULL, &reply);

    if (code == WEIR_OK)
        freeReplyObject(reply);
    return code;
}

static struct redis *
open_redis(void)
{
    const struct redis_options options = {.url = getenv("WEIR_REDIS"), .patience = PATIENCE};
    struct redis *redis = redis_open(&options);

    assert_non_null(redis);
    while (ping(redis) != WEIR_OK)
        usleep(1000);
    return redis;
}

static void
close_redis(struct redis *redis)
{
    redis_stop(redis);
    redis_free(redis);
}

/* Redis has answered in time, however late it was asked or heard. */
static void
a_thread_that_stood_still_blames_nobody(void **state)
{
    struct redis *redis = open_redis();

    (void)state;
    for (int place = BEFORE_SENDING; place <= BEFORE_READING; place++) {
        atomic_store(&stalls, place);
        assert_int_equal(ping(redis), WEIR_OK);
        assert_int_equal(atomic_load(&stalls), NOWHERE);
        assert_true(redis_works(redis));
    }
    close_redis(redis);
}

/* As an operator may say who means for ever. */
static void
patience_may_have_no_end(void **state)
{
    const struct redis_options options = {.url = getenv("WEIR_REDIS"), .patience = INT64_MAX};
    struct redis *redis = redis_open(&options);

    (void)state;
    assert_non_null(redis);
    while (ping(redis) != WEIR_OK)
        usleep(1000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ping(redis), WEIR_OK);
    close_redis(redis);
}

static void
silence_is_noticed(void **state)
{
    const char *argv[] = {"CLIENT", "PAUSE", "100000"};
    struct redis *redis = open_redis(), *other = open_redis();

    (void)state;
    assert_true(redis_tell(other, 3, argv, NULL));
    while (ping(redis) == WEIR_OK)
        continue;
    while (redis_works(redis))
        usleep(1000);
    close_redis(redis);
    close_redis(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_stood_still_blames_nobody),
        cmocka_unit_test(patience_may_have_no_end),
        cmocka_unit_test(silence_is_noticed), /* the last one: Redis stays silent */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
