/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userctl/editor.c: lines of a pipe, keys of a terminal, what is drawn. The terminal's own
 * state is tested with a pseudo-terminal, in test_streams.py. */
#include "userctl/editor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct editor editor;
static char *drawn;
static size_t drawn_len;

static int
set_up(void **state)
{
    (void)state;
    editor = (struct editor){.out = open_memstream(&drawn, &drawn_len)};
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fclose(editor.out);
    free(drawn);
    return 0;
}

/* Take in bytes: the whole lines, each ended by '/', with '.' for an end. */
static void
check(const char *bytes, const char *expected)
{
    char *seen = NULL;
    size_t len;
    FILE *out = open_memstream(&seen, &len);

    for (; *bytes != '\0'; bytes++) {
        enum editor_result result = editor_take(&editor, *bytes);
        if (result == EDITOR_LINE)
            fprintf(out, "%s/", editor.line);
        else if (result == EDITOR_END)
            putc('.', out);
    }
    fclose(out);
    assert_string_equal(seen, expected);
    free(seen);
}

static void
lines_of_a_pipe(void **state)
{
    (void)state;
    check("one\ntwo\r\n\n\tthree\x7f\x03\x1b[A\n", "one/two\r//\tthree\x7f\x03\x1b[A/");
    assert_false(editor_finish(&editor));
    check("rest", "");
    assert_true(editor_finish(&editor));
    assert_string_equal(editor.line, "rest");
    assert_false(editor_finish(&editor));
}

static void
keys_of_a_terminal(void **state)
{
    (void)state;
    editor.terminal = true;
    check("helo\x7flo\r", "hello/");
    check("\x08\x08\xC3\xA4\xE2\x82\xAC\x7f\x08x\n", "x/");
    check("gone\x15"
          "kept\n",
        "kept/");
    check("one two  \x17three\n", "one three/");
    check("a\x1b[Db\x1bOPc\x1b[1;5Cd\x1bxe\n", "abcde/");
    check("\x01\x02\x0c"
          "a\tb\n",
        "a\tb/");
    check("\x04", ".");
    check("a\x04\n", "a/");
    check("a\x03", ".");
}

static void
line_that_is_too_long(void **state)
{
    (void)state;
    for (int i = 0; i < EDITOR_LINE_MAX; i++)
        assert_int_equal(editor_take(&editor, 'x'), EDITOR_MORE);
    assert_int_equal(editor_take(&editor, 'x'), EDITOR_LONG);
    assert_int_equal(editor_take(&editor, 'x'), EDITOR_MORE);
    check("x\nnext\n", "next/");
    for (int i = 0; i < EDITOR_LINE_MAX; i++)
        assert_int_equal(editor_take(&editor, 'x'), EDITOR_MORE);
    assert_int_equal(editor_take(&editor, '\n'), EDITOR_LINE);
    assert_int_equal(strlen(editor.line), EDITOR_LINE_MAX);
}

static void
what_is_drawn(void **state)
{
    (void)state;
    editor_show(&editor); /* no terminal: nothing */
    fflush(editor.out);
    assert_int_equal(drawn_len, 0);
    editor.terminal = true;
    check("ab\x1b", "");
    editor_show(&editor);
    fflush(editor.out);
    assert_non_null(strstr(drawn, "> ab"));
    for (int i = 0; i < 1000; i++)
        editor.line[editor.len++] = 'x';
    memcpy(editor.line + editor.len, "end", 3);
    editor.len += 3;
    rewind(editor.out);
    editor_show(&editor);
    fflush(editor.out);
    assert_true(drawn_len < 200);
    assert_non_null(strstr(drawn, "xend"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(lines_of_a_pipe),
        TEST(keys_of_a_terminal),
        TEST(line_that_is_too_long),
        TEST(what_is_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
