/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/address.c. */
#include "folder.h"
#include "userd/address.h"
#include <string.h>

static void
tells_addresses_from_other_text(void **state)
{
    static const char *const good[] = {"127.0.0.1:50051", "0.0.0.0:0", "[::1]:65535", "[::]:80",
        "localhost:1", "host.example:80", "unix:/run/x", "unix:x"};
    static const char *const bad[] = {"", ":", "host", "host:", ":80", "host:http", "host:65536",
        "host:-1", "host: 80", "::1:80", "[::1]", "[]:80", "[::1:80", "unix:", "host:000080",
        "http://host:80"};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(address_valid(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(address_valid(bad[i]));
}

static void
a_long_host_is_no_address(void **state)
{
    char text[400];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + sizeof(text) - 4, ":80", 4);
    assert_false(address_valid(text));
}

static void
knows_what_others_can_reach(void **state)
{
    static const char *const local[] = {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1",
        "unix:/run/x", "[::ffff:127.0.0.1]:1"};
    static const char *const others[] = {"0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1",
        "128.0.0.1:1", "[::ffff:192.0.2.1]:1", "0:1"};

    (void)state;
    for (size_t i = 0; i < COUNT(local); i++)
        assert_true(address_is_local(local[i]));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(address_is_local(others[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_addresses_from_other_text),
        cmocka_unit_test(a_long_host_is_no_address),
        cmocka_unit_test(knows_what_others_can_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
