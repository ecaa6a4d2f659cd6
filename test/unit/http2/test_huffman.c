/* SPDX-License-Identifier: Apache-2.0 */
/* The Huffman code: its table, both directions, and what must be refused. */
#include "http2/huffman.h"

#include "hpack_tools.h"
#include "http2/huffman_table.h"

/* Sorted by rank, the codes count upwards from 0 and leave no gap (the code is complete). */
static void
test_code_is_canonical_and_complete(void **state)
{
    uint64_t next = 0; /* left-aligned in 32 bits */
    unsigned last_len = 0;

    (void)state;
    for (size_t rank = 0; rank < HUFFMAN_SYMBOLS; rank++) {
        struct huffman_code code = huffman_codes[huffman_by_rank[rank]];

        assert_true(code.len >= last_len);
        assert_int_equal((uint64_t)code.bits << (32 - code.len), next);
        next += UINT64_C(1) << (32 - code.len);
        last_len = code.len;
    }
    assert_int_equal(next, UINT64_C(1) << 32);
}

/* RFC 7541, appendix B, at its corners. */
static void
test_some_codes(void **state)
{
    (void)state;
    assert_int_equal(huffman_codes['0'].bits, 0x0);
    assert_int_equal(huffman_codes['a'].bits, 0x3);
    assert_int_equal(huffman_codes[' '].bits, 0x14);
    assert_int_equal(huffman_codes['Z'].bits, 0xfd);
    assert_int_equal(huffman_codes['\0'].bits, 0x1ff8);
    assert_int_equal(huffman_codes['\\'].len, 19);
    assert_int_equal(huffman_codes[255].bits, 0x3ffffee);
    assert_int_equal(huffman_codes[HUFFMAN_EOS].bits, 0x3fffffff);
    assert_int_equal(huffman_codes[HUFFMAN_EOS].len, 30);
}

static void
expect_text(const char *hex, const char *text)
{
    size_t len;
    uint8_t *bytes = unhex(hex, &len), again[256];
    char out[256];

    assert_int_equal(huffman_decode(bytes, len, out), strlen(text));
    assert_memory_equal(out, text, strlen(text));
    assert_int_equal(huffman_len(weir_str_of(text)), len);
    assert_ptr_equal(huffman_encode(weir_str_of(text), again), again + len);
    assert_memory_equal(again, bytes, len);
    free(bytes);
}

/* The strings of RFC 7541, C.4 and C.6. */
static void
test_examples(void **state)
{
    (void)state;
    expect_text("", "");
    expect_text("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com");
    expect_text("a8eb10649cbf", "no-cache");
    expect_text("25a849e95ba97d7f", "custom-key");
    expect_text("25a849e95bb8e8b4bf", "custom-value");
    expect_text("6402", "302");
    expect_text("aec3771a4b", "private");
    expect_text("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT");
    expect_text("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com");
    expect_text("640eff", "307");
    expect_text("9bd9ab", "gzip");
    expect_text("94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587"
                "316065c003ed4ee5b1063d5007",
        "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1");
}

/* Each symbol alone, in twos and in a run, so that every code meets every alignment. */
static void
test_every_symbol_round_trips(void **state)
{
    uint8_t code[256];
    char text[40], out[512];

    (void)state;
    for (int symbol = 0; symbol < 256; symbol++) {
        for (size_t n = 1; n <= sizeof(text); n++) {
            memset(text, symbol, n);
            text[n / 2] = 'x';
            size_t len = (size_t)(huffman_encode((weir_str){text, n}, code) - code);

            assert_int_equal(len, huffman_len((weir_str){text, n}));
            assert_int_equal(huffman_decode(code, len, out), n);
            assert_memory_equal(out, text, n);
        }
    }
}

static void
expect_refused(const char *hex)
{
    size_t len;
    uint8_t *bytes = unhex(hex, &len);
    char *out = malloc(huffman_bound(len) + 1);

    assert_non_null(out);
    assert_true(huffman_decode(bytes, len, out) == HUFFMAN_BROKEN);
    free(out);
    free(bytes);
}

/* RFC 7541, 5.2: eight bits of padding or more; padding that is no prefix of EOS; EOS itself. */
static void
test_bad_padding(void **state)
{
    (void)state;
    expect_refused("ff");
    expect_refused("1fff");                     /* 'a', then 11 ones */
    expect_refused("a8eb10649cbfff");           /* no-cache, then a byte of ones */
    expect_refused("a8eb10649cbe");             /* no-cache, its last bit 0 */
    expect_refused("00");                       /* '0', then 000 */
    expect_refused("f1e3c2e5f23a6ba0ab90f4fe"); /* www.example.com, its last bit 0 */
    expect_refused("fffffffffffffffffffffffffff0");
}

static void
test_eos(void **state)
{
    (void)state;
    expect_refused("ffffffff");
    expect_refused("fffffffc");
    expect_refused("1fffffffff");
    expect_refused("f1e3c2e5f23a6ba0ab90f4ffffffff");
    expect_refused("00000000000000000000fffffffc0000000000000000");
}

/* Codes that are cut off. */
static void
test_incomplete_codes(void **state)
{
    (void)state;
    expect_refused("fe");       /* the first 8 bits of '!' */
    expect_refused("ffc0");     /* 13 bits of which make NUL: 111111111100000 */
    expect_refused("fffffff0"); /* four bits short of LF */
    expect_refused("f8fe");     /* '&', then the first 8 bits of '!' */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_is_canonical_and_complete),
        cmocka_unit_test(test_some_codes),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_every_symbol_round_trips),
        cmocka_unit_test(test_bad_padding),
        cmocka_unit_test(test_eos),
        cmocka_unit_test(test_incomplete_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
