/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <stdio.h>

#define START (1000 * WEIR_SECOND)
#define MINUTE (60 * WEIR_SECOND)

static bool
harms(struct server_penalties *penalties, const char *text, int64_t now)
{
    struct net_address address = address_of(text);

    return server_penalty_note(penalties, &address, SERVER_HARMFUL, now);
}

static enum server_verdict
judge(struct server_penalties *penalties, const char *text, int64_t now)
{
    struct net_address address = address_of(text);

    return server_penalty_judge(penalties, &address, now);
}

static size_t
listed(struct server_penalties *penalties, int64_t now, int64_t *out_until)
{
    struct net_origin origins[4];

    return server_penalty_list(penalties, now, origins, 4, out_until);
}

/* Held back from here on. */
static void
go_too_far(struct server_penalties *penalties, const char *text, int64_t now)
{
    for (int i = 0; i < 3; i++)
        assert_false(harms(penalties, text, now));
    assert_true(harms(penalties, text, now));
}

static void
a_few_offences_cost_nothing(void **state)
{
    struct server_penalties penalties;
    int64_t until;

    (void)state;
    server_penalties_init(&penalties);
    for (int64_t now = START; now < START + 10 * MINUTE; now += 10 * WEIR_SECOND) {
        assert_false(harms(&penalties, "192.0.2.1", now));
        assert_int_equal(judge(&penalties, "192.0.2.1", now), SERVER_WELCOME);
    }
    assert_int_equal(listed(&penalties, START + 10 * MINUTE, &until), 0);
    assert_int_equal(until, WEIR_NEVER);
    server_penalties_fini(&penalties);
}

static void
who_goes_on_comes_in_one_by_one(void **state)
{
    struct server_penalties penalties;
    int64_t now = START, until;

    (void)state;
    server_penalties_init(&penalties);
    go_too_far(&penalties, "192.0.2.1", now);
    assert_int_equal(judge(&penalties, "192.0.2.1", now), SERVER_REFUSED);
    assert_int_equal(judge(&penalties, "::ffff:192.0.2.1", now), SERVER_REFUSED);
    assert_int_equal(judge(&penalties, "192.0.2.2", now), SERVER_WELCOME);
    assert_int_equal(listed(&penalties, now, &until), 1);
    assert_int_equal(until, now + WEIR_SECOND);
    assert_int_equal(server_penalty_count(&penalties, now), 1);
    now = until;
    assert_int_equal(listed(&penalties, now, &until), 0);
    assert_int_equal(server_penalty_count(&penalties, now), 1);
    assert_int_equal(judge(&penalties, "192.0.2.1", now), SERVER_HELD_BACK);
    assert_int_equal(judge(&penalties, "192.0.2.1", now), SERVER_REFUSED);
    server_penalties_fini(&penalties);
}

/* How many come in of an address that does nothing but harm, in so long. */
static unsigned
count_admitted(struct server_penalties *penalties, int64_t *now, int64_t length)
{
    unsigned count = 0;

    for (int64_t end = *now + length; *now < end; *now += 20 * WEIR_MILLISECOND) {
        if (judge(penalties, "192.0.2.1", *now) == SERVER_REFUSED)
            continue;
        count++;
        harms(penalties, "192.0.2.1", *now);
    }
    return count;
}

/* At last one in the time that forgives one. */
static void
pauses_grow_and_debts_are_forgiven(void **state)
{
    struct server_penalties penalties;
    int64_t now = START;
    unsigned first, last;

    (void)state;
    server_penalties_init(&penalties);
    first = count_admitted(&penalties, &now, MINUTE);
    assert_in_range(first, 8, 20);
    count_admitted(&penalties, &now, 10 * MINUTE);
    last = count_admitted(&penalties, &now, 10 * MINUTE);
    assert_in_range(last, 55, 65);
    now += 10 * MINUTE;
    assert_int_equal(server_penalty_count(&penalties, now), 0);
    assert_int_equal(judge(&penalties, "192.0.2.1", now), SERVER_WELCOME);
    go_too_far(&penalties, "192.0.2.1", now);
    server_penalties_fini(&penalties);
}

/* Whoever has collected connections, to break the rules on all of them at once. */
static void
a_debt_has_an_end(void **state)
{
    struct server_penalties penalties;

    (void)state;
    server_penalties_init(&penalties);
    for (int i = 0; i < 10000; i++)
        harms(&penalties, "192.0.2.1", START);
    assert_int_equal(judge(&penalties, "192.0.2.1", START + 30 * WEIR_SECOND - 1), SERVER_REFUSED);
    assert_int_equal(judge(&penalties, "192.0.2.1", START + 30 * WEIR_SECOND), SERVER_HELD_BACK);
    assert_int_equal(judge(&penalties, "192.0.2.1", START + 6 * MINUTE), SERVER_WELCOME);
    server_penalties_fini(&penalties);
}

