/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of usercommon/size.c. */
#include "folder.h"
#include "usercommon/size.h"

static void
reads_each_unit(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0KiB", 0},
        {"64KiB", 65536},
        {"256MiB", 268435456},
        {"1GiB", 1073741824},
        {"007GiB", 7516192768},
        {"8589934591GiB", 9223372035781033984},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t bytes = 1;
        assert_true(size_parse(cases[i].text, &bytes));
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void
refuses_what_is_no_size(void **state)
{
    static const char *const cases[] = {"", "5", "MiB", "-5MiB", "+5MiB", " 5MiB", "5MiB ", "5 MiB",
        "1.5GiB", "5mib", "5MB", "5M", "5B", "5TiB", "8589934592GiB", "99999999999999999999999KiB"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t bytes = 1;
        assert_false(size_parse(cases[i], &bytes));
        assert_int_equal(bytes, 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_unit),
        cmocka_unit_test(refuses_what_is_no_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
