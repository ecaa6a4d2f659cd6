/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading request headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "block.h"
#include "wire/wire.h"

#define POST                    \
    {                           \
        H2_TOKEN_METHOD, "POST" \
    }
#define PATH                                       \
    {                                              \
        H2_TOKEN_PATH, "/user.UserService/GetUser" \
    }
#define GRPC                                      \
    {                                             \
        H2_TOKEN_CONTENT_TYPE, "application/grpc" \
    }

/* What a read gave, with marks where nothing was written. */
struct reading {
    enum wire_verdict verdict;
    struct wire_request request;
    int http_status;
    weir_code code;
    const char *why;
};

static struct reading
read_block(struct h2_block *block)
{
    struct reading r = {.http_status = -1, .code = WEIR_DATA_LOSS, .why = NULL};

    r.verdict = wire_request_read(block, &r.request, &r.http_status, &r.code, &r.why);
    free(block);
    return r;
}

#define READ(...) read_block(BLOCK(__VA_ARGS__))

static void
assert_text(weir_str text, const char *expected)
{
    assert_true(weir_str_equal(text, weir_str_of(expected)));
}

static void
assert_http(struct reading r, int status)
{
    assert_int_equal(r.verdict, WIRE_HTTP_STATUS);
    assert_int_equal(r.http_status, status);
}

static void
assert_status(struct reading r, weir_code code)
{
    assert_int_equal(r.verdict, WIRE_STATUS);
    assert_int_equal(r.code, code);
    assert_non_null(r.why);
}

static void
test_whole_request(void **state)
{
    struct reading r = READ(POST, {H2_TOKEN_SCHEME, "http"}, PATH, {H2_TOKEN_AUTHORITY, "a:1"},
        {H2_TOKEN_GRPC_TIMEOUT, "5S"}, {H2_TOKEN_TE, "trailers"}, GRPC,
        {H2_TOKEN_GRPC_ENCODING, "gzip"}, {H2_TOKEN_GRPC_ACCEPT_ENCODING, "identity,gzip"},
        {H2_TOKEN_USER_AGENT, "grpc-c/1"}, {H2_TOKEN_NONE, "custom"});

    (void)state;
    assert_int_equal(r.verdict, WIRE_GRPC);
    assert_text(r.request.path, "/user.UserService/GetUser");
    assert_text(r.request.authority, "a:1");
    assert_text(r.request.encoding, "gzip");
    assert_text(r.request.accept_encoding, "identity,gzip");
    assert_true(r.request.timeout == 5 * WEIR_SECOND);
    assert_int_equal(r.http_status, -1);
    assert_null(r.why);
}

static void
test_least_request(void **state)
{
    struct reading r = READ(POST, PATH, GRPC);

    (void)state;
    assert_int_equal(r.verdict, WIRE_GRPC); /* no te: a proxy may have taken it */
    assert_null(r.request.authority.data);
    assert_null(r.request.encoding.data);
    assert_null(r.request.accept_encoding.data);
    assert_true(r.request.timeout == WEIR_NEVER);
}

static void
test_methods(void **state)
{
    static const char *const methods[] = {
        "HEAD", "PUT", "OPTIONS", "CONNECT", "post", "POS", "POSTS", ""};

    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        assert_http(READ({H2_TOKEN_METHOD, methods[i]}, PATH, GRPC), 405);
    assert_http(READ(PATH, GRPC), 405);
}

