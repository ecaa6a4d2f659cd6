/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/attempts.c. */
#include "folder.h"
#include "userd/attempts.h"
#include <sodium.h>
#include <stdio.h>
#include <weir/base.h>

#define MINUTE (60 * WEIR_SECOND)

static unsigned
take_all(struct attempts *attempts, enum attempts_of of, const char *name, int64_t now)
{
    unsigned count = 0;

    while (attempts_take(attempts, of, name, now))
        count++;
    return count;
}

static void
attempts_come_back_with_time(void **state)
{
    struct attempts attempts;

    (void)state;
    assert_true(attempts_init(&attempts));
    assert_int_equal(take_all(&attempts, ATTEMPTS_OF_ACCOUNT, "a@b", MINUTE), 10);
    assert_int_equal(take_all(&attempts, ATTEMPTS_OF_ADDRESS, "a@b", MINUTE), 50);
    assert_int_equal(take_all(&attempts, ATTEMPTS_OF_ACCOUNT, "c@d", MINUTE), 10);
    assert_int_equal(take_all(&attempts, ATTEMPTS_OF_ACCOUNT, "a@b", 2 * MINUTE), 2);
    assert_int_equal(take_all(&attempts, ATTEMPTS_OF_ACCOUNT, "a@b", 600 * MINUTE), 10);
    assert_int_equal(attempts_refused(&attempts), 5);
    attempts_fini(&attempts);
}

static void
good_attempts_do_not_count(void **state)
{
    struct attempts attempts;

    (void)state;
    assert_true(attempts_init(&attempts));
    for (int i = 0; i < 100; i++) {
        assert_true(attempts_take(&attempts, ATTEMPTS_OF_ACCOUNT, "a@b", MINUTE));
        attempts_give_back(&attempts, ATTEMPTS_OF_ACCOUNT, "a@b", MINUTE);
    }
    attempts_give_back(&attempts, ATTEMPTS_OF_ACCOUNT, "a@b", MINUTE);
    assert_int_equal(take_all(&attempts, ATTEMPTS_OF_ACCOUNT, "a@b", MINUTE), 10);
    attempts_fini(&attempts);
}

/* A flood of names, each tried once, does not make the table forget who has none left. */
static void
a_flood_of_names_hides_nobody(void **state)
{
    struct attempts attempts;
    unsigned again = 0;
    char name[32];

    (void)state;
    assert_true(attempts_init(&attempts));
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "victim-%u", i);
        assert_int_equal(take_all(&attempts, ATTEMPTS_OF_ACCOUNT, name, MINUTE), 10);
    }
    for (unsigned i = 0; i < 300000; i++) {
        snprintf(name, sizeof(name), "flood-%u", i);
        assert_true(attempts_take(&attempts, ATTEMPTS_OF_ACCOUNT, name, MINUTE));
    }
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "victim-%u", i);
        again += attempts_take(&attempts, ATTEMPTS_OF_ACCOUNT, name, MINUTE);
    }
    assert_int_equal(again, 0);
    attempts_fini(&attempts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_come_back_with_time),
        cmocka_unit_test(good_attempts_do_not_count),
        cmocka_unit_test(a_flood_of_names_hides_nobody),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
