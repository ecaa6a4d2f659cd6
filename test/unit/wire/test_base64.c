/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of -bin metadata's base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

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
assert_decodes(weir_str text, weir_str bytes)
{
    weir_str decoded = {NULL, 77};

    assert_int_equal(wire_base64_decode(&arena, text, &decoded), WEIR_OK);
    assert_non_null(decoded.data);
    assert_true(weir_str_equal(decoded, bytes));
}

/* RFC 4648, section 10, and the bytes that tell the alphabets apart. */
static void
test_vectors(void **state)
{
    static const struct {
        weir_str bytes;
        const char *plain, *padded;
    } rows[] = {
        {{"", 0}, "", ""},
        {{"f", 1}, "Zg", "Zg=="},
        {{"fo", 2}, "Zm8", "Zm8="},
        {{"foo", 3}, "Zm9v", "Zm9v"},
        {{"foob", 4}, "Zm9vYg", "Zm9vYg=="},
        {{"fooba", 5}, "Zm9vYmE", "Zm9vYmE="},
        {{"foobar", 6}, "Zm9vYmFy", "Zm9vYmFy"},
        {{"\xab\xab\xab", 3}, "q6ur", "q6ur"},
        {{"\xfb\xff\xbf", 3}, "+/+/", "+/+/"},
        {{"\0", 1}, "AA", "AA=="},
        {{"\0\0\0", 3}, "AAAA", "AAAA"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_str text = wire_base64_encode(&arena, rows[i].bytes);

        assert_non_null(text.data);
        assert_true(weir_str_equal(text, weir_str_of(rows[i].plain)));
        assert_decodes(text, rows[i].bytes);
        assert_decodes(weir_str_of(rows[i].padded), rows[i].bytes);
    }
}

static void
test_decode_refuses(void **state)
{
    static const char *const rows[] = {"Z", "Zm9vY", "=", "==", "===", "====", "Zg=", "Zg===",
        "Zm8==", "Zm9v=", "Zm9v====", "Z===", "Zg==Zg==", "Z=g=", "Zg =", "Zm 9", "Zg\n", "-_-_",
        "Zm9*", "Zm9v,Zg", "Zm\377v"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_str bytes = {NULL, 77};

        assert_int_equal(
            wire_base64_decode(&arena, weir_str_of(rows[i]), &bytes), WEIR_INVALID_ARGUMENT);
        assert_int_equal(bytes.len, 77);
    }
}

static void
test_blanks_around(void **state)
{
    (void)state;
    assert_decodes(weir_str_of(" Zg"), (weir_str){"f", 1});
    assert_decodes(weir_str_of("\t Zm8= "), (weir_str){"fo", 2});
    assert_decodes(weir_str_of("  "), (weir_str){"", 0});
}

static void
test_lists(void **state)
{
    static const char *const good[] = {"", ",", "Zg", "Zg==", " Zg , Zm8=,", ",Zh,Zm9v"};
    static const char *const bad[] = {"Z", "Zg,Z", "?,Zg", "Zg,Zg=,Zg", "Zg;Zg", "Zg,Zm 9"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(wire_base64_is_list(weir_str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(wire_base64_is_list(weir_str_of(bad[i])));
    assert_false(wire_base64_is_list((weir_str){"Zg\0", 3}));
}

/* Bits that the last digit has over are not looked at. */
static void
test_loose_bits(void **state)
{
    (void)state;
    assert_decodes(weir_str_of("Zh"), (weir_str){"f", 1});
    assert_decodes(weir_str_of("Zm9="), (weir_str){"fo", 2});
}

static void
test_every_digit(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[2] = {'A', (char)c};
        const char *digit = c != 0 ? strchr(digits, c) : NULL;
        weir_str bytes;
        weir_code code = wire_base64_decode(&arena, (weir_str){text, 2}, &bytes);

        if (digit == NULL) {
            assert_int_equal(code, WEIR_INVALID_ARGUMENT);
            continue;
        }
        assert_int_equal(code, WEIR_OK);
        assert_int_equal(bytes.data[0], (digit - digits) >> 4);
    }
}

static void
test_round_trip(void **state)
{
    char bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 + i / 7);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        weir_str value = {bytes, len};

        assert_decodes(wire_base64_encode(&arena, value), value);
    }
}

static void
test_absent(void **state)
{
    weir_str text = wire_base64_encode(&arena, (weir_str){NULL, 0});

    (void)state;
    assert_non_null(text.data);
    assert_int_equal(text.len, 0);
    assert_decodes((weir_str){NULL, 0}, (weir_str){"", 0});
}

static void
test_impossible_length(void **state)
{
    (void)state;
    assert_null(wire_base64_encode(&arena, (weir_str){"", SIZE_MAX}).data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decode_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blanks_around, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loose_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_digit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_absent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_impossible_length, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
