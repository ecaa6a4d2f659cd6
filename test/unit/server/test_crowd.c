/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <stdio.h>

static bool
enter(struct server_crowd *crowd, const char *text, unsigned most)
{
    struct net_address address = address_of(text);

    return server_crowd_enter(crowd, &address, most);
}

static void
leave(struct server_crowd *crowd, const char *text)
{
    struct net_address address = address_of(text);

    server_crowd_leave(crowd, &address);
}

static void
test_an_address_has_its_share(void **state)
{
    struct server_crowd crowd;

    (void)state;
    server_crowd_init(&crowd);
    assert_true(enter(&crowd, "192.0.2.1", 2));
    assert_true(enter(&crowd, "192.0.2.1", 2));
    assert_false(enter(&crowd, "192.0.2.1", 2));
    assert_true(enter(&crowd, "192.0.2.2", 2));
    leave(&crowd, "192.0.2.1");
    assert_true(enter(&crowd, "192.0.2.1", 2));
    assert_false(enter(&crowd, "192.0.2.1", 2));
    server_crowd_fini(&crowd);
}

static void
test_one_who_has_a_network_has_one_share(void **state)
{
    struct server_crowd crowd;

    (void)state;
    server_crowd_init(&crowd);
    assert_true(enter(&crowd, "2001:db8:1:2::1", 1));
    assert_false(enter(&crowd, "2001:db8:1:2:ffff::9", 1));
    assert_true(enter(&crowd, "2001:db8:1:3::1", 1));
    /* IPv4 on a socket of IPv6 is IPv4. */
    assert_true(enter(&crowd, "192.0.2.1", 1));
    assert_false(enter(&crowd, "::ffff:192.0.2.1", 1));
    assert_true(enter(&crowd, "::ffff:192.0.2.2", 1));
    server_crowd_fini(&crowd);
}

static void
test_unix_sockets_do_not_count(void **state)
{
    struct net_address address = {.len = sizeof(sa_family_t)};
    struct server_crowd crowd;

    (void)state;
    address.any.sa_family = AF_UNIX;
    server_crowd_init(&crowd);
    for (int i = 0; i < 10; i++)
        assert_true(server_crowd_enter(&crowd, &address, 1));
    for (int i = 0; i < 10; i++)
        server_crowd_leave(&crowd, &address);
    assert_int_equal(crowd.used, 0);
    server_crowd_fini(&crowd);
}

enum { ADDRESSES = 1000, MOST = 3, STEPS = 200000 };

/* Against plain counts, through growth and through places that are closed up. */
static void
test_counts_are_right_whatever_the_order(void **state)
{
    static unsigned counts[ADDRESSES];
    struct server_crowd crowd;
    uint32_t random = 1;
    size_t used = 0;

    (void)state;
    server_crowd_init(&crowd);
    for (int step = 0; step < STEPS; step++) {
        unsigned which = (random = random * 1664525u + 1013904223u) >> 8;
        unsigned at = which % ADDRESSES;
        char text[32];

        snprintf(text, sizeof(text), "10.0.%u.%u", at / 256, at % 256);
        if ((random >> 30) != 0 || counts[at] == 0) {
            assert_int_equal(enter(&crowd, text, MOST), counts[at] < MOST);
            used += counts[at] == 0;
            counts[at] += counts[at] < MOST;
        } else {
            leave(&crowd, text);
            used -= --counts[at] == 0;
        }
        assert_int_equal(crowd.used, used);
    }
    server_crowd_fini(&crowd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_has_its_share),
        cmocka_unit_test(test_one_who_has_a_network_has_one_share),
        cmocka_unit_test(test_unix_sockets_do_not_count),
        cmocka_unit_test(test_counts_are_right_whatever_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
