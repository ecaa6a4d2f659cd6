/* SPDX-License-Identifier: Apache-2.0 */
/* Every code point comes out as it went in; nothing else passes for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <weir/base.h>

#include <cmocka.h>

/* How many bytes the encoding of a code point takes, surrogates as if they had one. */
static size_t
encode(uint32_t code_point, char out[4])
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t size = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;

    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    out[0] = (char)(leads[size] | code_point);
    return size;
}

static void
test_every_code_point(void **state)
{
    char text[4];
    uint32_t back;

    (void)state;
    for (uint32_t code_point = 0; code_point < 0x120000; code_point++) {
        size_t size = encode(code_point, text);
        bool good = code_point <= 0x10FFFF && !(code_point >= 0xD800 && code_point < 0xE000);

        back = ~code_point;
        assert_int_equal(weir_utf8_decode(text, size, &back), good ? size : 0);
        assert_int_equal(back, good ? code_point : ~code_point);
        assert_int_equal(weir_utf8_decode(text, size - 1, &back), 0);
    }
}

static void
test_what_is_none(void **state)
{
    static const char *const cases[] = {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF",
        "\xF0\x8F\xBF\xBF", "\xF5\x80\x80\x80", "\xFF", "\xC3(", "\xE2\x28\xA1"};
    uint32_t code_point;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(weir_utf8_decode(cases[i], strlen(cases[i]), &code_point), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
