/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/address.c. */

#include "support.h"

static void
endpoints_are_parsed(void **state)
{
    static const struct {
        const char *text, *host, *port;
        bool is_unix;
    } good[] = {
        {"127.0.0.1:50051", "127.0.0.1", "50051", false},
        {"localhost:0", "localhost", "0", false},
        {"a-b.example_c.:65535", "a-b.example_c.", "65535", false},
        {"[::1]:80", "::1", "80", false},
        {"[fe80::1%2]:1", "fe80::1%2", "1", false},
        {"unix:/run/x.sock", "/run/x.sock", "", true},
        {"unix:relative", "relative", "", true},
        {"unix:a:b", "a:b", "", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct net_endpoint endpoint;

        assert_int_equal(net_endpoint_parse(good[i].text, &endpoint), WEIR_OK);
        assert_string_equal(endpoint.host, good[i].host);
        assert_string_equal(endpoint.port, good[i].port);
        assert_int_equal(endpoint.is_unix, good[i].is_unix);
    }
}

static void
what_is_no_endpoint_is_refused(void **state)
{
    static const char *const bad[] = {"", ":", "host", "host:", ":80", "host:http", "host:65536",
        "host:123456", "host:-1", "host:+1", "host: 1", "host:1 ", "host:1x", "ho st:1", "::1:80",
        "[::1]", "[::1]80", "[::1]:", "[]:80", "[::1:80", "::1]:80", "[[::1]]:80", "a/b:80",
        "a@b:80", "h\xc3\xb6st:80", "host\n:80", "unix:", "[::1]x:80"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct net_endpoint endpoint = {.port = "same"};

        assert_int_equal(net_endpoint_parse(bad[i], &endpoint), WEIR_INVALID_ARGUMENT);
        assert_string_equal(endpoint.port, "same");
    }
}

static void
lengths_are_checked(void **state)
{
    struct net_endpoint endpoint;
    char text[400];

    (void)state;
    snprintf(text, sizeof(text), "%0255d:80", 1);
    assert_int_equal(net_endpoint_parse(text, &endpoint), WEIR_OK);
    snprintf(text, sizeof(text), "%0256d:80", 1);
    assert_int_equal(net_endpoint_parse(text, &endpoint), WEIR_INVALID_ARGUMENT);
    snprintf(text, sizeof(text), "unix:%0107d", 1);
    assert_int_equal(net_endpoint_parse(text, &endpoint), WEIR_OK);
    snprintf(text, sizeof(text), "unix:%0108d", 1);
    assert_int_equal(net_endpoint_parse(text, &endpoint), WEIR_INVALID_ARGUMENT);
}

static void
addresses_are_formatted(void **state)
{
    static const struct {
        const char *text, *plain, *with_family;
        bool loopback;
    } cases[] = {
        {"127.0.0.1:80", "127.0.0.1:80", "ipv4:127.0.0.1:80", true},
        {"127.9.8.7:1", "127.9.8.7:1", "ipv4:127.9.8.7:1", true},
        {"10.0.0.1:65535", "10.0.0.1:65535", "ipv4:10.0.0.1:65535", false},
        {"0.0.0.0:80", "0.0.0.0:80", "ipv4:0.0.0.0:80", false},
        {"[::1]:80", "[::1]:80", "ipv6:[::1]:80", true},
        {"[::]:80", "[::]:80", "ipv6:[::]:80", false},
        {"[2001:db8::1]:443", "[2001:db8::1]:443", "ipv6:[2001:db8::1]:443", false},
        {"[::ffff:127.0.0.1]:80", "127.0.0.1:80", "ipv4:127.0.0.1:80", true},
        {"[::ffff:10.1.2.3]:80", "10.1.2.3:80", "ipv4:10.1.2.3:80", false},
        {"unix:/run/x", "unix:/run/x", "unix:/run/x", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct net_address address = address_of(cases[i].text);
        char text[NET_ADDRESS_TEXT];

        net_address_format(&address, false, text);
        assert_string_equal(text, cases[i].plain);
        net_address_format(&address, true, text);
        assert_string_equal(text, cases[i].with_family);
        assert_int_equal(net_address_is_loopback(&address), cases[i].loopback);
    }
}

static void
odd_addresses_are_formatted(void **state)
{
    struct net_address nothing = {0}, unnamed = {.len = sizeof(sa_family_t)}, longest;
    struct net_address abstract = {.len = offsetof(struct sockaddr_un, sun_path) + 3};
    char text[NET_ADDRESS_TEXT], path[120];

    (void)state;
    net_address_format(&nothing, true, text);
    assert_string_equal(text, "unknown");
    assert_false(net_address_is_loopback(&nothing));
    unnamed.any.sa_family = AF_UNIX;
    net_address_format(&unnamed, true, text);
    assert_string_equal(text, "unix:");
    abstract.any.sa_family = AF_UNIX;
    memcpy(abstract.un.sun_path, "\0ab", 3);
    net_address_format(&abstract, true, text);
    assert_string_equal(text, "unix:@ab");
    snprintf(path, sizeof(path), "unix:%0107d", 1);
    longest = address_of(path);
    net_address_format(&longest, true, text);
    assert_string_equal(text, path);
}

static void
names_are_resolved(void **state)
{
    struct net_endpoint endpoint;
    struct net_address addresses[8];
    const char *why = NULL;
    size_t count = 0;

    (void)state;
    assert_int_equal(net_endpoint_parse("localhost:50051", &endpoint), WEIR_OK);
    assert_int_equal(net_resolve(&endpoint, addresses, 8, &count, &why), WEIR_OK);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++)
        assert_true(net_address_is_loopback(&addresses[i]));
}

static void
a_name_that_is_none_says_why(void **state)
{
    struct net_endpoint endpoint;
    struct net_address address;
    const char *why = NULL;
    size_t count = 0;

    (void)state;
    assert_int_equal(net_endpoint_parse("nobody.invalid:1", &endpoint), WEIR_OK);
    assert_int_equal(net_resolve(&endpoint, &address, 1, &count, &why), WEIR_UNAVAILABLE);
    assert_non_null(why);
    assert_int_equal(count, 0);
    assert_int_equal(net_endpoint_parse("127.0.0.1:1", &endpoint), WEIR_OK);
    assert_int_equal(net_resolve(&endpoint, &address, 0, &count, &why), WEIR_UNAVAILABLE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_parsed),
        cmocka_unit_test(what_is_no_endpoint_is_refused),
        cmocka_unit_test(lengths_are_checked),
        cmocka_unit_test(addresses_are_formatted),
        cmocka_unit_test(odd_addresses_are_formatted),
        cmocka_unit_test(names_are_resolved),
        cmocka_unit_test(a_name_that_is_none_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
