/* SPDX-License-Identifier: Apache-2.0 */
/* Reading trees of values, and where errors say they are. */
#include <weir/value.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MEMBER(member_name, ...)                          \
    {                                                     \
        .name = member_name, __VA_ARGS__, .parent = &root \
    }

static const struct weir_value root;
static const struct weir_value members[] = {
    MEMBER("no", .kind = WEIR_VALUE_NULL),
    MEMBER("yes", .kind = WEIR_VALUE_BOOL, .truth = true),
    MEMBER("three", .kind = WEIR_VALUE_NUMBER, .number = 3),
    MEMBER("half", .kind = WEIR_VALUE_NUMBER, .number = 0.5),
    MEMBER("text", .kind = WEIR_VALUE_TEXT, .text = "hello"),
    MEMBER("seven", .kind = WEIR_VALUE_TEXT, .text = "7"),
    MEMBER("time", .kind = WEIR_VALUE_TEXT, .text = "1.5s"),
    MEMBER("list", .kind = WEIR_VALUE_LIST),
};
static const struct weir_value root = {
    .kind = WEIR_VALUE_OBJECT, .items = members, .count = COUNT(members)};

static void
members_are_read(void **state)
{
    bool yes = false;
    int64_t whole = 0, time = 0;
    double half = 0;
    const char *text = NULL;
    const struct weir_value *list = NULL;

    (void)state;
    assert_int_equal(weir_value_read_bool(&root, "yes", &yes, NULL), WEIR_OK);
    assert_true(yes);
    assert_int_equal(weir_value_read_integer(&root, "three", 0, 3, &whole, NULL), WEIR_OK);
    assert_int_equal(whole, 3);
    assert_int_equal(weir_value_read_integer(&root, "seven", 0, 7, &whole, NULL), WEIR_OK);
    assert_int_equal(whole, 7);
    assert_int_equal(weir_value_read_number(&root, "half", 0, 1, &half, NULL), WEIR_OK);
    assert_true(half == 0.5);
    assert_int_equal(weir_value_read_text(&root, "text", &text, NULL), WEIR_OK);
    assert_string_equal(text, "hello");
    assert_int_equal(weir_value_read_duration(&root, "time", &time, NULL), WEIR_OK);
    assert_int_equal(time, 1500 * WEIR_MILLISECOND);
    assert_int_equal(weir_value_read_list(&root, "list", &list, NULL), WEIR_OK);
    assert_ptr_equal(list, &members[7]);
}

/* What is not there, or null, leaves the default. */
static void
absent_members_change_nothing(void **state)
{
    static const char *const names[] = {"no", "nowhere"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        bool truth = true;
        int64_t whole = 5;
        const struct weir_value *object = &root;

        assert_null(weir_value_member(&root, names[i]));
        assert_int_equal(weir_value_read_bool(&root, names[i], &truth, NULL), WEIR_OK);
        assert_int_equal(weir_value_read_integer(&root, names[i], 0, 1, &whole, NULL), WEIR_OK);
        assert_int_equal(weir_value_read_duration(&root, names[i], &whole, NULL), WEIR_OK);
        assert_int_equal(weir_value_read_object(&root, names[i], &object, NULL), WEIR_OK);
        assert_true(truth);
        assert_int_equal(whole, 5);
        assert_ptr_equal(object, &root);
    }
    assert_null(weir_value_member(&members[2], "no"));
    assert_null(weir_value_member(NULL, "no"));
}

static void
other_kinds_are_refused(void **state)
{
    struct weir_value_error error;
    bool truth;
    int64_t whole;
    double number;
    const char *text;
    const struct weir_value *value;

    (void)state;
#define REFUSED(read, expected)                        \
    do {                                               \
        assert_int_equal(read, WEIR_INVALID_ARGUMENT); \
        assert_string_equal(error.text, expected);     \
    } while (0)
    REFUSED(weir_value_read_bool(&root, "text", &truth, &error), "text: must be true or false");
    REFUSED(weir_value_read_integer(&root, "half", 0, 5, &whole, &error),
        "half: must be a whole number from 0 to 5");
    REFUSED(weir_value_read_integer(&root, "three", 4, 5, &whole, &error),
        "three: must be a whole number from 4 to 5");
    REFUSED(weir_value_read_integer(&root, "text", 4, 5, &whole, &error),
        "text: must be a whole number from 4 to 5");
    REFUSED(weir_value_read_number(&root, "three", 0, 2.5, &number, &error),
        "three: must be from 0 to 2.5");
    REFUSED(
        weir_value_read_number(&root, "seven", 0, 9, &number, &error), "seven: must be a number");
    REFUSED(weir_value_read_duration(&root, "three", &whole, &error),
        "three: must be a duration like \"1.5s\", not below zero");
    REFUSED(weir_value_read_text(&root, "list", &text, &error), "list: must be a text");
    REFUSED(weir_value_read_list(&root, "text", &value, &error), "text: must be a list");
    REFUSED(weir_value_read_object(&root, "list", &value, &error), "list: must be an object");
}