static void
what_was_of_no_use_is_a_small_offence(void **state)
{
    struct net_address address = address_of("192.0.2.1");
    struct server_penalties penalties;
    int count = 0;

    (void)state;
    server_penalties_init(&penalties);
    while (!server_penalty_note(&penalties, &address, SERVER_FUTILE, START))
        count++;
    assert_int_equal(count, 150);
    /* A pause is waited for to its end, though the debt was hardly too large. */
    assert_int_equal(judge(&penalties, "192.0.2.1", START + WEIR_SECOND - 1), SERVER_REFUSED);
    assert_int_equal(judge(&penalties, "192.0.2.1", START + WEIR_SECOND), SERVER_WELCOME);
    server_penalties_fini(&penalties);
}

static void
a_network_of_ipv6_is_one(void **state)
{
    struct server_penalties penalties;
    char text[64];

    (void)state;
    server_penalties_init(&penalties);
    for (unsigned i = 0; i < 4; i++) {
        snprintf(text, sizeof(text), "2001:db8::%u", i + 1);
        harms(&penalties, text, START);
    }
    assert_int_equal(judge(&penalties, "2001:db8::77", START), SERVER_REFUSED);
    assert_int_equal(judge(&penalties, "2001:db8:0:1::1", START), SERVER_WELCOME);
    server_penalties_fini(&penalties);
}

static void
who_is_trusted_owes_nothing(void **state)
{
    struct net_address unix_socket = {.len = sizeof(sa_family_t)};
    struct server_penalties penalties;

    (void)state;
    unix_socket.any.sa_family = AF_UNIX;
    server_penalties_init(&penalties);
    for (int i = 0; i < 100; i++) {
        assert_false(harms(&penalties, "127.1.2.3", START));
        assert_false(harms(&penalties, "::1", START));
        assert_false(server_penalty_note(&penalties, &unix_socket, SERVER_HARMFUL, START));
    }
    assert_int_equal(server_penalties_trust(&penalties, "192.0.2.0/24"), WEIR_OK);
    assert_int_equal(server_penalties_trust(&penalties, "2001:db8::/32"), WEIR_OK);
    assert_int_equal(server_penalties_trust(&penalties, "nonsense"), WEIR_INVALID_ARGUMENT);
    for (int i = 0; i < 100; i++) {
        assert_false(harms(&penalties, "192.0.2.1", START));
        assert_false(harms(&penalties, "2001:db8::1", START));
    }
    go_too_far(&penalties, "127.1.2.3", START);
    server_penalties_fini(&penalties);
}

static void
nobody_need_be_trusted(void **state)
{
    struct server_penalties penalties;

    (void)state;
    server_penalties_init(&penalties);
    assert_int_equal(server_penalties_trust(&penalties, "none"), WEIR_OK);
    go_too_far(&penalties, "127.0.0.1", START);
    assert_int_equal(judge(&penalties, "127.0.0.1", START), SERVER_REFUSED);
    server_penalties_fini(&penalties);
}

/* Twenty thousand that owe a little do not free one that owes much. */
static void
a_crowd_does_not_hide_who_owes_most(void **state)
{
    struct server_penalties penalties;
    char text[32];

    (void)state;
    server_penalties_init(&penalties);
    for (int i = 0; i < 40; i++)
        harms(&penalties, "192.0.2.1", START);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(text, sizeof(text), "10.%u.%u.%u", i / 65536, i / 256 % 256, i % 256);
        harms(&penalties, text, START);
    }
    assert_int_equal(judge(&penalties, "192.0.2.1", START + WEIR_SECOND), SERVER_REFUSED);
    server_penalties_fini(&penalties);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_offences_cost_nothing),
        cmocka_unit_test(who_goes_on_comes_in_one_by_one),
        cmocka_unit_test(pauses_grow_and_debts_are_forgiven),
        cmocka_unit_test(a_debt_has_an_end),
        cmocka_unit_test(what_was_of_no_use_is_a_small_offence),
        cmocka_unit_test(a_network_of_ipv6_is_one),
        cmocka_unit_test(who_is_trusted_owes_nothing),
        cmocka_unit_test(nobody_need_be_trusted),
        cmocka_unit_test(a_crowd_does_not_hide_who_owes_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
