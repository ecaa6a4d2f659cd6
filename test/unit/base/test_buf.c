/* SPDX-License-Identifier: Apache-2.0 */
/* The buffer: order of bytes under growth and moves, and the memory it keeps. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
test_append_and_take(void **state)
{
    struct buf buf = BUF_EMPTY;

    (void)state;
    assert_null(buf_head(&buf));
    assert_true(buf_append(&buf, "", 0));
    assert_int_equal(buf_len(&buf), 0);
    assert_true(buf_append(&buf, "hello", 5));
    assert_true(buf_append(&buf, NULL, 0));
    buf_take(&buf, 2);
    assert_int_equal(buf_len(&buf), 3);
    assert_memory_equal(buf_head(&buf), "llo", 3);
    buf_take(&buf, 3);
    assert_int_equal(buf.tail, 0);
    buf_fini(&buf);
}

/* A queue of bytes 0, 1, 2 ... filled and emptied in uneven steps keeps its order. */
static void
test_order_under_growth_and_moves(void **state)
{
    struct buf buf = BUF_EMPTY;
    uint8_t next_in = 0, next_out = 0;

    (void)state;
    for (size_t round = 0; round < 2000; round++) {
        size_t in = round * 7 % 97, out = round * 11 % 89;

        for (size_t i = 0; i < in; i++, next_in++)
            assert_true(buf_append(&buf, &next_in, 1));
        for (size_t i = 0; i < out && buf_len(&buf) > 0; i++, next_out++) {
            assert_int_equal(*buf_head(&buf), next_out);
            buf_take(&buf, 1);
        }
    }
    buf_fini(&buf);
}

static void
test_moves_instead_of_growing(void **state)
{
    struct buf buf = BUF_EMPTY;
    size_t cap;

    (void)state;
    assert_non_null(buf_reserve(&buf, 1000));
    cap = buf.cap;
    memset(buf.data, 'a', cap);
    buf_commit(&buf, cap);
    buf_take(&buf, cap - 10);
    assert_non_null(buf_reserve(&buf, 100));
    assert_int_equal(buf.cap, cap);
    assert_int_equal(buf.head, 0);
    assert_int_equal(buf_len(&buf), 10);
    buf_fini(&buf);
}

static void
test_reserve_and_commit(void **state)
{
    struct buf buf = BUF_EMPTY;
    uint8_t *room = buf_reserve(&buf, 3);

    (void)state;
    assert_non_null(room);
    memcpy(room, "xyz", 3);
    assert_int_equal(buf_len(&buf), 0);
    buf_commit(&buf, 2);
    assert_memory_equal(buf_head(&buf), "xy", 2);
    buf_fini(&buf);
}

static void
test_refuses_sizes_that_cannot_be(void **state)
{
    struct buf buf = BUF_EMPTY;

    (void)state;
    assert_true(buf_append(&buf, "abc", 3));
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_null(buf_reserve(&buf, SIZE_MAX - 2));
    assert_null(buf_reserve(&buf, PTRDIFF_MAX));
    assert_int_equal(buf_len(&buf), 3);
    assert_memory_equal(buf_head(&buf), "abc", 3);
    buf_fini(&buf);
}

static void
test_reset_keeps_a_little(void **state)
{
    struct buf buf = BUF_EMPTY;

    (void)state;
    assert_non_null(buf_reserve(&buf, 100));
    buf_reset(&buf, 4096);
    assert_non_null(buf.data);
    assert_non_null(buf_reserve(&buf, 10000));
    buf_commit(&buf, 10000);
    buf_reset(&buf, 4096);
    assert_null(buf.data);
    assert_int_equal(buf.cap, 0);
    assert_int_equal(buf_len(&buf), 0);
    buf_fini(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_take),
        cmocka_unit_test(test_order_under_growth_and_moves),
        cmocka_unit_test(test_moves_instead_of_growing),
        cmocka_unit_test(test_reserve_and_commit),
        cmocka_unit_test(test_refuses_sizes_that_cannot_be),
        cmocka_unit_test(test_reset_keeps_a_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
