/* SPDX-License-Identifier: Apache-2.0 */
/* The map and its hash. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void
test_empty(void **state)
{
    struct map map;

    (void)state;
    map_init(&map, 1);
    assert_null(map_lookup(&map, weir_str_of("absent")));
    map_fini(&map);
}

static void
test_put_and_lookup(void **state)
{
    struct map map;
    int one = 1, two = 2;

    (void)state;
    map_init(&map, 42);
    assert_true(map_put(&map, weir_str_of("one"), &one));
    assert_true(map_put(&map, weir_str_of("two"), &two));
    assert_true(map_put(&map, weir_str_of(""), &map));
    assert_ptr_equal(map_lookup(&map, weir_str_of("one")), &one);
    assert_ptr_equal(map_lookup(&map, (weir_str){"twofold", 3}), &two);
    assert_ptr_equal(map_lookup(&map, (weir_str){NULL, 0}), &map);
    assert_null(map_lookup(&map, weir_str_of("three")));
    map_fini(&map);
}

static void
test_a_taken_key_stays(void **state)
{
    struct map map;
    int one = 1, other = 2;

    (void)state;
    map_init(&map, 0);
    assert_true(map_put(&map, weir_str_of("key"), &one));
    assert_false(map_put(&map, weir_str_of("key"), &other));
    assert_ptr_equal(map_lookup(&map, weir_str_of("key")), &one);
    assert_int_equal(map.count, 1);
    map_fini(&map);
}

static void
test_many(void **state)
{
    enum { MANY = 5000 };
    static char keys[MANY][16];
    struct map map;

    (void)state;
    map_init(&map, 99);
    for (int i = 0; i < MANY; i++) {
        snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
        assert_true(map_put(&map, weir_str_of(keys[i]), keys[i]));
    }
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(map_lookup(&map, weir_str_of(keys[i])), keys[i]);
    assert_null(map_lookup(&map, weir_str_of("key-5000")));
    map_fini(&map);
}

/* Every byte, every length and the seed make a difference. */
static void
test_hash_depends_on_everything(void **state)
{
    uint8_t bytes[33] = {0};
    uint64_t seen[34 + 33];
    size_t count = 0;

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++)
        seen[count++] = hash_bytes(7, bytes, len);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = 1;
        seen[count++] = hash_bytes(7, bytes, sizeof(bytes));
        bytes[i] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    }
    assert_int_not_equal(hash_bytes(1, "path", 4), hash_bytes(2, "path", 4));
    assert_int_equal(hash_bytes(1, "path", 4), hash_bytes(1, "path", 4));
}

/* One bit of input flips about half of the output's bits. */
static void
test_hash_spreads(void **state)
{
    int flips = 0;

    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        uint64_t word = 0, flipped = UINT64_C(1) << bit;
        uint64_t difference = hash_bytes(5, &word, 8) ^ hash_bytes(5, &flipped, 8);

        flips += __builtin_popcountll(difference);
    }
    assert_in_range(flips, 64 * 28, 64 * 36);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_put_and_lookup),
        cmocka_unit_test(test_a_taken_key_stays),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_hash_depends_on_everything),
        cmocka_unit_test(test_hash_spreads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