static void
test_get(void **state)
{
    struct reading r = READ({H2_TOKEN_METHOD, "GET"}, {H2_TOKEN_PATH, "/a.B/C?CgFh?x"}, GRPC);

    (void)state;
    assert_int_equal(r.verdict, WIRE_GRPC);
    assert_true(r.request.by_get);
    assert_text(r.request.path, "/a.B/C");
    assert_text(r.request.query, "CgFh?x");
    r = READ({H2_TOKEN_METHOD, "GET"}, PATH, GRPC);
    assert_true(r.request.by_get);
    assert_text(r.request.path, "/user.UserService/GetUser");
    assert_int_equal(r.request.query.len, 0);
    r = READ(POST, {H2_TOKEN_PATH, "/a.B/C?CgFh"}, GRPC);
    assert_false(r.request.by_get);
    assert_text(r.request.path, "/a.B/C?CgFh");
    assert_status(READ({H2_TOKEN_METHOD, "GET"}, {H2_TOKEN_PATH, "?"}, GRPC), WEIR_UNIMPLEMENTED);
    assert_http(READ({H2_TOKEN_METHOD, "GET"}, {H2_TOKEN_PATH, ""}, GRPC), 400);
}

static void
test_content_types(void **state)
{
    (void)state;
    assert_http(READ(POST, PATH), 415);
    assert_http(READ(POST, PATH, {H2_TOKEN_CONTENT_TYPE, "application/grpcfoo"}), 415);
    assert_http(READ(POST, PATH, {H2_TOKEN_CONTENT_TYPE, ""}), 415);
    assert_http(READ(POST, PATH, GRPC, {H2_TOKEN_CONTENT_TYPE, "text/html"}), 415);
    assert_http(READ(POST, PATH, {H2_TOKEN_CONTENT_TYPE, "text/html"}, GRPC), 415);
    assert_status(
        READ(POST, PATH, {H2_TOKEN_CONTENT_TYPE, "application/grpc+json"}), WEIR_INTERNAL);
    assert_int_equal(
        READ(POST, PATH, {H2_TOKEN_CONTENT_TYPE, "application/grpc+proto"}).verdict, WIRE_GRPC);
}

static void
test_paths(void **state)
{
    static const char *const slashless[] = {"user.UserService/GetUser", "*", "x", "\\a/b"};

    (void)state;
    for (size_t i = 0; i < sizeof slashless / sizeof slashless[0]; i++)
        assert_status(READ(POST, {H2_TOKEN_PATH, slashless[i]}, GRPC), WEIR_UNIMPLEMENTED);
    assert_http(READ(POST, {H2_TOKEN_PATH, ""}, GRPC), 400);
    assert_http(READ(POST, GRPC), 400);
    /* The wrong media type outranks the wrong path: nothing but gRPC is answered as gRPC. */
    assert_http(READ(POST, {H2_TOKEN_PATH, "x"}), 415);
}

/* gRFC A41 */
static void
test_hosts(void **state)
{
    struct reading r = READ(POST, PATH, GRPC, {H2_TOKEN_HOST, "h"});

    (void)state;
    assert_text(r.request.authority, "h");
    r = READ(POST, PATH, {H2_TOKEN_AUTHORITY, "a"}, GRPC, {H2_TOKEN_HOST, "h"});
    assert_text(r.request.authority, "a");
    assert_http(READ(POST, PATH, GRPC, {H2_TOKEN_HOST, "h"}, {H2_TOKEN_HOST, "h"}), 400);
}

static void
test_timeouts(void **state)
{
    static const char *const bad[] = {"", "5", "S", "5s", "-1S", "123456789S", "5S5"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_status(READ(POST, PATH, {H2_TOKEN_GRPC_TIMEOUT, bad[i]}, GRPC), WEIR_INTERNAL);
    assert_status(READ(POST, PATH, {H2_TOKEN_GRPC_TIMEOUT, "0n"}, GRPC), WEIR_DEADLINE_EXCEEDED);
    assert_true(READ(POST, PATH, {H2_TOKEN_GRPC_TIMEOUT, "1n"}, GRPC).request.timeout == 1);
}

static void
test_too_large(void **state)
{
    struct h2_block *block = BLOCK(POST);

    (void)state;
    block->too_large = true;
    block->count = 0;
    assert_status(read_block(block), WEIR_RESOURCE_EXHAUSTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_request),
        cmocka_unit_test(test_least_request),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
