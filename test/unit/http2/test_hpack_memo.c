/* SPDX-License-Identifier: Apache-2.0 */
/* The memo: same bytes give the same block while the table stands, and never the wrong one. */
#include "http2/hpack_memo.h"

#include "hpack_tools.h"

static struct hpack_decoder *
new_decoder(void)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 16384);

    assert_non_null(decoder);
    return decoder;
}

/* Decode a block once, so that it is worth remembering when it comes again. */
static void
hear(struct hpack_decoder *decoder, const char *hex)
{
    h2_block_unref(decode_ok(decoder, hex));
}

/* Whether two decodings of the same bytes gave one block, after a first one. */
static bool
is_remembered(struct hpack_decoder *decoder, const char *hex)
{
    struct h2_block *first, *again;
    bool same;

    hear(decoder, hex);
    first = decode_ok(decoder, hex);
    again = decode_ok(decoder, hex);
    same = first == again;
    h2_block_unref(first);
    h2_block_unref(again);
    return same;
}

static void
test_same_bytes_same_block(void **state)
{
    struct hpack_decoder *decoder = new_decoder();
    struct h2_block *first, *again, *other;

    (void)state;
    hear(decoder, "828684");
    first = decode_ok(decoder, "828684");
    again = decode_ok(decoder, "828684");
    other = decode_ok(decoder, "838684");
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
    assert_string_equal(block_text(again), ":method: GET\n:scheme: http\n:path: /\n");
    assert_string_equal(block_text(other), ":method: POST\n:scheme: http\n:path: /\n");
    h2_block_unref(first);
    h2_block_unref(again);
    h2_block_unref(other);
    hpack_decoder_free(decoder);
}

/* What comes once only is not worth a place. */
static void
test_the_first_time_does_not_count(void **state)
{
    struct hpack_decoder *decoder = new_decoder();
    struct h2_block *first = decode_ok(decoder, "828684"), *second = decode_ok(decoder, "828684");

    (void)state;
    assert_ptr_not_equal(first, second);
    assert_int_equal(first->refs, 1);
    assert_int_equal(second->refs, 2);
    h2_block_unref(first);
    h2_block_unref(second);
    hpack_decoder_free(decoder);
}

static void
test_literals_are_remembered(void **state)
{
    struct hpack_decoder *decoder = new_decoder();

    (void)state;
    assert_true(is_remembered(decoder, "82 000161 0131"));
    assert_true(is_remembered(decoder, "82 100161 0131"));
    hpack_decoder_free(decoder);
}

static void
test_blocks_that_change_the_table_are_not(void **state)
{
    struct hpack_decoder *decoder = new_decoder();

    (void)state;
    assert_false(is_remembered(decoder, "82 400161 0131"));
    assert_false(is_remembered(decoder, "3fe11f 82"));
    assert_true(is_remembered(decoder, "82 be"));
    hpack_decoder_free(decoder);
}

/* An entry too large for the table empties it, which is a change as well. */
static void
test_an_entry_too_large_is_a_change(void **state)
{
    struct hpack_decoder *decoder = hpack_decoder_new(40, 16384);
    struct h2_block *block;

    (void)state;
    assert_non_null(decoder);
    expect_fields(decoder, "400161 0131", "a: 1\n");
    expect_fields(decoder, "be", "a: 1\n");
    expect_fields(decoder, "400162 0a 30313233343536373839", "b: 0123456789\n");
    assert_int_equal(decode_hex(decoder, "be", &block), HPACK_BROKEN);
    hpack_decoder_free(decoder);
}

/* The same bytes mean something else once the table has changed. */
static void
test_forgets_when_the_table_changes(void **state)
{
    struct hpack_decoder *decoder = new_decoder();
    struct h2_block *old;

    (void)state;
    expect_fields(decoder, "400161 0131", "a: 1\n");
    old = decode_ok(decoder, "be");
    expect_fields(decoder, "400162 0132", "b: 2\n");
    expect_fields(decoder, "be", "b: 2\n");
    assert_string_equal(block_text(old), "a: 1\n");
    h2_block_unref(old);
    hpack_decoder_free(decoder);
}

static void
test_forgets_when_an_update_evicts(void **state)
{
    struct hpack_decoder *decoder = new_decoder();
    struct h2_block *block;

    (void)state;
    expect_fields(decoder, "400161 0131", "a: 1\n");
    expect_fields(decoder, "be", "a: 1\n");
    expect_fields(decoder, "20", "");
    assert_int_equal(decode_hex(decoder, "be", &block), HPACK_BROKEN);
    hpack_decoder_free(decoder);
}

static void
test_a_block_over_the_limit_is_not_remembered(void **state)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 50);

    (void)state;
    assert_non_null(decoder);
    assert_false(is_remembered(decoder, "828684"));
    assert_true(is_remembered(decoder, "82"));
    hpack_decoder_free(decoder);
}

