/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/loop/pool.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <weir/pool.h>

static weir_pool *
new_pool(unsigned threads)
{
    weir_pool *pool = NULL;

    assert_int_equal(weir_pool_new(threads, &pool), WEIR_OK);
    return pool;
}

static void
count(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void
everything_queued_is_run_before_the_end(void **state)
{
    weir_pool *pool = new_pool(4);
    atomic_uint counter = 0;

    (void)state;
    for (int i = 0; i < 10000; i++)
        assert_int_equal(weir_pool_submit(pool, count, &counter), WEIR_OK);
    weir_pool_free(pool);
    assert_int_equal(atomic_load(&counter), 10000);
    weir_pool_free(NULL);
}

static unsigned next;

static void
expect_in_order(void *arg)
{
    assert_int_equal((uintptr_t)arg, next);
    next++;
}

/* Enough at once that the ring grows while its contents wrap around. */
static void
one_thread_keeps_the_order(void **state)
{
    weir_pool *pool = new_pool(1);

    (void)state;
    next = 0;
    for (uintptr_t i = 0; i < 5000; i++)
        assert_int_equal(weir_pool_submit(pool, expect_in_order, (void *)i), WEIR_OK);
    weir_pool_free(pool);
    assert_int_equal(next, 5000);
}

struct chain {
    weir_pool *pool;
    atomic_uint runs;
};

static void
submit_twice(void *arg)
{
    struct chain *chain = arg;

    atomic_fetch_add(&chain->runs, 1);
    assert_int_equal(weir_pool_submit(chain->pool, count, &chain->runs), WEIR_OK);
    assert_int_equal(weir_pool_submit(chain->pool, count, &chain->runs), WEIR_OK);
}

static void
work_may_submit_work(void **state)
{
    struct chain chain = {.pool = new_pool(2)};

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(weir_pool_submit(chain.pool, submit_twice, &chain), WEIR_OK);
    weir_pool_free(chain.pool);
    assert_int_equal(atomic_load(&chain.runs), 300);
}

static void
read_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
}

static void
signals_are_left_to_the_application(void **state)
{
    weir_pool *pool = new_pool(0);
    sigset_t inside, outside;

    (void)state;
    sigemptyset(&inside);
    assert_int_equal(weir_pool_submit(pool, read_mask, &inside), WEIR_OK);
    weir_pool_free(pool);
    pthread_sigmask(SIG_SETMASK, NULL, &outside);
    assert_true(sigismember(&inside, SIGTERM));
    assert_false(sigismember(&outside, SIGTERM));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_queued_is_run_before_the_end),
        cmocka_unit_test(one_thread_keeps_the_order),
        cmocka_unit_test(work_may_submit_work),
        cmocka_unit_test(signals_are_left_to_the_application),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
