/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the status codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <weir/status.h>

#include <cmocka.h>

static void
test_names(void **state)
{
    (void)state;
    assert_string_equal(weir_code_name(WEIR_OK), "OK");
    assert_string_equal(weir_code_name(WEIR_CANCELLED), "CANCELLED");
    assert_string_equal(weir_code_name((weir_code)5), "NOT_FOUND");
    assert_string_equal(weir_code_name((weir_code)12), "UNIMPLEMENTED");
    assert_string_equal(weir_code_name(WEIR_UNAUTHENTICATED), "UNAUTHENTICATED");
}

static void
test_every_code_has_its_own(void **state)
{
    (void)state;
    for (int i = 0; i <= WEIR_UNAUTHENTICATED; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(weir_code_name((weir_code)i), weir_code_name((weir_code)j));
    }
}

static void
test_no_code_is_unknown(void **state)
{
    (void)state;
    assert_string_equal(weir_code_name((weir_code)17), "UNKNOWN");
    assert_string_equal(weir_code_name((weir_code)-1), "UNKNOWN");
}

static weir_code
try_twice(weir_code first, weir_code second)
{
    WEIR_TRY(first);
    WEIR_TRY(second);
    return WEIR_OK;
}

static void
test_try_returns_the_first_failure(void **state)
{
    (void)state;
    assert_int_equal(try_twice(WEIR_OK, WEIR_OK), WEIR_OK);
    assert_int_equal(try_twice(WEIR_ABORTED, WEIR_INTERNAL), WEIR_ABORTED);
    assert_int_equal(try_twice(WEIR_OK, WEIR_INTERNAL), WEIR_INTERNAL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_every_code_has_its_own),
        cmocka_unit_test(test_no_code_is_unknown),
        cmocka_unit_test(test_try_returns_the_first_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
