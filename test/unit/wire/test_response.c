/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading response headers and trailers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "block.h"
#include "wire/wire.h"

#define OK200                  \
    {                          \
        H2_TOKEN_STATUS, "200" \
    }
#define GRPC                                      \
    {                                             \
        H2_TOKEN_CONTENT_TYPE, "application/grpc" \
    }
#define HTML                               \
    {                                      \
        H2_TOKEN_CONTENT_TYPE, "text/html" \
    }

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

static weir_code
headers_of(struct h2_block *block, weir_str *out_encoding, const char **out_message)
{
    weir_code code = wire_response_read(block, &arena, out_encoding, out_message);

    free(block);
    return code;
}

static void
assert_headers_fail(struct h2_block *block, weir_code code, const char *message)
{
    weir_str encoding = {NULL, 77};
    const char *text = NULL;

    assert_int_equal(headers_of(block, &encoding, &text), code);
    assert_string_equal(text, message);
    assert_int_equal(encoding.len, 77);
}

static void
test_good_headers(void **state)
{
    static const char *const types[] = {"application/grpc", "application/grpc+proto",
        "application/grpc; charset=x", "application/grpc+proto;x=y"};
    const char *message = NULL;
    weir_str encoding;

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        assert_int_equal(
            headers_of(BLOCK(OK200, {H2_TOKEN_CONTENT_TYPE, types[i]}), &encoding, &message),
            WEIR_OK);
        assert_null(encoding.data);
    }
    /* A grpc-status here is not the end of the call: trailers follow. */
    assert_int_equal(
        headers_of(BLOCK(OK200, GRPC, {H2_TOKEN_GRPC_STATUS, "9"}), &encoding, &message), WEIR_OK);
}

static void
test_encoding(void **state)
{
    struct h2_block *block = BLOCK(OK200, GRPC, {H2_TOKEN_GRPC_ENCODING, "gzip"});
    const char *message;
    weir_str encoding;

    (void)state;
    assert_int_equal(wire_response_read(block, &arena, &encoding, &message), WEIR_OK);
    assert_true(weir_str_equal(encoding, weir_str_of("gzip")));
    free(block);
}

static void
test_foreign_headers(void **state)
{
    (void)state;
    assert_headers_fail(
        BLOCK(OK200, HTML), WEIR_UNKNOWN, "HTTP status 200 with content-type \"text/html\"");
    assert_headers_fail(BLOCK(OK200), WEIR_UNKNOWN, "HTTP status 200 without a content-type");
    assert_headers_fail(BLOCK({H2_TOKEN_STATUS, "503"}, HTML), WEIR_UNAVAILABLE,
        "HTTP status 503 with content-type \"text/html\"");
    assert_headers_fail(BLOCK({H2_TOKEN_STATUS, "404"}, GRPC), WEIR_UNIMPLEMENTED,
        "HTTP status 404 with content-type \"application/grpc\"");
    assert_headers_fail(BLOCK({H2_TOKEN_STATUS, "401"}, {H2_TOKEN_CONTENT_TYPE, "a\xff"}),
        WEIR_UNAUTHENTICATED, "HTTP status 401 with content-type \"a?\"");
    assert_headers_fail(BLOCK(OK200, {H2_TOKEN_CONTENT_TYPE, "application/grpc+json"}),
        WEIR_INTERNAL, "the response is in an unknown message codec");
}

static void
test_bad_http_status(void **state)
{
    static const char *const bad[] = {"", "20", "2000", "2x0", " 20", "-20", "OK "};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_headers_fail(BLOCK({H2_TOKEN_STATUS, bad[i]}, GRPC), WEIR_UNKNOWN,
            "HTTP status 0 with content-type \"application/grpc\"");
    assert_headers_fail(
        BLOCK(GRPC), WEIR_UNKNOWN, "HTTP status 0 with content-type \"application/grpc\"");
}

static void
test_large_headers(void **state)
{
    struct h2_block *block = BLOCK(OK200);
    struct h2_block *trailers = BLOCK(OK200);
    const char *message;

    (void)state;
    block->too_large = trailers->too_large = true;
    block->count = trailers->count = 0;
    assert_headers_fail(block, WEIR_RESOURCE_EXHAUSTED, "the response's headers are too large");
    assert_int_equal(wire_trailers_read(trailers, &arena, &message), WEIR_RESOURCE_EXHAUSTED);
    assert_string_equal(message, "the response's trailers are too large");
    free(trailers);
}

static void
assert_trailers(struct h2_block *block, weir_code code, const char *message)
{
    const char *text = NULL;

    assert_int_equal(wire_trailers_read(block, &arena, &text), code);
    assert_string_equal(text, message);
    free(block);
}

static void
test_every_code(void **state)
{
    static const char *const numbers[] = {
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_trailers(BLOCK({H2_TOKEN_GRPC_STATUS, numbers[i]}), (weir_code)i, "");
        assert_trailers(
            BLOCK({H2_TOKEN_GRPC_STATUS, numbers[i]}, {H2_TOKEN_GRPC_MESSAGE, "a%20b%C3%AF"}),
            (weir_code)i, "a b\xc3\xaf");
    }
}

static void
test_unparsable_codes(void **state)
{
    static const char *const bad[] = {"", "17", "18", "20", "99", "100", "00", "05", "010", "-1",
        "+5", " 5", "5 ", "5x", "0x5", "1.", "OK", "NOT_FOUND", "4294967296", "\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_trailers(BLOCK({H2_TOKEN_GRPC_STATUS, bad[i]}), WEIR_UNKNOWN,
            "the server sent a malformed grpc-status");
        assert_trailers(BLOCK({H2_TOKEN_GRPC_STATUS, bad[i]}, {H2_TOKEN_GRPC_MESSAGE, "why"}),
            WEIR_UNKNOWN, "why");
    }
}

static void
test_missing_grpc_status(void **state)
{
    (void)state;
    assert_trailers(BLOCK({H2_TOKEN_NONE, "x"}), WEIR_UNKNOWN, "the server sent no grpc-status");
    assert_trailers(
        BLOCK({H2_TOKEN_GRPC_MESSAGE, "x"}), WEIR_UNKNOWN, "the server sent no grpc-status");
    assert_trailers(BLOCK(OK200, GRPC), WEIR_UNKNOWN, "the server sent no grpc-status");
    assert_trailers(
        BLOCK(OK200, HTML), WEIR_UNKNOWN, "HTTP status 200 with content-type \"text/html\"");
    assert_trailers(BLOCK({H2_TOKEN_STATUS, "429"}), WEIR_UNAVAILABLE,
        "HTTP status 429 without a content-type");
    assert_trailers(
        BLOCK({H2_TOKEN_STATUS, "415"}), WEIR_UNKNOWN, "HTTP status 415 without a content-type");
    assert_trailers(
        BLOCK({H2_TOKEN_STATUS, "103"}), WEIR_INTERNAL, "HTTP status 103 without a content-type");
}

/* grpc-status outranks everything that HTTP says. */
static void
test_trailers_only(void **state)
{
    (void)state;
    assert_trailers(BLOCK(OK200, GRPC, {H2_TOKEN_GRPC_STATUS, "5"}, {H2_TOKEN_GRPC_MESSAGE, "no"}),
        WEIR_NOT_FOUND, "no");
    assert_trailers(BLOCK({H2_TOKEN_STATUS, "503"}, HTML, {H2_TOKEN_GRPC_STATUS, "7"}),
        WEIR_PERMISSION_DENIED, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encoding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_http_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unparsable_codes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_grpc_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trailers_only, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
