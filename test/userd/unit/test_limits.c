/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/limits.c: what a rate is. */
#include "folder.h"
#include "userd/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
good_rates_are_read(void **state)
{
    static const struct {
        const char *text;
        struct weir_rate rate;
    } good[] = {{"100:200", {100, 200}}, {"100", {100, 0}}, {"0.5", {0.5, 0}}, {"off", {0, 0}},
        {"1.25:1", {1.25, 1}}, {"1000000000:1000000000", {1e9, 1000000000}}};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct weir_rate rate = {7, 7};

        assert_true(limits_rate_parse(good[i].text, &rate));
        assert_true(rate.rate == good[i].rate.rate);
        assert_int_equal(rate.burst, good[i].rate.burst);
    }
}

static void
bad_rates_are_none(void **state)
{
    static const char *const bad[] = {"", ":", "100:", ":200", "0", "0:5", "5:0", "-1", "+1", "1e3",
        "inf", "nan", "0x10", " 1", "1 ", "1:2:3", "5:1.5", "5:-1", "2000000000", "1:2000000000",
        "1:1000000000", "0.000000001", /* a year does not fill them */
        "1..2", ".", "1.2.3", "Off", "off:1", "100000000000000000000000000000000000000000"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct weir_rate rate = {7, 7};

        assert_false(limits_rate_parse(bad[i], &rate));
        assert_int_equal(rate.burst, 7);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_rates_are_read),
        cmocka_unit_test(bad_rates_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
