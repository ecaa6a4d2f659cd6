/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/origin.c. */

#include "support.h"

static bool
are_one(const char *text, const char *other)
{
    struct net_origin one = origin_of(text), two = origin_of(other);

    return memcmp(&one, &two, sizeof(one)) == 0;
}

static void
an_origin_is_an_address_or_a_network(void **state)
{
    struct net_address unix_socket = address_of("unix:/tmp/x");
    struct net_origin origin;

    (void)state;
    assert_true(are_one("192.0.2.1:1", "192.0.2.1:2"));
    assert_true(are_one("192.0.2.1:1", "[::ffff:192.0.2.1]:1"));
    assert_false(are_one("192.0.2.1:1", "192.0.2.2:1"));
    assert_true(are_one("[2001:db8::1]:1", "[2001:db8::ffff:0:0:1]:2"));
    assert_false(are_one("[2001:db8::1]:1", "[2001:db8:0:1::1]:1"));
    origin = origin_of("192.0.2.1:1");
    assert_true(net_origin_is_v4(&origin));
    origin = origin_of("[2001:db8::1]:1");
    assert_false(net_origin_is_v4(&origin));
    assert_false(net_address_origin(&unix_socket, &origin));
}

static bool
has(const char *network, const char *text)
{
    struct net_address address = address_of(text);
    struct net_network parsed;

    assert_int_equal(net_network_parse(network, &parsed), WEIR_OK);
    return net_network_has(&parsed, &address);
}

static void
a_network_has_addresses(void **state)
{
    (void)state;
    assert_true(has("192.0.2.1", "192.0.2.1:1"));
    assert_false(has("192.0.2.1", "192.0.2.0:1"));
    assert_true(has("192.0.2.0/24", "192.0.2.255:1"));
    assert_true(has("192.0.2.0/24", "[::ffff:192.0.2.7]:1"));
    assert_false(has("192.0.2.0/24", "192.0.3.0:1"));
    assert_true(has("192.0.2.0/23", "192.0.3.0:1"));
    assert_true(has("192.0.2.77/25", "192.0.2.1:1"));
    assert_false(has("192.0.2.77/25", "192.0.2.128:1"));
    assert_true(has("0.0.0.0/0", "255.1.2.3:1"));
    assert_false(has("0.0.0.0/0", "[2001:db8::1]:1"));
    assert_true(has("::/0", "[2001:db8::1]:1"));
    assert_true(has("::1", "[::1]:1"));
    assert_false(has("::1", "[::2]:1"));
    assert_true(has("2001:db8::/33", "[2001:db8:7fff::1]:1"));
    assert_false(has("2001:db8::/33", "[2001:db8:8000::1]:1"));
    assert_false(has("::/0", "unix:/tmp/x"));
}

static void
what_is_no_network_is_refused(void **state)
{
    static const char *const wrong[] = {"", "/", "/8", "x", "192.0.2.0/", "192.0.2.0/33",
        "192.0.2/24", "192.0.2.0/-1", "192.0.2.0/+8", "192.0.2.0/ 8", "192.0.2.0/8x",
        "192.0.2.0/8/8", "::ffff:192.0.2.0/24", "2001:db8::/129", "[2001:db8::]/32", "192.0.2.1:80",
        "localhost", "192.0.2.0/99999999999999999999",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"};
    struct net_network network = {.bits = 77};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(net_network_parse(wrong[i], &network), WEIR_INVALID_ARGUMENT);
    assert_int_equal(network.bits, 77);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_an_address_or_a_network),
        cmocka_unit_test(a_network_has_addresses),
        cmocka_unit_test(what_is_no_network_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
