/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/accounts.c. */
#include "folder.h"
#include "userd/accounts.h"

static void
passwords_are_judged(void **state)
{
    char longest[PASSWORD_MAX + 2];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[PASSWORD_MAX + 1] = '\0';
    assert_string_equal(accounts_judge_password(longest), "password is longer than 1024 bytes");
    longest[PASSWORD_MAX] = '\0';
    assert_null(accounts_judge_password(longest));
    assert_null(accounts_judge_password("12345678"));
    assert_null(accounts_judge_password("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f"));
    assert_string_equal(accounts_judge_password("1234567"), "password is shorter than 8 bytes");
    assert_string_equal(accounts_judge_password("1234567\xff"), "password is not valid UTF-8");
}

static void
addresses_have_no_port(void **state)
{
    static const struct {
        const char *peer, *address;
    } cases[] = {
        {"ipv4:127.0.0.1:41234", "ipv4:127.0.0.1"},
        {"ipv6:[::1]:41234", "ipv6:0000000000000000"},
        {"ipv6:[2001:db8:1:2:3:4:5:6]:1", "ipv6:20010db800010002"},
        {"ipv6:[2001:db8:1:2:ffff::9]:2", "ipv6:20010db800010002"},
        {"ipv6:[fe80::1%eth0]:2", "ipv6:fe80000000000000"},
        {"unix:", "unix"},
        {"", ""},
    };
    char address[ACCOUNTS_ADDRESS];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        accounts_address(cases[i].peer, address);
        assert_string_equal(address, cases[i].address);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_are_judged),
        cmocka_unit_test(addresses_have_no_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
