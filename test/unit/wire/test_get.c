/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of messages in paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

static const struct {
    weir_str message;
    const char *path;
} rows[] = {
    {{"", 0}, "/a.B/C?"},
    {{"f", 1}, "/a.B/C?Zg"},
    {{"foob", 4}, "/a.B/C?Zm9vYg"},
    {{"\xfb\xff\xbf\0", 4}, "/a.B/C?-_-_AA"},
};

static void
test_there_and_back(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_str path = wire_get_pack(&arena, weir_str_of("/a.B/C"), rows[i].message);
        weir_str query = {path.data + 7, path.len - 7}, message = {NULL, 77};

        assert_true(weir_str_equal(path, weir_str_of(rows[i].path)));
        assert_int_equal(wire_get_unpack(&arena, query, &message), WEIR_OK);
        assert_true(weir_str_equal(message, rows[i].message));
    }
    arena_fini(&arena);
}

/* Of either alphabet, with padding or without; nothing else. */
static void
test_what_is_taken(void **state)
{
    static const char *const bad[] = {"Z", "Zg=", "Z$", "a=b", "CgFh?x", "Zg%3D%3D"};
    weir_str message;
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0);
    assert_int_equal(wire_get_unpack(&arena, weir_str_of("+/+/AA=="), &message), WEIR_OK);
    assert_true(weir_str_equal(message, rows[3].message));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            wire_get_unpack(&arena, weir_str_of(bad[i]), &message), WEIR_INVALID_ARGUMENT);
    arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
