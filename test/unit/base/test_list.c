/* SPDX-License-Identifier: Apache-2.0 */
/* Linked lists. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct item {
    int number;
    struct list link;
};

static int
shift(struct list *head)
{
    return container_of(list_shift(head), struct item, link)->number;
}

static void
test_first_in_first_out(void **state)
{
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list head;

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_shift(&head));
    for (int i = 0; i < 3; i++)
        list_push(&head, &items[i].link);
    assert_int_equal(shift(&head), 1);
    assert_int_equal(shift(&head), 2);
    assert_int_equal(shift(&head), 3);
    assert_true(list_empty(&head));
}

static void
test_remove_twice(void **state)
{
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list head;

    (void)state;
    list_init(&head);
    for (int i = 0; i < 3; i++)
        list_push(&head, &items[i].link);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_int_equal(shift(&head), 1);
    assert_int_equal(shift(&head), 3);
}

static void
test_each_safe_may_remove(void **state)
{
    struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct list head;
    int sum = 0;

    (void)state;
    list_init(&head);
    for (int i = 0; i < 4; i++)
        list_push(&head, &items[i].link);
    list_each_safe (link, &head) {
        if (container_of(link, struct item, link)->number % 2 == 0)
            list_remove(link);
    }
    list_each (link, &head)
        sum += container_of(link, struct item, link)->number;
    assert_int_equal(sum, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_remove_twice),
        cmocka_unit_test(test_each_safe_may_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
