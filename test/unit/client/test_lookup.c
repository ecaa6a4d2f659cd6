/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are kept of a name that has too many. */
/* Threads: none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "client/lookup.h"
#include <arpa/inet.h>

enum { COUNT = 300, MAX = 100 };

static void
make_addresses(struct net_address addresses[COUNT])
{
    for (uint32_t i = 0; i < COUNT; i++) {
        struct sockaddr_in address = {
            .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x0a000000 + i)};

        addresses[i] = (struct net_address){.len = sizeof(address)};
        memcpy(&addresses[i].storage, &address, sizeof(address));
    }
}

static uint32_t
number_of(const struct net_address *address)
{
    struct sockaddr_in in;

    memcpy(&in, &address->storage, sizeof(in));
    return ntohl(in.sin_addr.s_addr) - 0x0a000000;
}

/* Which of the first `count` addresses are kept. */
static size_t
choose(uint64_t seed, size_t count, bool out_kept[COUNT])
{
    struct net_address addresses[COUNT];
    size_t kept;

    make_addresses(addresses);
    memset(out_kept, 0, COUNT * sizeof(*out_kept));
    kept = lookup_choose(addresses, count, MAX, seed);
    for (size_t i = 0; i < kept; i++) {
        if (i > 0)
            assert_true(number_of(&addresses[i]) > number_of(&addresses[i - 1]));
        out_kept[number_of(&addresses[i])] = true;
    }
    return kept;
}

static size_t
count_common(const bool a[COUNT], const bool b[COUNT])
{
    size_t count = 0;

    for (size_t i = 0; i < COUNT; i++)
        count += a[i] && b[i];
    return count;
}

static void
what_is_not_too_much_is_kept_whole(void **state)
{
    bool kept[COUNT];

    (void)state;
    assert_int_equal(choose(1, 0, kept), 0);
    assert_int_equal(choose(1, MAX, kept), MAX);
}

static void
of_too_many_some_are_kept_in_their_order(void **state)
{
    bool kept[COUNT], again[COUNT];

    (void)state;
    assert_int_equal(choose(1, COUNT, kept), MAX);
    assert_int_equal(choose(1, COUNT, again), MAX);
    assert_int_equal(count_common(kept, again), MAX);
}

/* A hundred seeds keep each of 300 addresses 33 times, give or take; one that is never kept would
 * be one in 10^17. */
static void
each_is_kept_by_some(void **state)
{
    size_t times[COUNT] = {0};
    bool kept[COUNT];

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        assert_int_equal(choose(seed, COUNT, kept), MAX);
        for (size_t i = 0; i < COUNT; i++)
            times[i] += kept[i];
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_in_range(times[i], 5, 70);
}

static void
a_newcomer_moves_one_at_most(void **state)
{
    bool before[COUNT], after[COUNT];

    (void)state;
    for (size_t count = MAX; count < COUNT; count++) {
        assert_int_equal(choose(7, count, before), MAX);
        assert_int_equal(choose(7, count + 1, after), MAX);
        assert_in_range(count_common(before, after), MAX - 1, MAX);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_too_much_is_kept_whole),
        cmocka_unit_test(of_too_many_some_are_kept_in_their_order),
        cmocka_unit_test(each_is_kept_by_some),
        cmocka_unit_test(a_newcomer_moves_one_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
