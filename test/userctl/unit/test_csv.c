/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userctl/csv.c: RFC 4180, what is near to it, and what is not CSV. */
#include "userctl/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* All records of a text, fields between '|', records ended by ';', a bad one as '!' and its line.
 */
static void
check_text(const char *text, size_t len, const char *expected)
{
    static struct csv csv;
    FILE *file = fmemopen((void *)text, len, "r");
    char seen[1024] = "";
    const char *error = NULL;
    enum csv_result result;

    assert_non_null(file);
    csv_init(&csv, file);
    while ((result = csv_next(&csv, &error)) != CSV_END) {
        size_t used = strlen(seen);
        if (result == CSV_BAD)
            snprintf(seen + used, sizeof(seen) - used, "!%d", (int)csv.line);
        for (size_t i = 0; i < csv.count && result == CSV_RECORD; i++) {
            used = strlen(seen);
            snprintf(seen + used, sizeof(seen) - used, "%s%s", i == 0 ? "" : "|", csv.fields[i]);
        }
        used = strlen(seen);
        snprintf(seen + used, sizeof(seen) - used, ";");
    }
    assert_string_equal(seen, expected);
    assert_int_equal(csv.bytes, len);
    fclose(file);
}

static void
check(const char *text, const char *expected)
{
    check_text(text, strlen(text), expected);
}

static void
records_and_fields(void **state)
{
    (void)state;
    check("a,b,c\r\nd,,f\r\n", "a|b|c;d||f;");
    check("a,b\nc,d", "a|b;c|d;");
    check(",\n", "|;");
    check("\n\r\n\na\n\n", "a;");
    check("a, b ,c\td\n", "a| b |c\td;");
    check("\xEF\xBB\xBF"
          "a,b\n",
        "a|b;");
    check("a\rb,c\r", "a\rb|c\r;");
}

static void
quotes(void **state)
{
    (void)state;
    check("\"a\",\"b\"\"c\",\"\"\n", "a|b\"c|;");
    check("\"a,b\",\"c\r\nd\"\r\ne\r\n", "a,b|c\r\nd;e;");
    check("\"\"\"\"\n", "\";");
    check("\"a\"", "a;");
}

static void
what_is_bad_costs_its_line_alone(void **state)
{
    (void)state;
    check("a\n\"b\"c,d\ne\n", "a;!2;e;");
    check("a\nb\"c\nd\n", "a;!2;d;");
    check("a\n\"b\n", "a;!2;");
    check_text("a\nb\0c\nd\n", 8, "a;!2;d;");
}

static void
limits(void **state)
{
    char *long_record = calloc(1, CSV_RECORD_MAX + 16);
    char many[CSV_FIELDS_MAX + 8];

    (void)state;
    memset(long_record, 'x', CSV_RECORD_MAX);
    memcpy(long_record + CSV_RECORD_MAX, "\nb\n", 4);
    check(long_record, "!1;b;");
    memset(many, ',', CSV_FIELDS_MAX);
    memcpy(many + CSV_FIELDS_MAX, "\nb\n", 4);
    check(many, "!1;b;");
    free(long_record);
}

static void
lines_count_through_quotes(void **state)
{
    static const char text[] = "a\n\"b\nc\nd\",e\n\nf\n";
    static struct csv csv;
    FILE *file = fmemopen((void *)text, sizeof(text) - 1, "r");
    const int64_t lines[] = {1, 2, 6};
    const char *error;

    (void)state;
    csv_init(&csv, file);
    for (size_t i = 0; i < COUNT(lines); i++) {
        assert_int_equal(csv_next(&csv, &error), CSV_RECORD);
        assert_int_equal(csv.line, lines[i]);
    }
    assert_int_equal(csv_next(&csv, &error), CSV_END);
    fclose(file);
}

static void
what_is_written_reads_the_same(void **state)
{
    static const char *const fields[] = {
        "plain", "", "a,b", "\"", "\"\"", "two\nlines", "cr\rlf\r\n", " blanks ", "\xC3\xA4"};
    static struct csv csv;
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    const char *error;

    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (i > 0)
            putc(',', file);
        csv_write(fields[i], file);
    }
    fclose(file);
    file = fmemopen(text, len, "r");
    csv_init(&csv, file);
    assert_int_equal(csv_next(&csv, &error), CSV_RECORD);
    assert_int_equal(csv.count, COUNT(fields));
    for (size_t i = 0; i < COUNT(fields); i++)
        assert_string_equal(csv.fields[i], fields[i]);
    fclose(file);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_fields),
        cmocka_unit_test(quotes),
        cmocka_unit_test(what_is_bad_costs_its_line_alone),
        cmocka_unit_test(limits),
        cmocka_unit_test(lines_count_through_quotes),
        cmocka_unit_test(what_is_written_reads_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
