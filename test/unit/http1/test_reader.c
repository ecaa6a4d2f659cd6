/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, good and bad, as a table: what comes of each, in one piece and byte by byte. */
#include "http1/http1.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"
#define GET(fields) "GET / HTTP/1.1\r\n" HOST fields "\r\n"
#define POST(fields) "POST / HTTP/1.1\r\n" HOST fields "\r\n"

/* What came of it: a word for each event. */
struct row {
    const char *input;
    const char *outcome;
};

static const char *
method_name(enum http1_method method)
{
    return method == HTTP1_GET ? "GET" : method == HTTP1_HEAD ? "HEAD" : "OTHER";
}

static void
tell(char *text, size_t size, const struct http1_request *request)
{
    size_t len = strlen(text);

    snprintf(text + len, size - len, "%s%s %.*s%s%.*s%s", len > 0 ? ", " : "",
        method_name(request->method), (int)request->path.len, request->path.data,
        request->query.data != NULL ? " ?" : "", (int)request->query.len,
        request->query.data != NULL ? request->query.data : "",
        request->keep_alive ? "" : " close");
}

/* False: the connection is over. */
static bool
feed(struct http1_reader *reader, const char *bytes, size_t len, char *text, size_t size)
{
    const uint8_t *data = (const uint8_t *)bytes;
    struct http1_request request;
    enum http1_event event;

    while ((event = http1_reader_next(reader, &data, &len, &request)) == HTTP1_REQUEST) {
        tell(text, size, &request);
        if (!request.keep_alive)
            return false;
    }
    if (event == HTTP1_NEED_INPUT) {
        assert_int_equal(len, 0);
        return true;
    }
    snprintf(text + strlen(text), size - strlen(text), "%s%d", text[0] != '\0' ? ", " : "",
        http1_reader_status(reader));
    return false;
}

static void
check(const char *input, size_t len, size_t step, const char *outcome)
{
    struct http1_reader *reader = http1_reader_new(NULL);
    char text[9000] = "";

    assert_non_null(reader);
    for (size_t at = 0; at < len; at += step) {
        size_t some = len - at < step ? len - at : step;

        if (!feed(reader, input + at, some, text, sizeof(text)))
            break;
    }
    if (strcmp(text, outcome) != 0)
        fail_msg("%zu bytes at a time of %s\nexpected %s\ngot      %s", step, input, outcome, text);
    http1_reader_free(reader);
}

static void
check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(rows[i].input);

        check(rows[i].input, len, len, rows[i].outcome);
        check(rows[i].input, len, 1, rows[i].outcome);
        check(rows[i].input, len, 7, rows[i].outcome);
    }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void
