/* SPDX-License-Identifier: Apache-2.0 */
/* The version is three numbers with dots between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/base.h>

#include <cmocka.h>

static void
test_three_numbers(void **state)
{
    char again[64];
    char *rest;
    long numbers[3];
    const char *text = weir_version();

    (void)state;
    for (int i = 0; i < 3; i++) {
        numbers[i] = strtol(text, &rest, 10);
        text = rest + 1;
    }
    assert_int_equal(*rest, '\0');
    snprintf(again, sizeof(again), "%ld.%ld.%ld", numbers[0], numbers[1], numbers[2]);
    assert_string_equal(again, weir_version());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
