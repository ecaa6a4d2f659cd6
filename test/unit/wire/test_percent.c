/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grpc-message's percent-encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

struct row {
    const char *from, *to;
};

static struct arena arena;

static int
set_up(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 0);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void
test_encode(void **state)
{
    static const struct row rows[] = {
        {"", ""},
        {"plain text ~!", "plain text ~!"},
        {"%", "%25"},
        {"100%", "100%25"},
        {"\t\r\n", "%09%0D%0A"},
        {"\x7f", "%7F"},
        {"\x1f \x7e", "%1F ~"},
        {"na\xc3\xafve", "na%C3%AFve"},
        {"\xf0\x9f\x98\x88", "%F0%9F%98%88"},
        {"\xff", "%FF"},
        {" ", "%20"},
        {"  ", "%20%20"},
        {" a b ", "%20a b%20"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_str encoded = wire_percent_encode(&arena, weir_str_of(rows[i].from));

        assert_non_null(encoded.data);
        assert_int_equal(encoded.len, strlen(rows[i].to));
        assert_memory_equal(encoded.data, rows[i].to, encoded.len);
    }
}

static void
test_decode(void **state)
{
    static const struct row rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"%25", "%"},
        {"%09%0D%0a", "\t\r\n"},
        {"%c3%aF", "\xc3\xaf"},
        {"%F0%9F%98%88", "\xf0\x9f\x98\x88"},
        {"raw \xc3\xaf", "raw \xc3\xaf"}, /* not escaped, as some peers send it */
        /* bad escapes stay */
        {"%", "%"},
        {"%4", "%4"},
        {"100%", "100%"},
        {"%zz", "%zz"},
        {"%4g", "%4g"},
        {"%g4", "%g4"},
        {"%%41", "%A"},
        {"%-1", "%-1"},
        {"%25%32%35", "%25"}, /* decoded once only */
        /* what is not UTF-8 */
        {"%FF", "?"},
        {"a%80b", "a?b"},
        {"%C3", "?"},
        {"%C3x", "?x"},
        {"%C0%80", "??"},
        {"%C1%BF", "??"},
        {"%E0%9F%80", "???"},
        {"%ED%A0%80", "???"},
        {"%F0%8F%80%80", "????"},
        {"%F4%90%80%80", "????"},
        {"%F5%80%80%80", "????"},
        {"%E2%82", "??"},
        {"%E2%82%AC", "\xe2\x82\xac"},
        {"%F4%8F%BF%BF", "\xf4\x8f\xbf\xbf"},
        {"%ED%9F%BF", "\xed\x9f\xbf"},
        {"%EE%80%80", "\xee\x80\x80"},
        {"%C2%80", "\xc2\x80"},
        {"%DF%BF", "\xdf\xbf"},
        {"a%00b", "a?b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *decoded = wire_percent_decode(&arena, weir_str_of(rows[i].from));

        assert_non_null(decoded);
        assert_string_equal(decoded, rows[i].to);
    }
}

static void
test_absent_text(void **state)
{
    (void)state;
    assert_string_equal(wire_percent_decode(&arena, (weir_str){NULL, 0}), "");
    assert_non_null(wire_percent_encode(&arena, (weir_str){NULL, 0}).data);
}

static void
test_impossible_length(void **state)
{
    (void)state;
    assert_null(wire_percent_encode(&arena, (weir_str){"", SIZE_MAX / 2}).data);
}

static void
test_round_trip_of_every_ascii_byte(void **state)
{
    char text[128];
    weir_str encoded;

    (void)state;
    for (int i = 1; i < 128; i++)
        text[i - 1] = (char)i;
    text[127] = '\0';
    encoded = wire_percent_encode(&arena, weir_str_of(text));
    assert_true(wire_value_is_sendable(encoded));
    assert_string_equal(wire_percent_decode(&arena, encoded), text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_encode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_absent_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_impossible_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trip_of_every_ascii_byte, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
