/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of usercommon/text.c. */
#include "folder.h"
#include "usercommon/complain.h"
#include "usercommon/text.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void
what_drives_a_terminal_is_escaped(void **state)
{
    static const struct {
        const char *text;
        const char *visible;
    } cases[] = {
        {"", ""},
        {"plain \\ text", "plain \\ text"},
        {"\x1B[2J\x07\r\n\t\x7F", "\\u{1b}[2J\\u{7}\\u{d}\\u{a}\\u{9}\\u{7f}"},
        {"\xC2\x9B"
         "31m",
            "\\u{9b}31m"},
        {"a\u202Eb\u2066c\u200Fd", "a\\u{202e}b\\u{2066}c\\u{200f}d"},
        {"\U000E0041\uFEFF", "\\u{e0041}\\u{feff}"},
        {"é 李 👩\u200D🚀 e\u0301", "é 李 👩\u200D🚀 e\u0301"},
        {"a\xFF\xC3(", "a\uFFFD\uFFFD("},
        {"\xE2\x82", "\uFFFD\uFFFD"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *visible = text_visible(cases[i].text);
        assert_string_equal(visible, cases[i].visible);
        free(visible);
    }
}

static void
repaired_text_keeps_controls(void **state)
{
    char *repaired = text_repaired("a\x1B\u202E\xFF");

    (void)state;
    assert_string_equal(repaired, "a\x1B\u202E\uFFFD");
    free(repaired);
}

static void
width_counts_columns(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {{"", 0}, {"abc", 3}, {"é", 1}, {"e\u0301", 1}, {"李", 2}, {"😀", 2}, {"日本", 4},
        {"ａ", 2}, {"\uFFFD", 1}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(text_width(cases[i].text), cases[i].width);
}

/* Standard error is a file meanwhile. */
static void
complaints_are_one_line(void **state)
{
    int before = dup(STDERR_FILENO);
    int file = open(folder_file(state, "err"), O_CREAT | O_WRONLY, 0600);
    size_t len;
    char *line;

    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    complain("prog", "cannot open %s", "a\n\x1B[1m\xFF");
    assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
    close(file);
    close(before);
    line = folder_read(folder_file(state, "err"), &len);
    assert_string_equal(line, "prog: cannot open a\\u{a}\\u{1b}[1m\uFFFD\n");
    free(line);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_drives_a_terminal_is_escaped),
        cmocka_unit_test(repaired_text_keeps_controls),
        cmocka_unit_test(width_counts_columns),
        test_in_folder(complaints_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
