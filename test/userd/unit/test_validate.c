/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/validate.c. */
#include "folder.h"
#include "userd/validate.h"
#include <string.h>

/* A text of so many bytes. */
static const char *
filled(char *buffer, size_t len, const char *end)
{
    memset(buffer, 'x', len);
    memcpy(buffer + len - strlen(end), end, strlen(end));
    buffer[len] = '\0';
    return buffer;
}

static const char *
judge(const char *name, const char *email, const char *phone)
{
    return validate_new_user(&(struct user){.name = name, .email = email, .phone = phone});
}

static void
judges_new_users(void **state)
{
    static const struct {
        const char *name, *email, *phone;
        const char *wrong;
    } cases[] = {
        {"Ann", "ann@example.org", "", NULL},
        {"Ann", "a@b", "+49 170 1234", NULL},
        {"安娜 😀", "ännchen@müller.example", "☎", NULL},
        {"", "a@b", "", "name and email are required"},
        {"Ann", "", "", "name and email are required"},
        {"", "", "", "name and email are required"},
        {"\xFF", "a@b", "", "name is not valid UTF-8"},
        {"Ann", "a@\xC3", "", "email is not valid UTF-8"},
        {"Ann", "a@b", "\xED\xA0\x80", "phone is not valid UTF-8"},
        {"Ann", "ab", "", "email is not of the form a@b"},
        {"Ann", "@b", "", "email is not of the form a@b"},
        {"Ann", "a@", "", "email is not of the form a@b"},
        {"Ann", "@", "", "email is not of the form a@b"},
        {"Ann", "a@b@c", "", "email is not of the form a@b"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *wrong = judge(cases[i].name, cases[i].email, cases[i].phone);
        if (cases[i].wrong == NULL)
            assert_null(wrong);
        else
            assert_string_equal(wrong, cases[i].wrong);
    }
}

static void
what_cannot_be_seen_is_no_part_of_an_email(void **state)
{
    static const char *const emails[] = {"a b@c", " a@b", "a@b\n", "\x1B@b", "a@b\x7F",
        "a\xC2\x85@b", "a\xC2\x9B@b", "a\u00A0@b", "a\u00AD@b", "a@b\u034F", "\u1680@b", "a@\u2003",
        "a\u200B@b", "a\u200C@b", "a\u200D@b", "a\u2028@b", "a\u202E@b", "a\u2060@b", "\u3000a@b",
        "\u3164@b", "a@b\uFE0F", "\uFEFFa@b", "a@b\U000E0041"};

    (void)state;
    for (size_t i = 0; i < COUNT(emails); i++)
        assert_string_equal(judge("Ann", emails[i], ""),
            "email holds a space, a control or an invisible character");
    assert_null(judge("a\u202E b", "e\u0301@x", "\u200B"));
}

static void
limits_count_bytes(void **state)
{
    char text[300];

    (void)state;
    assert_null(judge(filled(text, 256, "é"), "a@b", ""));
    assert_string_equal(judge(filled(text, 257, "é"), "a@b", ""), "name is longer than 256 bytes");
    assert_null(judge("Ann", filled(text, 254, "@b"), ""));
    assert_string_equal(
        judge("Ann", filled(text, 255, "@b"), ""), "email is longer than 254 bytes");
    assert_null(judge("Ann", "a@b", filled(text, 32, "é")));
    assert_string_equal(
        judge("Ann", "a@b", filled(text, 33, "é")), "phone is longer than 32 bytes");
}

static void
judges_changes(void **state)
{
    static const struct {
        struct user_change change;
        const char *wrong;
    } cases[] = {
        {{0}, NULL},
        {{.name = "Ann"}, NULL},
        {{.email = "a@b"}, NULL},
        {{.phone = ""}, NULL},
        {{.name = ""}, "name must not be empty"},
        {{.email = ""}, "email must not be empty"},
        {{.name = "Ann", .email = "a"}, "email is not of the form a@b"},
        {{.name = "Ann", .email = "a@b", .phone = "\xFF"}, "phone is not valid UTF-8"},
        {{.name = "\xFF", .phone = "1"}, "name is not valid UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *wrong = validate_change(&cases[i].change);
        if (cases[i].wrong == NULL)
            assert_null(wrong);
        else
            assert_string_equal(wrong, cases[i].wrong);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_new_users),
        cmocka_unit_test(what_cannot_be_seen_is_no_part_of_an_email),
        cmocka_unit_test(limits_count_bytes),
        cmocka_unit_test(judges_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
