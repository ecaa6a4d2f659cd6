/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of copies of few bytes: of every length, with a zero at every place and without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/copy.h"
#include <stdlib.h>

#define LONGEST 200

/* No byte of them is zero. */
static void
fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7 % 255 + 1);
}

/* Memory of exactly this length, so that a sanitizer sees a byte too many; what lies around the
 * copy stays as it was without one, too. */
static void
check_length(size_t len)
{
    uint8_t *from = malloc(len + (len == 0)), to[LONGEST + 2];

    assert_non_null(from);
    fill(from, len);
    memset(to, 0xee, sizeof to);
    assert_false(copy_few(to + 1, from, len));
    assert_memory_equal(to + 1, from, len);
    assert_int_equal(to[0], 0xee);
    assert_int_equal(to[len + 1], 0xee);
    memset(to, 0xee, sizeof to);
    copy_bytes(to + 1, from, len);
    assert_memory_equal(to + 1, from, len);
    assert_int_equal(to[0], 0xee);
    assert_int_equal(to[len + 1], 0xee);
    for (size_t i = 0; i < len; i++) {
        from[i] = 0;
        assert_true(copy_few(to + 1, from, len));
        assert_memory_equal(to + 1, from, len);
        fill(from, len);
    }
    free(from);
}

static void
test_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LONGEST; len++)
        check_length(len);
}

/* A byte behind a zero must not hide it, nor 0x01 or 0x80 look like one. */
static void
test_what_looks_like_a_zero(void **state)
{
    static const uint8_t near[] = {0x01, 0x80, 0x81, 0x7f, 0xff, 0x01, 0x01, 0x80};
    uint8_t from[64], to[64];

    (void)state;
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = near[i % sizeof near];
    for (size_t len = 0; len <= sizeof from; len++)
        assert_false(copy_few(to, from, len));
    from[0] = 0;
    from[1] = 0x01;
    for (size_t len = 1; len <= sizeof from; len++)
        assert_true(copy_few(to, from, len));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_what_looks_like_a_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
