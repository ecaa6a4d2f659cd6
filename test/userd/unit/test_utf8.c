/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of usercommon/utf8.c. */
#include "folder.h"
#include "usercommon/utf8.h"
#include <string.h>

static void
every_code_point_survives(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        char text[UTF8_MAX];
        uint32_t decoded = UINT32_MAX;
        size_t size = utf8_encode(code_point, text);
        if (code_point >= 0xD800 && code_point < 0xE000) {
            assert_int_equal(utf8_decode(text, size, &decoded), 0);
            continue;
        }
        assert_int_equal(utf8_decode(text, size, &decoded), size);
        assert_int_equal(decoded, code_point);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(utf8_decode(text, cut, &decoded), 0);
    }
}

static void
refuses_what_is_no_utf8(void **state)
{
    static const char *const cases[] = {
        "\x80", "\xBF", "a\x80", "\xC3", "\xC3(", "\xE2\x82", "\xE2(\xA1", "\xF0\x9F\x98", /* cut */
        "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", /* overlong */
        "\xED\xA0\x80", "\xED\xBF\xBF",                                             /* surrogates */
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF",                     /* too high */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_false(utf8_valid(cases[i], strlen(cases[i])));
}

static void
accepts_text(void **state)
{
    static const char text[] = "a\0\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80"
                               "\xF4\x8F\xBF\xBF";

    (void)state;
    assert_true(utf8_valid(text, sizeof(text) - 1));
    assert_true(utf8_valid("", 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_survives),
        cmocka_unit_test(refuses_what_is_no_utf8),
        cmocka_unit_test(accepts_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
