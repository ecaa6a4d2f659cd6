/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grpc-timeout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

#define HOUR (3600 * WEIR_SECOND)

static void
test_pack(void **state)
{
    static const struct {
        int64_t timeout;
        const char *text;
    } rows[] = {
        {INT64_MIN, "0n"},
        {-1, "0n"},
        {0, "0n"},
        {1, "1n"},
        {99999999, "99999999n"},
        {100000000, "100000u"},
        {100000001, "100001u"}, /* rounded up, never down */
        {99999999 * WEIR_MICROSECOND, "99999999u"},
        {99999999 * WEIR_MICROSECOND + 1, "100000m"},
        {5 * WEIR_SECOND, "5000000u"},
        {99999999 * WEIR_MILLISECOND, "99999999m"},
        {99999999 * WEIR_MILLISECOND + 1, "100000S"},
        {99999999 * WEIR_SECOND, "99999999S"},
        {99999999 * WEIR_SECOND + 1, "1666667M"},
        {99999999 * (60 * WEIR_SECOND), "99999999M"},
        {99999999 * (60 * WEIR_SECOND) + 1, "1666667H"},
        {INT64_MAX, "2562048H"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[WIRE_TIMEOUT_TEXT];

        assert_int_equal(wire_timeout_pack(rows[i].timeout, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

static void
test_unpack(void **state)
{
    static const struct {
        const char *text;
        int64_t timeout;
    } rows[] = {
        {"0n", 0},
        {"0H", 0},
        {"00000000S", 0},
        {"1n", 1},
        {"1u", WEIR_MICROSECOND},
        {"1m", WEIR_MILLISECOND},
        {"1S", WEIR_SECOND},
        {"1M", 60 * WEIR_SECOND},
        {"1H", HOUR},
        {"00000010S", 10 * WEIR_SECOND},
        {"99999999n", 99999999},
        {"99999999M", 99999999 * (60 * WEIR_SECOND)},
        {"2562047H", 2562047 * HOUR},
        {"2562048H", INT64_MAX}, /* clamped */
        {"99999999H", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t timeout = -1;

        assert_true(wire_timeout_unpack(weir_str_of(rows[i].text), &timeout));
        assert_true(timeout == rows[i].timeout);
    }
}

static void
test_unpack_refuses(void **state)
{
    static const char *const rows[] = {"", "1", "n", "S", "123456789S", "999999999n", "1s", "1h",
        "1U", "1N", "-1S", "+1S", " 1S", "1 S", "1S ", "1.5S", "0x1S", "1SS", "1a", "S1", "12",
        "1\xb5", "123456789"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t timeout = 77;

        assert_false(wire_timeout_unpack(weir_str_of(rows[i]), &timeout));
        assert_true(timeout == 77);
    }
    assert_false(wire_timeout_unpack((weir_str){NULL, 0}, &(int64_t){0}));
    assert_false(wire_timeout_unpack((weir_str){"1\0S", 3}, &(int64_t){0}));
}

/* What is packed is never less than what was meant, and at most one part in a hundred thousand
 * more. */
static void
test_round_trip_rounds_up(void **state)
{
    (void)state;
    for (int64_t timeout = 1; timeout < INT64_MAX / 7; timeout = timeout * 7 + 3) {
        char text[WIRE_TIMEOUT_TEXT];
        size_t len = wire_timeout_pack(timeout, text);
        int64_t back;

        assert_true(len >= 2 && len <= 9);
        assert_true(wire_timeout_unpack((weir_str){text, len}, &back));
        assert_true(back >= timeout);
        assert_true(back - timeout <= timeout / 100000 + 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_unpack),
        cmocka_unit_test(test_unpack_refuses),
        cmocka_unit_test(test_round_trip_rounds_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
