/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: alignment, growth, reset, copies and formatted text. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool
aligned(const void *p)
{
    return (uintptr_t)p % _Alignof(max_align_t) == 0;
}

static void
test_uses_the_owners_block_first(void **state)
{
    _Alignas(max_align_t) char first[256];
    struct arena arena;
    char *piece;

    (void)state;
    arena_init(&arena, first, sizeof(first));
    piece = arena_alloc(&arena, 10);
    assert_ptr_equal(piece, first);
    assert_ptr_equal(arena_alloc(&arena, 1), first + ARENA_ALIGN(10));
    assert_null(arena.blocks);
    arena_fini(&arena);
}

static void
test_aligns_a_crooked_block(void **state)
{
    char first[300];
    struct arena arena;

    (void)state;
    for (size_t skew = 0; skew < 17; skew++) {
        arena_init(&arena, first + skew, 200);
        assert_true(aligned(arena_alloc(&arena, 8)));
        assert_null(arena.blocks);
        arena_fini(&arena);
    }
}

static void
test_a_tiny_block_is_passed_over(void **state)
{
    _Alignas(max_align_t) char first[32];
    struct arena arena;
    char *piece;

    (void)state;
    arena_init(&arena, first + 1, 3);
    piece = arena_alloc(&arena, 1);
    assert_non_null(piece);
    assert_true(piece < first || piece >= first + sizeof(first));
    arena_fini(&arena);
}

static void
test_pieces_do_not_overlap(void **state)
{
    _Alignas(max_align_t) char first[64];
    struct arena arena;
    unsigned char *pieces[200];

    (void)state;
    arena_init(&arena, first, sizeof(first));
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_true(aligned(pieces[i]));
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_equal(pieces[i][j], i);
    }
    arena_fini(&arena);
}

static void
test_works_without_a_first_block(void **state)
{
    struct arena arena;
    char *big;

    (void)state;
    arena_init(&arena, NULL, 0);
    assert_non_null(arena_alloc(&arena, 0));
    big = arena_alloc(&arena, 100000);
    assert_non_null(big);
    memset(big, 7, 100000);
    arena_fini(&arena);
}

static void
test_reset_keeps_only_the_first_block(void **state)
{
    _Alignas(max_align_t) char first[64];
    struct arena arena;

    (void)state;
    arena_init(&arena, first, sizeof(first));
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&arena, 100));
    arena_reset(&arena);
    assert_null(arena.blocks);
    assert_ptr_equal(arena_alloc(&arena, 64), first);
    arena_fini(&arena);
}

static void
test_refuses_sizes_that_cannot_be(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 20));
    assert_null(arena_alloc(&arena, PTRDIFF_MAX));
    assert_null(arena_zalloc(&arena, SIZE_MAX));
    assert_null(arena_dup(&arena, (weir_str){"x", SIZE_MAX}));
    assert_non_null(arena_alloc(&arena, 16));
    arena_fini(&arena);
}

static void
test_zalloc_zeroes_used_memory(void **state)
{
    _Alignas(max_align_t) char first[64];
    struct arena arena;
    const char *piece;

    (void)state;
    memset(first, 0xff, sizeof(first));
    arena_init(&arena, first, sizeof(first));
    piece = arena_zalloc(&arena, 48);
    for (int i = 0; i < 48; i++)
        assert_int_equal(piece[i], 0);
    arena_fini(&arena);
}

static void
test_dup_ends_with_nul(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0);
    assert_string_equal(arena_dup(&arena, (weir_str){"hello, world", 5}), "hello");
    assert_string_equal(arena_dup(&arena, (weir_str){NULL, 0}), "");
    arena_fini(&arena);
}

static WEIR_PRINTF(2, 3) char *print(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

static void
test_printf(void **state)
{
    struct arena arena;
    char *text;

    (void)state;
    arena_init(&arena, NULL, 0);
    assert_string_equal(print(&arena, "%d of %s", 3, "four"), "3 of four");
    text = print(&arena, "%5000d|", 1);
    assert_int_equal(strlen(text), 5001);
    assert_string_equal(text + 4999, "1|");
    arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uses_the_owners_block_first),
        cmocka_unit_test(test_aligns_a_crooked_block),
        cmocka_unit_test(test_a_tiny_block_is_passed_over),
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_works_without_a_first_block),
        cmocka_unit_test(test_reset_keeps_only_the_first_block),
        cmocka_unit_test(test_refuses_sizes_that_cannot_be),
        cmocka_unit_test(test_zalloc_zeroes_used_memory),
        cmocka_unit_test(test_dup_ends_with_nul),
        cmocka_unit_test(test_printf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