static weir_code
read_duration(const char *text, int64_t *out)
{
    const struct weir_value member = {.kind = WEIR_VALUE_TEXT, .name = "d", .text = text};
    const struct weir_value object = {.kind = WEIR_VALUE_OBJECT, .items = &member, .count = 1};

    return weir_value_read_duration(&object, "d", out, NULL);
}

static void
durations(void **state)
{
    static const struct {
        const char *text;
        int64_t duration;
    } good[] = {{"0s", 0}, {"1s", WEIR_SECOND}, {".1s", WEIR_SECOND / 10}, {"0.000000001s", 1},
        {"1.000000000s", WEIR_SECOND}, {"315576000000s", WEIR_NEVER}};
    static const char *const bad[] = {"", "s", "1", ".s", "1.s", "-1s", "1 s", " 1s", "1s ", "1m",
        "1.0000000001s", "315576000001s", "99999999999999999999999s", "1e3s", "+1s", "0x1s"};
    int64_t duration = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(read_duration(good[i].text, &duration), WEIR_OK);
        assert_int_equal(duration, good[i].duration);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(read_duration(bad[i], &duration), WEIR_INVALID_ARGUMENT);
}

static void
whole_numbers_in_texts(void **state)
{
    static const char *const bad[] = {
        "", "-", "1.0", "1x", "99999999999999999999", "9007199254740993"};
    int64_t whole = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct weir_value member = {.kind = WEIR_VALUE_TEXT, .name = "n", .text = bad[i]};
        const struct weir_value object = {.kind = WEIR_VALUE_OBJECT, .items = &member, .count = 1};

        assert_int_equal(weir_value_read_integer(&object, "n", INT64_MIN, INT64_MAX, &whole, NULL),
            WEIR_INVALID_ARGUMENT);
    }
}

/* a.list[1].x, the root's own name left out. */
static void
paths(void **state)
{
    struct weir_value a, list, items[2], object, x;
    struct weir_value_error error;

    (void)state;
    object = (struct weir_value){.kind = WEIR_VALUE_OBJECT, .items = &a, .count = 1};
    a = (struct weir_value){
        .kind = WEIR_VALUE_OBJECT, .name = "a", .items = &list, .count = 1, .parent = &object};
    list = (struct weir_value){
        .kind = WEIR_VALUE_LIST, .name = "list", .items = items, .count = 2, .parent = &a};
    items[0] = items[1] =
        (struct weir_value){.kind = WEIR_VALUE_OBJECT, .items = &x, .count = 1, .parent = &list};
    x = (struct weir_value){.kind = WEIR_VALUE_NULL, .name = "x", .parent = &items[1]};
    assert_int_equal(weir_value_refuse(&x, NULL, &error, "bad %d", 1), WEIR_INVALID_ARGUMENT);
    assert_string_equal(error.text, "a.list[1].x: bad 1");
    assert_int_equal(weir_value_refuse(&items[0], "y", &error, "missing"), WEIR_INVALID_ARGUMENT);
    assert_string_equal(error.text, "a.list[0].y: missing");
    assert_int_equal(weir_value_refuse(&object, NULL, &error, "missing"), WEIR_INVALID_ARGUMENT);
    assert_string_equal(error.text, "missing");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read),
        cmocka_unit_test(absent_members_change_nothing),
        cmocka_unit_test(other_kinds_are_refused),
        cmocka_unit_test(durations),
        cmocka_unit_test(whole_numbers_in_texts),
        cmocka_unit_test(paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
