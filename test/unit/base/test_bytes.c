/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in network byte order. */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void
test_store_then_load(void **state)
{
    uint8_t bytes[4];

    (void)state;
    store_be16(bytes, 0xfedc);
    assert_memory_equal(bytes, "\xfe\xdc", 2);
    assert_int_equal(load_be16(bytes), 0xfedc);
    store_be24(bytes, 0xfedcba);
    assert_memory_equal(bytes, "\xfe\xdc\xba", 3);
    assert_int_equal(load_be24(bytes), 0xfedcba);
    store_be32(bytes, 0xfedcba98);
    assert_memory_equal(bytes, "\xfe\xdc\xba\x98", 4);
    assert_int_equal(load_be32(bytes), 0xfedcba98);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_then_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
