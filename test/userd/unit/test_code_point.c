/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of usercommon/code_point.c. */
#include "folder.h"
#include "usercommon/code_point.h"

static void
marks_are_seen_and_drive_nothing(void **state)
{
    static const uint32_t marks[] = {'!', '@', '~', 0xA1, 0xAC, 0xAE, 0x301, 0x7FF, 0x2010, 0x2027,
        0x2030, 0x2070, 0x3001, 0xFFFD, 0x1F600, 0xE1000, 0x10FFFF};

    (void)state;
    for (size_t i = 0; i < COUNT(marks); i++) {
        assert_false(code_point_drives_terminal(marks[i]));
        assert_false(code_point_unseen(marks[i]));
    }
}

static void
what_drives_a_terminal_is_unseen(void **state)
{
    static const uint32_t drivers[] = {0, 0x1B, 0x1F, 0x7F, 0x85, 0x9B, 0x9F, 0xAD, 0x61C, 0x180E,
        0x200B, 0x200E, 0x2028, 0x202E, 0x2060, 0x2066, 0x206F, 0xFEFF, 0xFFF9, 0xE0041};

    (void)state;
    for (size_t i = 0; i < COUNT(drivers); i++) {
        assert_true(code_point_drives_terminal(drivers[i]));
        assert_true(code_point_unseen(drivers[i]));
    }
}

static void
spaces_and_ignorables_are_unseen_alone(void **state)
{
    static const uint32_t unseen[] = {' ', 0xA0, 0x34F, 0x115F, 0x1680, 0x17B4, 0x180B, 0x180F,
        0x2000, 0x200A, 0x200C, 0x200D, 0x202F, 0x205F, 0x3000, 0x3164, 0xFE0F, 0xFFA0, 0xFFF0,
        0x1BCA0, 0x1D173, 0xE0100, 0xE0FFF};

    (void)state;
    for (size_t i = 0; i < COUNT(unseen); i++) {
        assert_false(code_point_drives_terminal(unseen[i]));
        assert_true(code_point_unseen(unseen[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_seen_and_drive_nothing),
        cmocka_unit_test(what_drives_a_terminal_is_unseen),
        cmocka_unit_test(spaces_and_ignorables_are_unseen_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