static void
test_tag_is_remembered(void **state)
{
    struct hpack_decoder *decoder = new_decoder();
    struct h2_block *block;
    int mine;

    (void)state;
    hear(decoder, "828684");
    block = decode_ok(decoder, "828684");
    assert_null(block->tag);
    block->tag = &mine;
    h2_block_unref(block);
    block = decode_ok(decoder, "828684");
    assert_ptr_equal(block->tag, &mine);
    h2_block_unref(block);
    expect_fields(decoder, "400161 0131", "a: 1\n");
    block = decode_ok(decoder, "828684");
    assert_null(block->tag);
    h2_block_unref(block);
    hpack_decoder_free(decoder);
}

static void
test_malformed_is_remembered(void **state)
{
    struct hpack_decoder *decoder = new_decoder();

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct h2_block *block = decode_ok(decoder, "000141 0131");

        assert_true(block->malformed);
        h2_block_unref(block);
    }
    hpack_decoder_free(decoder);
}

/* A block that comes again and again stays among many that take a place and come no more. */
static void
test_a_frequent_block_stays(void **state)
{
    struct hpack_decoder *decoder = new_decoder();
    struct h2_block *frequent;

    (void)state;
    hear(decoder, "828684");
    frequent = decode_ok(decoder, "828684");
    for (int i = 0; i < 500; i++) {
        char hex[32];
        struct h2_block *block;

        snprintf(hex, sizeof(hex), "82 000161 02%02x%02x", '0' + i % 10, 'a' + i / 10 % 26);
        hear(decoder, hex);
        hear(decoder, hex); /* now it takes a place */
        block = decode_ok(decoder, "828684");
        assert_ptr_equal(block, frequent);
        h2_block_unref(block);
    }
    h2_block_unref(frequent);
    hpack_decoder_free(decoder);
}

/* Keys of every length that differ in one byte only, wherever that is, are told apart. */
static void
test_one_byte_is_enough(void **state)
{
    struct hpack_decoder *decoder = new_decoder();

    (void)state;
    for (size_t len = 1; len <= HPACK_MEMO_LONGEST; len += len < 40 ? 1 : 59) {
        struct hpack_memo memo = {0};
        uint8_t key[HPACK_MEMO_LONGEST], other[HPACK_MEMO_LONGEST];
        struct h2_block *block = decode_ok(decoder, "20");

        memset(key, 'k', len);
        hpack_memo_put(&memo, block, key, len);
        assert_ptr_equal(hpack_memo_lookup(&memo, key, len), block);
        for (size_t i = 0; i < len; i++) {
            memcpy(other, key, len);
            other[i] ^= 1;
            assert_null(hpack_memo_lookup(&memo, other, len));
        }
        assert_null(hpack_memo_lookup(&memo, key, len - 1));
        h2_block_unref(block);
        hpack_memo_clear(&memo);
        assert_null(hpack_memo_lookup(&memo, key, len));
    }
    hpack_decoder_free(decoder);
}

/* Eight at a time; each holds one reference and gives it back when it has to go. */
static void
test_references(void **state)
{
    struct hpack_decoder *decoder = new_decoder();
    struct hpack_memo memo = {0};
    struct h2_block *blocks[20];
    uint8_t keys[20];
    unsigned held = 0;

    (void)state;
    for (uint8_t i = 0; i < 20; i++) {
        keys[i] = i;
        blocks[i] = decode_ok(decoder, "20");
        hpack_memo_put(&memo, blocks[i], &keys[i], 1);
        assert_int_equal(blocks[i]->refs, 2);
    }
    for (int i = 0; i < 20; i++)
        held += blocks[i]->refs - 1;
    assert_int_equal(held, HPACK_MEMO_SLOTS);
    hpack_memo_clear(&memo);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(blocks[i]->refs, 1);
        h2_block_unref(blocks[i]);
    }
    hpack_decoder_free(decoder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes_same_block),
        cmocka_unit_test(test_the_first_time_does_not_count),
        cmocka_unit_test(test_literals_are_remembered),
        cmocka_unit_test(test_blocks_that_change_the_table_are_not),
        cmocka_unit_test(test_an_entry_too_large_is_a_change),
        cmocka_unit_test(test_forgets_when_the_table_changes),
        cmocka_unit_test(test_forgets_when_an_update_evicts),
        cmocka_unit_test(test_a_block_over_the_limit_is_not_remembered),
        cmocka_unit_test(test_tag_is_remembered),
        cmocka_unit_test(test_malformed_is_remembered),
        cmocka_unit_test(test_a_frequent_block_stays),
        cmocka_unit_test(test_one_byte_is_enough),
        cmocka_unit_test(test_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
