/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of compression. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/wire.h"

#define MIB ((size_t)1 << 20)

/* One for all tests, as a loop has one for all its messages: what failed leaves nothing behind. */
static struct wire_gzip gzip;

static void
test_accepts(void **state)
{
    static const char *const yes[] = {"gzip", "identity,gzip", "identity, gzip", "gzip,deflate",
        "identity,deflate,gzip", " gzip ", "\tgzip\t,x", ",gzip", "gzip,", ",,gzip,,"};
    static const char *const no[] = {"", "identity", "gzi", "gzipx", "xgzip", "x-gzip", "GZIP", ",",
        " ", "g zip", "deflate;gzip", "identity deflate gzip"};

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(wire_accepts_gzip(weir_str_of(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(wire_accepts_gzip(weir_str_of(no[i])));
    assert_false(wire_accepts_gzip((weir_str){NULL, 0}));
}

/* Noise does not deflate, text does. */
static uint8_t *
sample(size_t len, bool noise)
{
    uint8_t *bytes = malloc(len + 1);
    uint32_t x = 12345;

    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = noise ? (uint8_t)(x >> 24) : (uint8_t)("weir runs on "[i % 13]);
    }
    return bytes;
}

static void
check_round_trip(size_t len, bool noise)
{
    struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;
    uint8_t *bytes = sample(len, noise);

    assert_int_equal(wire_gzip_deflate(&gzip, bytes, len, &packed), WEIR_OK);
    assert_int_equal(
        wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), len, &plain), WEIR_OK);
    assert_int_equal(buf_len(&plain), len);
    if (len > 0)
        assert_memory_equal(buf_head(&plain), bytes, len);
    buf_fini(&packed);
    buf_fini(&plain);
    free(bytes);
}

static void
test_round_trip(void **state)
{
    static const size_t lengths[] = {0, 1, 2, 31, 255, 256, 257, 511, 512, 513, 1000, 4096, 16383,
        32767, 32768, 32769, 65536, 100000, MIB, 4 * MIB + 1};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        check_round_trip(lengths[i], false);
        check_round_trip(lengths[i], true);
    }
}

/* One byte over the limit, and a bomb of a thousand to one. */
static void
test_limit(void **state)
{
    static const size_t lengths[] = {1, 100, 511, 512, 513, 5000, 70000, MIB};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;
        uint8_t *bytes = sample(lengths[i], i % 2 == 0);
        static const size_t no_room = 0;

        assert_int_equal(wire_gzip_deflate(&gzip, bytes, lengths[i], &packed), WEIR_OK);
        assert_int_equal(
            wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), lengths[i] - 1, &plain),
            WEIR_OUT_OF_RANGE);
        assert_int_equal(buf_len(&plain), 0);
        assert_int_equal(
            wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), no_room, &plain),
            WEIR_OUT_OF_RANGE);
        assert_int_equal(
            wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), SIZE_MAX, &plain),
            WEIR_OK);
        assert_int_equal(buf_len(&plain), lengths[i]);
        buf_fini(&packed);
        buf_fini(&plain);
        free(bytes);
    }
}

static void
test_bomb_makes_little(void **state)
{
    struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;
    uint8_t *zeros = calloc(1, 64 * MIB);

    (void)state;
    assert_non_null(zeros);
    assert_int_equal(wire_gzip_deflate(&gzip, zeros, 64 * MIB, &packed), WEIR_OK);
    assert_true(buf_len(&packed) < 128 * 1024);
    assert_int_equal(wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), MIB, &plain),
        WEIR_OUT_OF_RANGE);
    assert_true(plain.cap < 4 * MIB);
    buf_fini(&packed);
    buf_fini(&plain);
    free(zeros);
}

/* A stream cut anywhere, and one with any byte changed, is refused or gives the true bytes (some
 * bytes of the gzip header mean nothing); what was in the buffer stays. */
static void
test_damage(void **state)
{
    struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;
    uint8_t *bytes = sample(600, false);

    (void)state;
    assert_int_equal(wire_gzip_deflate(&gzip, bytes, 600, &packed), WEIR_OK);
    assert_true(buf_append(&plain, "kept", 4));
    for (size_t len = 0; len < buf_len(&packed); len++) {
        assert_int_equal(
            wire_gzip_inflate(&gzip, buf_head(&packed), len, 1000, &plain), WEIR_INTERNAL);
        assert_int_equal(buf_len(&plain), 4);
    }
    for (size_t at = 0; at < buf_len(&packed); at++) {
        weir_code code;

        buf_head(&packed)[at] ^= 0x55;
        code = wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), 1000, &plain);
        buf_head(&packed)[at] ^= 0x55;
        if (code == WEIR_OK) {
            assert_int_equal(buf_len(&plain), 604);
            assert_memory_equal(buf_head(&plain) + 4, bytes, 600);
            plain.tail -= 600;
        }
        assert_int_equal(buf_len(&plain), 4);
        assert_memory_equal(buf_head(&plain), "kept", 4);
    }
    buf_fini(&packed);
    buf_fini(&plain);
    free(bytes);
}

static void
test_not_gzip(void **state)
{
    /* zlib's wrapper (the "deflate" of HTTP) and bare text */
    static const uint8_t zlib[] = {0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01};
    struct buf plain = BUF_EMPTY;

    (void)state;
    assert_int_equal(wire_gzip_inflate(&gzip, zlib, sizeof zlib, 100, &plain), WEIR_INTERNAL);
    assert_int_equal(
        wire_gzip_inflate(&gzip, (const uint8_t *)"hello", 5, 100, &plain), WEIR_INTERNAL);
    assert_int_equal(wire_gzip_inflate(&gzip, NULL, 0, 100, &plain), WEIR_INTERNAL);
    assert_int_equal(buf_len(&plain), 0);
    buf_fini(&plain);
}

/* RFC 1952, 2.2: members in a row are one content. */
static void
test_members(void **state)
{
    struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;

    (void)state;
    assert_int_equal(wire_gzip_deflate(&gzip, (const uint8_t *)"one", 3, &packed), WEIR_OK);
    assert_int_equal(wire_gzip_deflate(&gzip, (const uint8_t *)"", 0, &packed), WEIR_OK);
    assert_int_equal(wire_gzip_deflate(&gzip, (const uint8_t *)"two", 3, &packed), WEIR_OK);
    assert_int_equal(
        wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), 6, &plain), WEIR_OK);
    assert_int_equal(buf_len(&plain), 6);
    assert_memory_equal(buf_head(&plain), "onetwo", 6);
    assert_int_equal(wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), 5, &plain),
        WEIR_OUT_OF_RANGE);
    assert_true(buf_append(&packed, "tail", 4));
    assert_int_equal(
        wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), 100, &plain), WEIR_INTERNAL);
    assert_int_equal(buf_len(&plain), 6);
    buf_fini(&packed);
    buf_fini(&plain);
}

/* No message is that long: its prefix has 32 bits. */
static void
test_more_than_a_message(void **state)
{
    const size_t len = (size_t)UINT32_MAX + 1;
    struct buf out = BUF_EMPTY;
    uint8_t byte = 0;

    (void)state;
    if (len == 0) /* nor can 32 bits say it */
        return;
    assert_int_equal(wire_gzip_deflate(&gzip, &byte, len, &out), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(wire_gzip_inflate(&gzip, &byte, len, 1, &out), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(buf_len(&out), 0);
}

static int
finish(void **state)
{
    (void)state;
    wire_gzip_fini(&gzip);
    return gzip.small == NULL && gzip.large == NULL && gzip.inflate == NULL ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_bomb_makes_little),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_not_gzip),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_more_than_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, finish);
}
