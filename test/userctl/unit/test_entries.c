/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userctl/entries.c: users out of CSV and JSON lines. */
#include "userctl/entries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct entries entries;

/* All entries: "LINE:name|email|phone;", a bad one as "LINE!;". */
static void
check(const char *text, bool jsonl, const char *expected)
{
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    char seen[1024] = "";
    enum entry_result result;

    assert_non_null(file);
    assert_true(entries_begin(&entries, file, jsonl));
    while ((result = entries_next(&entries)) != ENTRY_END) {
        size_t used = strlen(seen);
        if (result == ENTRY_BAD)
            snprintf(seen + used, sizeof(seen) - used, "%d!;", (int)entries.line);
        else
            snprintf(seen + used, sizeof(seen) - used, "%d:%s|%s|%s;", (int)entries.line,
                entries.fields[ENTRY_NAME], entries.fields[ENTRY_EMAIL],
                entries.fields[ENTRY_PHONE]);
    }
    assert_string_equal(seen, expected);
    assert_int_equal(entries_bytes(&entries), strlen(text));
    entries_fini(&entries);
    fclose(file);
}

static void
columns_have_names(void **state)
{
    (void)state;
    check("name,email,phone\na,b,c\n", false, "2:a|b|c;");
    check("Email,id,NAME\nb,7,a\nd,8,c\n", false, "2:a|b|;3:c|d|;");
    check("name,email,phone\na\n\nb,c\n", false, "2:a||;4:b|c|;");
    check("name,email\n", false, "");
}

static void
csv_that_is_bad(void **state)
{
    (void)state;
    check("name,email\n\"a\"b,c\nd,e\n\xFF,f\n", false, "2!;3:d|e|;4!;");
    check("name,email\na,b,more\nc,d\ne,f,\n", false, "2!;3:c|d|;4!;"); /* more than named */
}

static void
heads_that_do_not_do(void **state)
{
    static const char *const heads[] = {"name,mail\na,b\n", "\"name,email\n", "a,b\n", "email\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        FILE *file = fmemopen((void *)heads[i], strlen(heads[i]), "r");
        bool good = entries_begin(&entries, file, false);
        assert_false(good);
        assert_true(strlen(entries.error) > 0);
        entries_fini(&entries);
        fclose(file);
    }
}

static void
json_lines(void **state)
{
    (void)state;
    check("{\"name\":\"a\",\"email\":\"b\",\"phone\":\"c\",\"id\":3}\n\n \t\r\n"
          "{\"email\":\"e\",\"phone\":null}",
        true, "1:a|b|c;4:|e|;");
    check("", true, "");
}

static void
json_that_is_bad(void **state)
{
    (void)state;
    check("nope\n[]\n{\"name\":1}\n{\"name\":\"a\"} x\n{\"name\":\"a\\u0000\"}\n\xFF\n"
          "{\"name\":\"a\",\"name\":\"b\"}\n{\"name\":\"ok\"}\n",
        true, "1!;2!;3!;4!;5!;6!;7!;8:ok||;");
}

static void
json_line_too_long(void **state)
{
    static const char two[] = "{\"name\":\"a\"}\n{\"name\":\"b\"}\n";
    char *text = malloc(CSV_RECORD_MAX + 64);

    (void)state;
    memset(text, ' ', CSV_RECORD_MAX + 64);
    memcpy(text + CSV_RECORD_MAX, two, sizeof(two));
    check(text, true, "1!;2:b||;");
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_have_names),
        cmocka_unit_test(csv_that_is_bad),
        cmocka_unit_test(heads_that_do_not_do),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(json_that_is_bad),
        cmocka_unit_test(json_line_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
