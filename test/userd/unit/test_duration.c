/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of usercommon/duration.c. */
#include "folder.h"
#include "usercommon/duration.h"

static void
reads_each_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t nanoseconds;
    } cases[] = {
        {"0s", 0},
        {"1ms", 1000000},
        {"250ms", 250000000},
        {"5s", 5000000000},
        {"2m", 120000000000},
        {"1h", 3600000000000},
        {"0007s", 7000000000},
        {"9223372036854ms", 9223372036854000000},
        {"2562047h", 9223369200000000000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t nanoseconds = -1;
        assert_true(duration_parse(cases[i].text, &nanoseconds));
        assert_int_equal(nanoseconds, cases[i].nanoseconds);
    }
}

static void
refuses_what_is_no_duration(void **state)
{
    static const char *const cases[] = {"", "5", "s", "ms", "-5s", "+5s", " 5s", "5s ", "5 s",
        "1.5s", "5S", "5us", "5d", "1h30m", "abc", "5ss", "9223372036855ms", "2562048h",
        "99999999999999999999999s", "0x5s"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t nanoseconds = -1;
        assert_false(duration_parse(cases[i], &nanoseconds));
        assert_int_equal(nanoseconds, -1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_unit),
        cmocka_unit_test(refuses_what_is_no_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