test_requests(void **state)
{
    static const struct row rows[] = {
        {GET(""), "GET /"},
        {"HEAD /metrics?name=a&b HTTP/1.1\r\nhost:b\r\n\r\n", "HEAD /metrics ?name=a&b"},
        {"GET /? HTTP/1.1\r\n" HOST "\r\n", "GET / ?"},
        {"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "GET /"},
        {"GET / HTTP/1.1\r\nHOST:\t [::1]:80 \t\r\n\r\n", "GET /"},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET /"},
        {"GET http://a.example:80/x?y HTTP/1.1\r\n" HOST "\r\n", "GET /x ?y"},
        {"GET HTTPS://a HTTP/1.1\r\n" HOST "\r\n", "GET /"},
        {"GET http://a?q HTTP/1.1\r\n" HOST "\r\n", "GET / ?q"},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OTHER *"},
        {"GET / HTTP/1.0\r\n\r\n", "GET / close"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / close"},
        {"GET / HTTP/1.9\r\n" HOST "\r\n", "GET /"},
        {GET("Connection: close\r\n"), "GET / close"},
        {GET("Connection: upgrade , CLOSE\r\n"), "GET / close"},
        {GET("Connection: closed\r\n"), "GET /"},
        {GET("Accept: \x80\xff text\t*\r\n"), "GET /"},
        {"GET /a HTTP/1.1\r\n" HOST "\r\nHEAD /b HTTP/1.1\r\n" HOST "\r\n", "GET /a, HEAD /b"},
        {GET("") "GET /last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET /lost", "GET /, "
                                                                                     "GET /last "
                                                                                     "close"},
        {"GET / HTTP/1.1\r\n" HOST, ""},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void
test_bad_lines(void **state)
{
    static const struct row rows[] = {
        {"GET /\r\n\r\n", "400"},                            /* HTTP/0.9 */
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", "400"},          /* two spaces */
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", "400"},          /* a space at the end */
        {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", "400"},          /* a tab */
        {" GET / HTTP/1.1\r\n" HOST "\r\n", "400"},          /* a space at the start */
        {"G(T / HTTP/1.1\r\n" HOST "\r\n", "400"},           /* no token */
        {"get / HTTP/1.1\r\n" HOST "\r\n", "501"},           /* case counts */
        {"BREW / HTTP/1.1\r\n" HOST "\r\n", "501"},          /* unknown */
        {"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", "501"},     /* no tunnels */
        {"GET / HTTP/2.0\r\n" HOST "\r\n", "505"},           /* another version */
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},         /* the preface of HTTP/2 */
        {"GET / HTTP/1.10\r\n" HOST "\r\n", "400"},          /* two digits */
        {"GET / http/1.1\r\n" HOST "\r\n", "400"},           /* case counts */
        {"GET / HTTP/1,1\r\n" HOST "\r\n", "400"},           /* no point */
        {"GET * HTTP/1.1\r\n" HOST "\r\n", "400"},           /* only of OPTIONS */
        {"GET a HTTP/1.1\r\n" HOST "\r\n", "400"},           /* neither form */
        {"GET http:///x HTTP/1.1\r\n" HOST "\r\n", "400"},   /* no authority */
        {"GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n", "400"}, /* user information */
        {"GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", "400"},    /* another scheme */
        {"GET /a\"b HTTP/1.1\r\n" HOST "\r\n", "400"},       /* no URI */
        {"GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", "400"},   /* not encoded */
        {"GET /#x HTTP/1.1\r\n" HOST "\r\n", "400"},         /* a fragment */
        {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "400"},   /* two empty lines */
        {"GET / HTTP/1.1\n" HOST "\r\n", "400"},             /* bare LF */
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", "400"},          /* bare LF */
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", "400"},          /* bare LF */
        {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "400"},      /* bare CR */
        {"GET /\r HTTP/1.1\r\n" HOST "\r\n", "400"},         /* bare CR */
        {GET("A: b\rC: d\r\n"), "400"},                      /* bare CR */
        {GET("A: b\r\n c\r\n"), "400"},                      /* obs-fold */
        {GET("A: b\r\n\tc: d\r\n"), "400"},                  /* obs-fold */
        {GET("A : b\r\n"), "400"},                           /* a blank before the colon */
        {GET(": b\r\n"), "400"},                             /* no name */
        {GET("A\r\n"), "400"},                               /* no colon */
        {GET("A(: b\r\n"), "400"},                           /* no token */
        {GET("A: b\x01\r\n"), "400"},                        /* a control */
        {GET("A: b\x7f\r\n"), "400"},                        /* DEL */
        {"GET / HTTP/1.1\r\n\r\n", "400"},                   /* no Host */
        {GET("Host: b\r\n"), "400"},                         /* two of them */
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},      /* no authority */
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},      /* no authority */
        {GET("Expect: 200-ok\r\n"), "417"},                  /* RFC 9110, 10.1.1 */
    };

    (void)state;
    CHECK_ROWS(rows);
    check("GET /\0 HTTP/1.1\r\n" HOST "\r\n", 33, 33, "400");
    check("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 24, 1, "400");
}

static void
test_content(void **state)
{
    static const struct row rows[] = {
        {POST("Content-Length: 3\r\n") "abc" GET(""), "OTHER /, GET /"},
        {GET("Content-Length: 0\r\n") GET(""), "GET /, GET /"},
        {GET("Content-Length: 16\r\n") "GET / HTTP/1.1\r\n" GET(""), "GET /, GET /"},
        {POST("Content-Length: 3\r\n") "ab", ""},
        {POST("Content-Length: 65536\r\n"), ""},
        {POST("Content-Length: 65537\r\n"), "413"},
        {POST("Content-Length: 99999999999999999999999\r\n"), "400"},
        {POST("Content-Length: -1\r\n"), "400"},
        {POST("Content-Length: +1\r\n"), "400"},
        {POST("Content-Length: 0x1\r\n"), "400"},
        {POST("Content-Length: 1 1\r\n"), "400"},
        {POST("Content-Length:\r\n"), "400"},
        {POST("Content-Length: 1, 1\r\n"), "400"},
        {POST("Content-Length: 1\r\nContent-Length: 1\r\n"), "400"},
        {POST("Content-Length: 1\r\ncontent-length: 2\r\n"), "400"},
        {POST("Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\n\r\n" GET(""), "OTHER /, GET /"},
        {POST("Transfer-Encoding: CHUNKED\r\n") "A;x=y\r\n0123456789\r\n00\r\nT: u\r\n\r\n" GET(""),
            "OTHER /, GET /"},
        {POST("Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\n", ""},
        {POST("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") "abc", "400"},
        {POST("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") "abc", "400"},
        {POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400"},
        {POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), "400"},
        {POST("Transfer-Encoding: chunked, chunked\r\n"), "501"},
        {POST("Transfer-Encoding: gzip, chunked\r\n"), "501"},
        {POST("Transfer-Encoding: xchunked\r\n"), "501"},
        {POST("Transfer-Encoding: identity\r\n"), "501"},
        {POST("Transfer-Encoding:\x0b"
              "chunked\r\n"),
            "400"},
        {POST("Transfer-Encoding : chunked\r\n"), "400"},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") "\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") "0x3\r\nabc\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") " 3\r\nabc\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") "-1\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") "3\nabc\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") "3\r\nabcd\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") "3\r\nabc0\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") "3;\x01\r\nabc\r\n", "400"},
        {POST("Transfer-Encoding: chunked\r\n") "10001\r\n", "413"},
        {POST("Transfer-Encoding: chunked\r\n") "fffffffffffffffffffff\r\n", "413"},
        {POST("Transfer-Encoding: chunked\r\n") "0\r\nbad\r\n\r\n", "400"},
        {POST("Expect: 100-continue\r\nContent-Length: 3\r\n") "abc", "OTHER / close"},
        {GET("Expect: 100-continue\r\n"), "GET /"},
    };

    (void)state;
    CHECK_ROWS(rows);
}

/* ---- limits ---- */

/* A request with a piece in its middle repeated so many times. */
static void
check_repeated(
    const char *before, const char *piece, size_t count, const char *after, const char *outcome)
{
    size_t size = strlen(before) + count * strlen(piece) + strlen(after) + 1;
    char *text = malloc(size), *at = text;

    assert_non_null(text);
    at += snprintf(at, size, "%s", before);
    for (size_t i = 0; i < count; i++)
        at += snprintf(at, size - (size_t)(at - text), "%s", piece);
    at += snprintf(at, size - (size_t)(at - text), "%s", after);
    check(text, (size_t)(at - text), (size_t)(at - text), outcome);
    check(text, (size_t)(at - text), 100, outcome);
    free(text);
}

static void
test_limits(void **state)
{
    const char *line_end = " HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    char good[8400];

    (void)state;
    /* "GET /" and " HTTP/1.1" CR LF: 16 bytes of the 8192 */
    memset(good, 0, sizeof(good));
    snprintf(good, sizeof(good), "GET /");
    memset(good + 5, 'a', 8176);
    snprintf(good + 5 + 8176, 12, " close");
    check_repeated("GET /", "a", 8176, line_end, good);
    check_repeated("GET /", "a", 8177, line_end, "414");
    check_repeated("GET /", "a", 9000, "", "414");
    check_repeated(
        "GET / HTTP/1.1\r\n" HOST, "A: b\r\n", 62, "Connection: close\r\n\r\n", "GET / close");
    check_repeated("GET / HTTP/1.1\r\n" HOST, "A: b\r\n", 63, "Connection: close\r\n\r\n", "431");
    check_repeated("GET / HTTP/1.1\r\n" HOST "A: ", "a", 17000, "", "431");
    check_repeated("GET / HTTP/1.1\r\n" HOST,
        "A: 0123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789\r\n",
        60, "", "431");
    check_repeated(POST("Transfer-Encoding: chunked\r\n") "0\r\n", "T: u\r\n", 70, "\r\n", "431");
    check_repeated(POST("Transfer-Encoding: chunked\r\n") "0;", "x", 17000, "\r\n", "431");
    /* A chunk of one byte takes six: the sizes are too many before the content is too much. */
    check_repeated(POST("Transfer-Encoding: chunked\r\n"), "1\r\na\r\n", 70000, "0\r\n\r\n", "431");
}

static void
test_fields(void **state)
{
    const char *text = "GET / HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\nx-one: 2\r\nEmpty:\r\n\r\n";
    const uint8_t *data = (const uint8_t *)text;
    size_t len = strlen(text);
    struct http1_reader *reader = http1_reader_new(NULL);
    struct http1_request request;

    (void)state;
    assert_non_null(reader);
    assert_false(http1_reader_is_inside(reader));
    assert_int_equal(http1_reader_next(reader, &data, &len, &request), HTTP1_REQUEST);
    assert_true(weir_str_equal(http1_reader_field(reader, "x-one"), weir_str_of("1")));
    assert_true(weir_str_equal(http1_reader_field(reader, "host"), weir_str_of("a")));
    assert_non_null(http1_reader_field(reader, "empty").data);
    assert_int_equal(http1_reader_field(reader, "empty").len, 0);
    assert_null(http1_reader_field(reader, "absent").data);
    text = "GET /";
    data = (const uint8_t *)text;
    len = 5;
    assert_int_equal(http1_reader_next(reader, &data, &len, &request), HTTP1_NEED_INPUT);
    assert_true(http1_reader_is_inside(reader));
    assert_null(http1_reader_field(reader, "host").data);
    http1_reader_free(reader);
    http1_reader_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
