/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/hasher.c. */
#include "folder.h"
#include "userd/hasher.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void
passwords_are_compared(void **state)
{
    char hash[HASHER_TEXT], other[HASHER_TEXT];
    struct hasher hasher;
    bool same = false;

    (void)state;
    assert_true(hasher_open(&hasher, 1));
    assert_int_equal(hasher_make(&hasher, "password 1", hash), WEIR_OK);
    assert_int_equal(hasher_make(&hasher, "password 1", other), WEIR_OK);
    assert_string_not_equal(hash, other);
    assert_int_equal(hasher_compare(&hasher, "password 1", hash, &same), WEIR_OK);
    assert_true(same);
    assert_int_equal(hasher_compare(&hasher, "password 2", hash, &same), WEIR_OK);
    assert_false(same);
    assert_int_equal(hasher_compare(&hasher, "", hash, &same), WEIR_OK);
    assert_false(same);
    hasher_close(&hasher);
}

/* Where there is no password the same function runs on a hash of the same cost. */
static void
nobody_takes_the_same_work(void **state)
{
    static const char cost[] = "$argon2id$v=19$m=19456,t=2,p=1$";
    char hash[HASHER_TEXT];
    struct hasher hasher;
    bool same = true;

    (void)state;
    assert_true(hasher_open(&hasher, 1));
    assert_int_equal(hasher_make(&hasher, "password 1", hash), WEIR_OK);
    assert_memory_equal(hash, cost, sizeof(cost) - 1);
    assert_memory_equal(hasher_nobody, cost, sizeof(cost) - 1);
    assert_int_equal(strlen(hasher_nobody), strlen(hash));
    assert_int_equal(hasher_compare(&hasher, "password 2", hash, &same), WEIR_OK);
    assert_int_equal(hasher_compare(&hasher, "password 1", NULL, &same), WEIR_OK);
    assert_false(same);
    assert_int_equal(hasher.made, 1);
    assert_int_equal(hasher.compared, 2);
    hasher_close(&hasher);
}

static void *
compare_one(void *arg)
{
    bool same;

    return (void *)(intptr_t)hasher_compare(arg, "password", NULL, &same);
}

/* More than may wait at once: some are refused, and each ends. */
static void
what_waits_is_bounded(void **state)
{
    struct hasher hasher;
    pthread_t threads[100];
    unsigned good = 0;

    (void)state;
    assert_true(hasher_open(&hasher, 1));
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compare_one, &hasher), 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *code;

        pthread_join(threads[i], &code);
        good += code == NULL;
    }
    assert_int_equal(good, hasher.compared);
    assert_int_equal(good + hasher.refused, COUNT(threads));
    assert_int_equal(hasher.waiting, 0);
    hasher_close(&hasher);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_are_compared),
        cmocka_unit_test(nobody_takes_the_same_work),
        cmocka_unit_test(what_waits_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
