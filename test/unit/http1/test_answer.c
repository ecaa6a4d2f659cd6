/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, byte by byte. */
#include "http1/http1.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void
assert_answer(const struct http1_answer *answer, const char *expected)
{
    struct buf out = BUF_EMPTY;

    assert_true(http1_answer_write(&out, answer));
    assert_true(buf_append(&out, "", 1));
    assert_string_equal((const char *)buf_head(&out), expected);
    buf_fini(&out);
}

static void
test_whole(void **state)
{
    struct http1_answer answer = {
        .status = 200, .type = "text/plain", .body = weir_str_of("yes\n"), .now = 784111777};

    (void)state;
    assert_answer(&answer,
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
        "Content-Length: 4\r\nCache-Control: no-store\r\n\r\nyes\n");
    answer.head = answer.close = true;
    assert_answer(&answer,
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
        "Content-Length: 4\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n");
}

static void
test_without_content(void **state)
{
    struct http1_answer answer = {.status = 405, .allow = true};

    (void)state;
    assert_answer(&answer,
        "HTTP/1.1 405 Method Not Allowed\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        "Content-Length: 0\r\nAllow: GET, HEAD\r\nCache-Control: no-store\r\n\r\n");
    answer = (struct http1_answer){
        .status = 204, .type = "text/plain", .body = weir_str_of("none"), .now = -5};
    assert_answer(&answer, "HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                           "Cache-Control: no-store\r\n\r\n");
    answer = (struct http1_answer){.status = 299};
    assert_answer(&answer,
        "HTTP/1.1 299 \r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n"
        "Cache-Control: no-store\r\n\r\n");
}

/* Every third day of some centuries, as the C library writes it. */
static void
test_dates(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 200000; day += 3) {
        struct http1_answer answer = {.status = 200, .now = day * 86400 + day % 86400};
        time_t now = (time_t)answer.now;
        struct buf out = BUF_EMPTY;
        char date[64];
        struct tm utc;

        gmtime_r(&now, &utc);
        strftime(date, sizeof(date), "\r\nDate: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
        assert_true(http1_answer_write(&out, &answer) && buf_append(&out, "", 1));
        if (strstr((const char *)buf_head(&out), date) == NULL)
            fail_msg("no %s in %s", date, (const char *)buf_head(&out));
        buf_fini(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_without_content),
        cmocka_unit_test(test_dates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
