/* SPDX-License-Identifier: Apache-2.0 */
/* HPACK when memory runs out: nothing leaks, and the encoder stays in step with its peer. */
#include "../failing.h"

#include "hpack_tools.h"

/* Blocks that make everything of a decoder grow: ring, text, block, Huffman text, memo. */
static const char *const blocks[] = {
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "400161 0131 400162 0132 400163 0133 400164 0134 400165 0135",
    "400166 0136 400167 0137 400168 0138 400169 0139 40016a 0130",
    "bebfc0c1c2c3c4c5c6c7 bebfc0c1c2c3c4c5c6c7 bebfc0c1c2c3c4c5c6c7",
    "be",
    "be",
    "3f21 be",
    "3fe11f 7e 03 616263",
};

static bool
decode_one(struct hpack_decoder *decoder, const char *hex)
{
    long left = allocations_left;
    struct h2_block *block = NULL;
    size_t len;
    uint8_t *bytes;
    enum hpack_result result;

    allocations_left = -1;
    bytes = unhex(hex, &len);
    allocations_left = left;
    result = hpack_decode(decoder, bytes, len, &block);
    assert_true(result == HPACK_OK || result == HPACK_NO_MEMORY);
    assert_true((block != NULL) == (result == HPACK_OK));
    h2_block_unref(block);
    free(bytes);
    return result == HPACK_OK;
}

static void
use_decoder(void)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 16384);
    size_t i = 0;

    if (decoder == NULL)
        return;
    while (i < sizeof(blocks) / sizeof(blocks[0]) && decode_one(decoder, blocks[i]))
        i++;
    hpack_decoder_free(decoder);
}

static void
use_large_text(void)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 16384);
    uint8_t bytes[6 + 3000] = "\x00\x01k\xff\xb9\x16"; /* 3000 bytes of Huffman code */
    struct h2_block *block = NULL;

    if (decoder == NULL)
        return;
    if (hpack_decode(decoder, bytes, sizeof(bytes), &block) == HPACK_OK)
        assert_int_equal(block->fields[0].value.len, 4800);
    h2_block_unref(block);
    hpack_decoder_free(decoder);
}

static const struct h2_field fixed[] = {FIELD(":method", "POST", H2_INDEX),
    FIELD(":path", "/pkg.Service/Method", H2_INDEX), FIELD("te", "trailers", H2_INDEX)};

static void
check_in_step(struct hpack_decoder *decoder, const struct buf *out, const char *extra)
{
    long left = allocations_left;
    struct h2_block *block;

    allocations_left = -1;
    assert_int_equal(hpack_decode(decoder, buf_head(out), buf_len(out), &block), HPACK_OK);
    assert_int_equal(block->count, 4);
    assert_true(weir_str_equal(block->fields[1].value, STR("/pkg.Service/Method")));
    assert_true(weir_str_equal(block->fields[3].value, weir_str_of(extra)));
    h2_block_unref(block);
    allocations_left = left;
}

/* Whatever block could be encoded can be decoded, before and after one that could not. */
static void
encode_some(struct hpack_encoder *encoder, struct hpack_decoder *decoder)
{
    char extra[32];
    int encoded = 0;

    for (int i = 0; i < 40; i++) {
        struct h2_field field = {STR("x"), {extra, 0}, H2_TOKEN_NONE, H2_INDEX};
        struct buf out = BUF_EMPTY;

        field.value.len = (size_t)snprintf(extra, sizeof(extra), "value-%d", i / 2);
        if (hpack_encode(encoder, fixed, 3, &field, 1, &out)) {
            check_in_step(decoder, &out, extra);
            encoded++;
        } else {
            assert_int_equal(buf_len(&out), 0);
        }
        buf_fini(&out);
        if (i == 20)
            hpack_encoder_limit(encoder, 200);
    }
    assert_true(encoded >= 39);
}

static void
use_encoder(void)
{
    struct hpack_encoder *encoder = hpack_encoder_new();
    long left = allocations_left;
    struct hpack_decoder *decoder;

    if (encoder == NULL)
        return;
    allocations_left = -1;
    decoder = hpack_decoder_new(4096, 16384);
    assert_non_null(decoder);
    allocations_left = left;
    encode_some(encoder, decoder);
    hpack_encoder_free(encoder);
    hpack_decoder_free(decoder);
}

static void
test_decoder(void **state)
{
    (void)state;
    fail_each(use_decoder);
    fail_each(use_large_text);
}

static void
test_encoder(void **state)
{
    (void)state;
    fail_each(use_encoder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder),
        cmocka_unit_test(test_encoder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
