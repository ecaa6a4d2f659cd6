/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of Redis, good and bad. */
#include "folder.h"
#include "userd/redis_url.h"
#include <string.h>

static void
good_urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        struct redis_url url;
    } cases[] = {
        {"redis://localhost", {"localhost", 6379, 0, "", ""}},
        {"redis://127.0.0.1:7000/", {"127.0.0.1", 7000, 0, "", ""}},
        {"redis://[::1]:7000/15", {"::1", 7000, 15, "", ""}},
        {"redis://[::1]", {"::1", 6379, 0, "", ""}},
        {"redis://:secret@cache/2", {"cache", 6379, 2, "", "secret"}},
        {"redis://user:p%40ss%2Fword@cache:1", {"cache", 1, 0, "user", "p@ss/word"}},
        {"redis://user:p@ss@cache", {"cache", 6379, 0, "user", "p@ss"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct redis_url url;

        assert_true(redis_url_parse(cases[i].text, &url));
        assert_string_equal(url.host, cases[i].url.host);
        assert_int_equal(url.port, cases[i].url.port);
        assert_int_equal(url.database, cases[i].url.database);
        assert_string_equal(url.user, cases[i].url.user);
        assert_string_equal(url.password, cases[i].url.password);
    }
}

static void
bad_urls_are_refused(void **state)
{
    static const char *const texts[] = {"", "redis:", "redis://", "rediss://host", "http://host",
        "redis://host:0", "redis://host:65536", "redis://host:", "redis://host:7x",
        "redis://host:-1", "redis://host/x", "redis://host/-1", "redis://host/1/2",
        "redis://host?db=1", "redis://host#1", "redis://[::1", "redis://[::1]x", "redis://:6379",
        "redis://user@host", "redis://user:@host", "redis://:%@host", "redis://:%0@host",
        "redis://:%zz@host", "redis://:%00@host", "redis://host:99999999999"};
    char text[600] = "redis://";
    struct redis_url url;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (redis_url_parse(texts[i], &url))
            fail_msg("%s", texts[i]);
    }
    memset(text + 8, 'a', 500); /* longer than any host */
    assert_false(redis_url_parse(text, &url));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_are_taken_apart),
        cmocka_unit_test(bad_urls_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
