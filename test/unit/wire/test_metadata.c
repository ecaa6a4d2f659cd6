/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what may be sent as metadata. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

static void
test_keys(void **state)
{
    static const char *const good[] = {"a", "x-request-id", "trace-bin", "0", "a_b.c-9",
        "authorization", "grpc", "grpcfoo", "grpc-retry-pushback-ms", "tea", "hostname", "content",
        "-bin", "."};
    static const char *const bad[] = {"", "A", "x-Id", ":path", ":x", "a b", "a:b", "a\n", "a\x80",
        "a/b", "grpc-", "grpc-status", "grpc-anything", "grpc-x-bin", "te", "content-type",
        "content-length", "user-agent", "host", "connection", "keep-alive", "proxy-connection",
        "transfer-encoding", "upgrade"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(wire_key_is_sendable(weir_str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(wire_key_is_sendable(weir_str_of(bad[i])));
    assert_false(wire_key_is_sendable((weir_str){"a\0b", 3}));
}

static void
test_every_key_byte(void **state)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

    (void)state;
    for (int c = 1; c < 256; c++) {
        char key[2] = {'x', (char)c};

        assert_int_equal(wire_key_is_sendable((weir_str){key, 2}), strchr(good, c) != NULL);
    }
}

static void
test_every_value_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char value[3] = {'x', (char)c, 'y'};

        assert_int_equal(wire_value_is_sendable((weir_str){value, 3}), c >= 0x20 && c <= 0x7e);
    }
}

static void
test_values(void **state)
{
    (void)state;
    assert_true(wire_value_is_sendable(weir_str_of("")));
    assert_true(wire_value_is_sendable((weir_str){NULL, 0}));
    assert_true(wire_value_is_sendable(weir_str_of("a b")));
    assert_false(wire_value_is_sendable(weir_str_of(" ")));
    assert_false(wire_value_is_sendable(weir_str_of(" a")));
    assert_false(wire_value_is_sendable(weir_str_of("a ")));
}

static void
test_binary_keys(void **state)
{
    (void)state;
    assert_true(wire_key_is_binary(weir_str_of("x-bin")));
    assert_true(wire_key_is_binary(weir_str_of("-bin")));
    assert_false(wire_key_is_binary(weir_str_of("bin")));
    assert_false(wire_key_is_binary(weir_str_of("xbin")));
    assert_false(wire_key_is_binary(weir_str_of("x-bin-x")));
    assert_false(wire_key_is_binary(weir_str_of("")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_every_key_byte),
        cmocka_unit_test(test_every_value_byte),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_binary_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
