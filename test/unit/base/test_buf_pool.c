/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of buffers' memory: what comes back first, and what is freed. */
#include "base/buf_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct buf
filled(size_t size)
{
    struct buf buf = BUF_EMPTY;
    uint8_t *room = buf_reserve(&buf, size);

    assert_non_null(room);
    memset(room, 'x', size);
    buf_commit(&buf, size);
    buf_take(&buf, size);
    return buf;
}

static void
test_last_in_first_out(void **state)
{
    struct buf_pool pool = {.first = NULL};
    struct buf one = filled(100), other = filled(5000), next = BUF_EMPTY;
    uint8_t *one_data = one.data, *other_data = other.data;
    size_t other_cap = other.cap;

    (void)state;
    buf_pool_give(&pool, &one);
    buf_pool_give(&pool, &other);
    assert_null(one.data);
    assert_int_equal(other.cap, 0);
    buf_pool_take(&pool, &next);
    assert_ptr_equal(next.data, other_data);
    assert_int_equal(next.cap, other_cap);
    assert_int_equal(buf_len(&next), 0);
    assert_true(buf_append(&next, "hello", 5));
    assert_memory_equal(buf_head(&next), "hello", 5);
    buf_pool_take(&pool, &one);
    assert_ptr_equal(one.data, one_data);
    buf_pool_take(&pool, &other);
    assert_null(other.data);
    assert_true(buf_append(&other, "more", 4)); /* memory of its own */
    buf_fini(&one);
    buf_fini(&other);
    buf_fini(&next);
}

static void
test_too_small_is_freed(void **state)
{
    struct buf_pool pool = {.first = NULL};
    struct buf tiny = {.data = malloc(8), .cap = 8};

    (void)state;
    buf_pool_give(&pool, &tiny);
    assert_null(tiny.data);
    assert_int_equal(pool.count, 0);
}

/* What was not taken between two trims goes; what was stays, and is the warmest. */
static void
test_trim(void **state)
{
    struct buf_pool pool = {.first = NULL};
    struct buf bufs[4];
    uint8_t *warmest;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bufs[i] = filled(64);
        buf_pool_give(&pool, &bufs[i]);
    }
    buf_pool_trim(&pool);
    assert_int_equal(pool.count, 4); /* there were none all the time */
    buf_pool_take(&pool, &bufs[0]);
    buf_pool_take(&pool, &bufs[1]);
    buf_pool_give(&pool, &bufs[1]);
    warmest = bufs[0].data;
    buf_pool_give(&pool, &bufs[0]);
    buf_pool_trim(&pool);
    assert_int_equal(pool.count, 2);
    buf_pool_take(&pool, &bufs[0]);
    assert_ptr_equal(bufs[0].data, warmest);
    buf_pool_give(&pool, &bufs[0]);
    buf_pool_trim(&pool);
    assert_int_equal(pool.count, 1);
    buf_pool_trim(&pool);
    assert_int_equal(pool.count, 0);
    buf_pool_trim(&pool);
    buf_pool_give(&pool, &(struct buf){.data = malloc(64), .cap = 64});
    buf_pool_trim(&pool);
    assert_int_equal(pool.least, 1);
    buf_pool_fini(&pool);
    assert_null(pool.first);
    buf_pool_trim(&pool);
    buf_pool_give(&pool, &(struct buf){.data = malloc(64), .cap = 64});
    buf_pool_trim(&pool); /* there were none when it began */
    assert_int_equal(pool.count, 1);
    buf_pool_fini(&pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_too_small_is_freed),
        cmocka_unit_test(test_trim),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
