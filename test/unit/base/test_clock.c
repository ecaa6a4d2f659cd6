/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks run forward and tell plausible times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <weir/base.h>

#include <cmocka.h>

static void
test_now_never_goes_back(void **state)
{
    int64_t last = weir_now();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t now = weir_now();

        assert_true(now >= last);
        last = now;
    }
}

static void
test_now_advances_with_sleep(void **state)
{
    struct timespec nap = {0, 5 * WEIR_MILLISECOND};
    int64_t before = weir_now();

    (void)state;
    nanosleep(&nap, NULL);
    assert_true(weir_now() - before >= 4 * WEIR_MILLISECOND);
}

static void
test_unix_seconds_is_the_wall_clock(void **state)
{
    int64_t before = time(NULL), told = weir_unix_seconds(), after = time(NULL);

    (void)state;
    /* time(2) may lag a tick behind the precise clock. */
    assert_true(told >= before && told <= after + 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now_never_goes_back),
        cmocka_unit_test(test_now_advances_with_sleep),
        cmocka_unit_test(test_unix_seconds_is_the_wall_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
