/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the message prefix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

static void
test_layout(void **state)
{
    static const uint8_t expected[] = {1, 0x12, 0x34, 0x56, 0x78};
    uint8_t bytes[WIRE_PREFIX_SIZE];

    (void)state;
    wire_prefix_pack(bytes, true, 0x12345678);
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void
test_round_trip(void **state)
{
    static const uint32_t lengths[] = {0, 1, 255, 256, 65535, 65536, 0x7fffffff, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (int compressed = 0; compressed < 2; compressed++) {
            uint8_t bytes[WIRE_PREFIX_SIZE];
            struct wire_prefix prefix;

            wire_prefix_pack(bytes, compressed != 0, lengths[i]);
            assert_int_equal(wire_prefix_unpack(bytes, &prefix), WEIR_OK);
            assert_int_equal(prefix.compressed, compressed);
            assert_int_equal(prefix.len, lengths[i]);
        }
    }
}

static void
test_every_other_flag_is_refused(void **state)
{
    (void)state;
    for (unsigned flag = 2; flag < 256; flag++) {
        const uint8_t bytes[WIRE_PREFIX_SIZE] = {(uint8_t)flag, 0, 0, 0, 1};
        struct wire_prefix prefix = {true, 77};

        assert_int_equal(wire_prefix_unpack(bytes, &prefix), WEIR_INTERNAL);
        assert_int_equal(prefix.len, 77);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_other_flag_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
