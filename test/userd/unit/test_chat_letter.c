/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/chat_letter.c. */
#include "userd/chat_letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
a_letter_has_its_own_texts(void **state)
{
    char from[] = "ada", to[] = "bob", content[] = "hi";
    struct chat_letter *letter = chat_letter_new(from, to, content, 7);

    (void)state;
    assert_non_null(letter);
    memset(from, 'x', 3);
    memset(to, 'x', 3);
    memset(content, 'x', 2);
    assert_string_equal(letter->from, "ada");
    assert_string_equal(letter->to, "bob");
    assert_string_equal(letter->content, "hi");
    assert_int_equal(letter->timestamp, 7);
    assert_true(letter->size > 3 + 3 + 2);
    assert_ptr_equal(chat_letter_ref(letter), letter);
    chat_letter_unref(letter);
    assert_string_equal(letter->content, "hi"); /* a reference is left */
    chat_letter_unref(letter);
    chat_letter_unref(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_letter_has_its_own_texts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
