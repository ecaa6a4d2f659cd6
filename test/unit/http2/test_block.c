/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: growth from both ends, references, and the pool that keeps their memory. */
#include "http2/block.h"

#include "hpack_tools.h"

static struct block_pool *
new_pool(void)
{
    struct block_pool *pool = block_pool_new();

    assert_non_null(pool);
    return pool;
}

static struct h2_block *
new_block(struct block_pool *pool, size_t size)
{
    struct block_writer writer;

    assert_true(block_begin(&writer, pool, size));
    return writer.block;
}

static void
test_starts_empty(void **state)
{
    struct block_pool *pool = new_pool();

    (void)state;
    for (int i = 0; i < 2; i++) { /* fresh, then pooled memory */
        struct h2_block *block = new_block(pool, 0);

        assert_int_equal(block->refs, 1);
        assert_int_equal(block->count, 0);
        assert_int_equal(block->list_size, 0);
        assert_null(block->tag);
        assert_false(block->malformed || block->too_large);
        block->tag = pool;
        block->malformed = true;
        h2_block_unref(block);
    }
    block_pool_close(pool);
}

static void
test_memory_is_used_again(void **state)
{
    struct block_pool *pool = new_pool();
    struct h2_block *block = new_block(pool, 600);

    (void)state;
    h2_block_unref(block);
    assert_ptr_equal(new_block(pool, 600), block);
    h2_block_ref(block);
    h2_block_unref(block);
    assert_int_equal(block->refs, 1);
    h2_block_unref(block);
    block_pool_close(pool);
}

/* A burst does not stay in the pool; what is larger than it keeps goes straight back. */
static void
test_pool_is_bounded(void **state)
{
    enum { BURST = 100 };
    struct block_pool *pool = new_pool();
    struct h2_block *blocks[BURST];

    (void)state;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < BURST; i++) {
            blocks[i] = new_block(pool, i * 50);
            memset(blocks[i]->fields, 0xa5, i * 50 > 64 ? i * 50 - 64 : 0);
        }
        for (size_t i = 0; i < BURST; i++)
            h2_block_unref(blocks[i]);
    }
    block_pool_close(pool);
}

static void
test_pool_waits_for_its_blocks(void **state)
{
    struct block_pool *pool = new_pool();
    struct h2_block *small = new_block(pool, 100), *large = new_block(pool, 10000);

    (void)state;
    h2_block_unref(new_block(pool, 100));
    block_pool_close(pool);
    h2_block_unref(small);
    h2_block_unref(large);
    block_pool_close(NULL);
}

static void
push(struct block_writer *writer, const char *name, const char *value)
{
    size_t need = sizeof(struct h2_field) + strlen(value);
    struct h2_field *field;

    assert_true(block_room(writer, need));
    field = writer->next++;
    *field = (struct h2_field){weir_str_of(name), {NULL, strlen(value)}, H2_TOKEN_NONE, H2_INDEX};
    field->value.data = block_put(writer, value, strlen(value));
}

/* Growing moves the strings inside and leaves alone those outside. */
static void
test_growth_moves_strings(void **state)
{
    struct block_pool *pool = new_pool();
    struct block_writer writer;
    char value[24];

    (void)state;
    assert_true(block_begin(&writer, pool, 0));
    for (int i = 0; i < 300; i++) {
        snprintf(value, sizeof(value), "%d", i);
        push(&writer, "outside", i % 5 == 0 ? "" : value);
    }
    for (int i = 0; i < 300; i++) {
        const struct h2_field *field = &writer.block->fields[i];

        snprintf(value, sizeof(value), "%d", i);
        assert_true(weir_str_equal(field->name, STR("outside")));
        assert_true(weir_str_equal(field->value, i % 5 == 0 ? STR("") : weir_str_of(value)));
    }
    assert_true(block_used(&writer) >= 300 * sizeof(struct h2_field));
    assert_int_equal(block_end(&writer)->count, 300);
    block_clear(&writer);
    assert_int_equal(block_end(&writer)->count, 0);
    assert_int_equal(block_used(&writer), sizeof(struct h2_block));
    h2_block_unref(writer.block);
    block_pool_close(pool);
}

static void
test_sizes_that_cannot_be(void **state)
{
    struct block_pool *pool = new_pool();
    struct block_writer writer;

    (void)state;
    assert_true(block_begin(&writer, pool, 0));
    push(&writer, "name", "value");
    assert_false(block_room(&writer, SIZE_MAX));
    assert_false(block_room(&writer, PTRDIFF_MAX));
    assert_true(weir_str_equal(writer.block->fields[0].value, STR("value")));
    h2_block_unref(writer.block);
    block_pool_close(pool);
}

static void
test_find(void **state)
{
    struct block_pool *pool = new_pool();
    struct block_writer writer;

    (void)state;
    assert_true(block_begin(&writer, pool, 0));
    assert_null(h2_block_find(writer.block, H2_TOKEN_TE));
    push(&writer, "a", "1");
    push(&writer, "te", "2");
    push(&writer, "te", "3");
    block_end(&writer);
    writer.block->fields[1].token = writer.block->fields[2].token = H2_TOKEN_TE;
    assert_ptr_equal(h2_block_find(writer.block, H2_TOKEN_TE), &writer.block->fields[1]);
    assert_null(h2_block_find(writer.block, H2_TOKEN_PATH));
    h2_block_unref(writer.block);
    block_pool_close(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_empty),
        cmocka_unit_test(test_memory_is_used_again),
        cmocka_unit_test(test_pool_is_bounded),
        cmocka_unit_test(test_pool_waits_for_its_blocks),
        cmocka_unit_test(test_growth_moves_strings),
        cmocka_unit_test(test_sizes_that_cannot_be),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
