/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers do not repeat, and every bit of them varies. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void
test_varies(void **state)
{
    uint64_t numbers[64], ones = 0, zeros = 0;

    (void)state;
    for (int i = 0; i < 64; i++) {
        numbers[i] = random_u64();
        ones |= numbers[i];
        zeros |= ~numbers[i];
        for (int j = 0; j < i; j++)
            assert_true(numbers[i] != numbers[j]);
    }
    assert_true(ones == UINT64_MAX && zeros == UINT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
