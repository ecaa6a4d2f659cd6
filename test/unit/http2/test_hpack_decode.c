/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder: the examples of RFC 7541, appendix C, what it must refuse, table, limits, validity,
 * memo. */
#include "hpack_tools.h"

static struct hpack_decoder *
decoder_of(uint32_t table_size)
{
    struct hpack_decoder *decoder = hpack_decoder_new(table_size, 16384);

    assert_non_null(decoder);
    return decoder;
}

/* ---- appendix C ---- */

static void
test_c2_single_fields(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);

    (void)state;
    expect_fields(decoder, "400a 637573746f6d2d6b6579 0d 637573746f6d2d686561646572",
        "custom-key: custom-header\n");
    expect_fields(decoder, "040c 2f73616d706c652f70617468", ":path: /sample/path\n");
    expect_fields(decoder, "1008 70617373776f7264 06 736563726574", "password: secret\n");
    expect_fields(decoder, "82", ":method: GET\n");
    expect_fields(decoder, "be", "custom-key: custom-header\n");
    hpack_decoder_free(decoder);
}

#define C3_1 ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n"
#define C3_2                                                                              \
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: " \
    "no-cache\n"
#define C3_3                                                                          \
    ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n" \
    "custom-key: custom-value\n"

static void
test_c3_requests_plain(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);

    (void)state;
    expect_fields(decoder, "828684410f7777772e6578616d706c652e636f6d", C3_1);
    expect_fields(decoder, "828684be58086e6f2d6361636865", C3_2);
    expect_fields(decoder, "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", C3_3);
    hpack_decoder_free(decoder);
}

static void
test_c4_requests_huffman(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);

    (void)state;
    expect_fields(decoder, "828684418cf1e3c2e5f23a6ba0ab90f4ff", C3_1);
    expect_fields(decoder, "828684be5886a8eb10649cbf", C3_2);
    expect_fields(decoder, "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", C3_3);
    hpack_decoder_free(decoder);
}

#define C5_1                                                                      \
    ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\n" \
    "location: https://www.example.com\n"
#define C5_2                                                                      \
    ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\n" \
    "location: https://www.example.com\n"
#define C5_3                                                                      \
    ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\n" \
    "location: https://www.example.com\ncontent-encoding: gzip\n"                 \
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n"

/* With a table of 256 bytes, so that entries are evicted. */
static void
test_c5_responses_plain(void **state)
{
    struct hpack_decoder *decoder = decoder_of(256);

    (void)state;
    expect_fields(decoder,
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d"
        "546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        C5_1);
    expect_fields(decoder, "4803333037c1c0bf", C5_2);
    expect_fields(decoder,
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f"
        "6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b"
        "2076657273696f6e3d31",
        C5_3);
    expect_fields(decoder, "bebfc0",
        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n"
        "content-encoding: gzip\ndate: Mon, 21 Oct 2013 20:13:22 GMT\n");
    hpack_decoder_free(decoder);
}

static void
test_c6_responses_huffman(void **state)
{
    struct hpack_decoder *decoder = decoder_of(256);

    (void)state;
    expect_fields(decoder,
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c7"
        "8f0b97c8e9ae82ae43d3",
        C5_1);
    expect_fields(decoder, "4883640effc1c0bf", C5_2);
    expect_fields(decoder,
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335"
        "dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        C5_3);
    hpack_decoder_free(decoder);
}

/* ---- what must be refused ---- */

static void
test_truncation(void **state)
{
    (void)state;
    expect_broken("ff"); /* a number without its rest */
    expect_broken("ff80");
    expect_broken("40");        /* no name */
    expect_broken("400161");    /* no value */
    expect_broken("4003 6161"); /* a name cut off */
    expect_broken("4001 61 0261");
    expect_broken("41"); /* no value after an indexed name */
    expect_broken("0f");
    expect_broken("417f"); /* a length without its rest */
    expect_broken("3f");   /* an update without its rest */
}

static void
test_numbers_too_large(void **state)
{
    (void)state;
    expect_broken("ffffffffff7f");
    expect_broken("ff8080808000"); /* zero in more bytes than any number needs */
    expect_broken("41 7fffffffffffffffffff7f 61");
    expect_broken("3fffffffff0f");
    expect_broken("40 7f80ffffff7f");
}

static void
test_bad_indexes(void **state)
{
    (void)state;
    expect_broken("80");   /* RFC 7541, 6.1: index 0 */
    expect_broken("be");   /* 62 while the dynamic table is empty */
    expect_broken("7e00"); /* the same as a name */
    expect_broken("0f2f00");
    expect_broken("4001610162 bf"); /* 63 while there is one entry */
    expect_broken("ffffffff07");
}

static void
test_bad_huffman(void **state)
{
    (void)state;
    expect_broken("4181ff");
    expect_broken("4184ffffffff");
    expect_broken("408100 00");
    expect_broken("04 86a8eb10649cbe");
}

/* ---- updates of the table's size ---- */

static void
test_update_evicts(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block;

    (void)state;
    expect_fields(decoder, "4001610131 4001620132", "a: 1\nb: 2\n");
    expect_fields(decoder, "3f03 be", "b: 2\n"); /* 34 bytes: one entry */
    assert_int_equal(decode_hex(decoder, "bf", &block), HPACK_BROKEN);
    hpack_decoder_free(decoder);
}

static void
test_update_to_zero_and_back(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block;

    (void)state;
    expect_fields(decoder, "4001610131", "a: 1\n");
    expect_fields(decoder, "20 3fe11f 4001620132 be", "b: 2\nb: 2\n");
    assert_int_equal(decode_hex(decoder, "bf", &block), HPACK_BROKEN);
    hpack_decoder_free(decoder);
}

static void
test_update_above_the_limit(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block;

    (void)state;
    expect_broken("3fe21f"); /* 4097 */
    expect_fields(decoder, "3fe11f", "");
    hpack_decoder_limit(decoder, 8192);
    expect_fields(decoder, "3fe13f", "");
    assert_int_equal(decode_hex(decoder, "3fe23f", &block), HPACK_BROKEN);
    hpack_decoder_free(decoder);
}

/* RFC 7541, 4.2: at the beginning of a block alone. */
static void
test_update_after_a_field(void **state)
{
    (void)state;
    expect_broken("8220");
    expect_broken("20 82 3fe11f");
}

/* RFC 7541, 4.2: once the limit is below the size in use, an update must come first. */
static void
test_update_that_is_owed(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block;

    (void)state;
    expect_fields(decoder, "82", ":method: GET\n");
    expect_fields(decoder, "82", ":method: GET\n");
    hpack_decoder_limit(decoder, 100);
    assert_int_equal(decode_hex(decoder, "82", &block), HPACK_BROKEN);
    hpack_decoder_free(decoder);

    decoder = decoder_of(4096);
    hpack_decoder_limit(decoder, 100);
    expect_fields(decoder, "3f45 82", ":method: GET\n");
    expect_fields(decoder, "82", ":method: GET\n");
    hpack_decoder_limit(decoder, 4096);
    expect_fields(decoder, "82", ":method: GET\n");
    hpack_decoder_free(decoder);
}

/* RFC 7541, 4.2: lowered and raised between two blocks, the lowest has to be told, then the last.
 */
static void
test_update_of_the_lowest_limit(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block;

    (void)state;
    hpack_decoder_limit(decoder, 100);
    hpack_decoder_limit(decoder, 4096);
    assert_int_equal(decode_hex(decoder, "3fe11f 82", &block), HPACK_BROKEN);
    hpack_decoder_free(decoder);

    decoder = decoder_of(4096);
    hpack_decoder_limit(decoder, 100);
    hpack_decoder_limit(decoder, 4096);
    expect_fields(decoder, "3f45 3fe11f 82", ":method: GET\n");
    hpack_decoder_free(decoder);
}

/* ---- eviction ---- */

/* RFC 7541, 4.4: a name may be that of the entry which its own insertion evicts. */
static void
test_name_of_an_evicted_entry(void **state)
{
    struct hpack_decoder *decoder = decoder_of(64);

    (void)state;
    expect_fields(
        decoder, "400a 6b6b6b6b6b6b6b6b6b6b 0a 76767676767676767676", "kkkkkkkkkk: vvvvvvvvvv\n");
    expect_fields(decoder, "7e 0b 7777777777777777777777", "kkkkkkkkkk: wwwwwwwwwww\n");
    expect_fields(decoder, "be", "kkkkkkkkkk: wwwwwwwwwww\n");
    hpack_decoder_free(decoder);
}

/* RFC 7541, 4.4: too large for the table is no error; it empties the table. */
static void
test_entry_larger_than_the_table(void **state)
{
    struct hpack_decoder *decoder = decoder_of(40);
    struct h2_block *block;

    (void)state;
    expect_fields(decoder, "4001610131", "a: 1\n");
    expect_fields(decoder, "4001620a 30313233343536373839", "b: 0123456789\n");
    assert_int_equal(decode_hex(decoder, "be", &block), HPACK_BROKEN);
    hpack_decoder_free(decoder);
}

/* ---- tokens and validity ---- */

static void
test_tokens(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block;

    (void)state;
    /* POST, http, :path /, :authority a; content-type b, te trailers, grpc-timeout 1S, grpc-x y */
    block = decode_ok(decoder,
        "838684 410161 5f0162 4002 7465 08 747261696c657273 400c 677270632d74696d656f7574 02 3153"
        "0006 677270632d78 0179");
    assert_int_equal(block->count, 8);
    assert_false(block->malformed);
    assert_int_equal(block->fields[0].token, H2_TOKEN_METHOD);
    assert_int_equal(block->fields[1].token, H2_TOKEN_SCHEME);
    assert_int_equal(block->fields[2].token, H2_TOKEN_PATH);
    assert_int_equal(block->fields[3].token, H2_TOKEN_AUTHORITY);
    assert_int_equal(block->fields[4].token, H2_TOKEN_CONTENT_TYPE);
    assert_int_equal(block->fields[5].token, H2_TOKEN_TE);
    assert_int_equal(block->fields[6].token, H2_TOKEN_GRPC_TIMEOUT);
    assert_int_equal(block->fields[7].token, H2_TOKEN_GRPC_OTHER);
    assert_int_equal(block->fields[6].indexing, H2_INDEX);
    assert_int_equal(block->fields[7].indexing, H2_DO_NOT_INDEX);
    assert_ptr_equal(h2_block_find(block, H2_TOKEN_TE), &block->fields[5]);
    assert_null(h2_block_find(block, H2_TOKEN_STATUS));
    h2_block_unref(block);

    /* From the table, whole and by name alone: :authority is the oldest of its four entries. */
    block = decode_ok(decoder, "be bf 1f32 0131");
    assert_int_equal(block->fields[0].token, H2_TOKEN_GRPC_TIMEOUT);
    assert_int_equal(block->fields[1].token, H2_TOKEN_TE);
    assert_int_equal(block->fields[2].token, H2_TOKEN_AUTHORITY);
    assert_int_equal(block->fields[2].indexing, H2_NEVER_INDEX);
    h2_block_unref(block);
    hpack_decoder_free(decoder);
}

static bool
is_malformed(const char *hex)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block = decode_ok(decoder, hex);
    bool malformed = block->malformed;

    h2_block_unref(block);
    hpack_decoder_free(decoder);
    return malformed;
}

/* RFC 9113, 8.2.1. */
static void
test_malformed_names(void **state)
{
    (void)state;
    assert_false(is_malformed("0001 61 0131"));
    assert_true(is_malformed("0000 0131"));        /* no name */
    assert_true(is_malformed("0001 41 0131"));     /* A */
    assert_true(is_malformed("0003 614161 0131")); /* aAa */
    assert_true(is_malformed("0002 6120 0131"));   /* blank */
    assert_true(is_malformed("0002 6100 0131"));   /* NUL */
    assert_true(is_malformed("0002 617f 0131"));   /* DEL */
    assert_true(is_malformed("0002 61c3 0131"));   /* beyond ASCII */
    assert_true(is_malformed("0002 613a 0131"));   /* a: */
    assert_true(is_malformed("0003 613a62 0131")); /* a:b */
}

static void
test_malformed_values(void **state)
{
    (void)state;
    assert_true(is_malformed("0001 61 01 00"));
    assert_true(is_malformed("0001 61 01 0a"));
    assert_true(is_malformed("0001 61 03 300d30"));
    assert_true(is_malformed("0001 61 0c 303030303030303030300d30"));
    assert_true(is_malformed("0001 61 0c 30000000303030303030300a"));
    assert_true(is_malformed("0001 61 10 3030303030303030 0a30303030303030"));
    assert_false(is_malformed("0001 61 0c 300930093030303030300930"));
    assert_false(is_malformed("0001 61 0a c3bcff80303030303030"));
    assert_false(is_malformed("0001 61 00"));
}

/* Blanks at the ends are stripped, but not where they would route. */
static void
test_blanks_at_the_ends(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);

    (void)state;
    expect_fields(decoder, "4001 61 05 2078207920", "a: x y\n");
    expect_fields(decoder, "be", "a: x y\n");
    expect_fields(decoder, "4001 62 02 0920", "b: \n");
    expect_fields(decoder, "0f2f 03 097a20", "b: z\n");
    assert_false(is_malformed("4001 61 05 2078207920"));
    assert_true(is_malformed("04 03 2f6120"));
    assert_true(is_malformed("41 02 2061"));
    hpack_decoder_free(decoder);
}

/* RFC 9113, 8.2.2. */
static void
test_connection_specific_fields(void **state)
{
    (void)state;
    assert_true(is_malformed("000a 636f6e6e656374696f6e 05 636c6f7365"));
    assert_true(is_malformed("000a 6b6565702d616c697665 00"));
    assert_true(is_malformed("0010 70726f78792d636f6e6e656374696f6e 00"));
    assert_true(is_malformed("0007 75706772616465 03 683263"));
    assert_true(is_malformed("0f2a 07 6368756e6b6564")); /* transfer-encoding, index 57 */
    assert_false(is_malformed("0002 7465 08 747261696c657273"));
    assert_true(is_malformed("0002 7465 04 677a6970"));
    assert_true(is_malformed("0002 7465 00"));
    assert_true(is_malformed("4002 7465 04 677a6970 4001610131 bf"));
}

/* RFC 9113, 8.3. */
static void
test_order_of_pseudo_fields(void **state)
{
    (void)state;
    assert_false(is_malformed("838684"));
    assert_true(is_malformed("838483"));             /* :method twice */
    assert_true(is_malformed("83 0001610131 84"));   /* after a regular field */
    assert_true(is_malformed("0004 3a666f6f 0131")); /* :foo */
    assert_true(is_malformed("0001 3a 0131"));
    assert_true(is_malformed("4004 3a666f6f 0131 be"));
}

/* ---- limits ---- */

static void
test_list_size(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block = decode_ok(decoder, "82 0001610131 4001 61 05 2078207920");

    (void)state;
    assert_int_equal(block->list_size, 7 + 3 + 32 + 34 + 38);
    h2_block_unref(block);
    hpack_decoder_free(decoder);
}

/* Over the limit nothing is kept, yet the table stays in step. */
static void
test_list_over_the_limit(void **state)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 100);
    struct h2_block *block;

    (void)state;
    assert_non_null(decoder);
    block = decode_ok(decoder, "4001610131 4001620132"); /* 68 bytes */
    assert_false(block->too_large);
    h2_block_unref(block);
    block = decode_ok(decoder, "bebf be 4001630133 4001640134");
    assert_true(block->too_large);
    assert_int_equal(block->count, 0);
    assert_int_equal(block->list_size, 5 * 34);
    h2_block_unref(block);
    expect_fields(decoder, "bebf", "d: 4\nc: 3\n");
    hpack_decoder_free(decoder);
}

/* One entry of 4 KiB named by one byte each time: 64 MiB, were it stored. */
static void
test_bomb(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    uint8_t *bytes = malloc(16384);
    struct h2_block *block;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', 16384);
    memcpy(bytes, "\x40\x01\x61\x7f\x80\x1e", 6); /* a value of 127 + 30 * 128 = 3967 bytes */
    assert_int_equal(hpack_decode(decoder, bytes, 6 + 3967, &block), HPACK_OK);
    assert_int_equal(block->fields[0].value.len, 3967);
    h2_block_unref(block);
    memset(bytes, 0xbe, 16384);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hpack_decode(decoder, bytes, 16384, &block), HPACK_OK);
        assert_true(block->too_large);
        assert_int_equal(block->count, 0);
        assert_int_equal(block->list_size, 16384 * 4000);
        h2_block_unref(block);
    }
    free(bytes);
    hpack_decoder_free(decoder);
}

/* More fields than a first block has room for; all of them survive its growth. */
static void
test_many_fields(void **state)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 1 << 20);
    uint8_t bytes[5 * 2000], *p = bytes;
    struct h2_block *block;

    (void)state;
    assert_non_null(decoder);
    for (int i = 0; i < 2000; i++) {
        if (i % 7 == 0) {
            *p++ = 0x82;
            continue;
        }
        memcpy(p, "\x00\x01k\x01", 4);
        p[4] = (uint8_t)('0' + i % 10);
        p += 5;
    }
    assert_int_equal(hpack_decode(decoder, bytes, (size_t)(p - bytes), &block), HPACK_OK);
    assert_int_equal(block->count, 2000);
    for (int i = 0; i < 2000; i++) {
        const struct h2_field *field = &block->fields[i];

        assert_int_equal(field->name.len, i % 7 == 0 ? 7 : 1);
        assert_int_equal(field->value.data[0], i % 7 == 0 ? 'G' : '0' + i % 10);
    }
    h2_block_unref(block);
    hpack_decoder_free(decoder);
}

/* 3000 bytes of code stand for 4800 zeros, which is more than the decoder has at hand. */
static void
test_large_huffman_string(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    uint8_t bytes[6 + 3000] = "\x00\x01k\xff\xb9\x16"; /* 127 + 57 + 128 * 22 = 3000 */
    struct h2_block *block;

    (void)state;
    assert_int_equal(hpack_decode(decoder, bytes, sizeof(bytes), &block), HPACK_OK);
    assert_int_equal(block->fields[0].value.len, 4800);
    for (size_t i = 0; i < 4800; i++)
        assert_int_equal(block->fields[0].value.data[i], '0');
    h2_block_unref(block);
    hpack_decoder_free(decoder);
}

/* ---- lifetime ---- */

static void
test_block_outlives_table_and_decoder(void **state)
{
    struct hpack_decoder *decoder = decoder_of(64);
    struct h2_block *block, *second;

    (void)state;
    block = decode_ok(decoder, "4001610131 be 82");
    second = decode_ok(decoder, "be");
    expect_fields(decoder, "4001 62 09 303132333435363738", "b: 012345678\n");
    expect_fields(decoder, "20", "");
    assert_string_equal(block_text(block), "a: 1\na: 1\n:method: GET\n");
    hpack_decoder_free(decoder);
    assert_string_equal(block_text(block), "a: 1\na: 1\n:method: GET\n");
    assert_string_equal(block_text(second), "a: 1\n");
    h2_block_unref(block);
    assert_string_equal(block_text(second), "a: 1\n");
    h2_block_unref(second);
}

static void
test_empty_block(void **state)
{
    struct hpack_decoder *decoder = decoder_of(4096);
    struct h2_block *block;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hpack_decode(decoder, NULL, 0, &block), HPACK_OK);
        assert_int_equal(block->count, 0);
        assert_int_equal(block->list_size, 0);
        assert_false(block->malformed || block->too_large);
        h2_block_unref(block);
    }
    hpack_decoder_free(decoder);
}

static void
test_free_accepts_null(void **state)
{
    (void)state;
    hpack_decoder_free(NULL);
    h2_block_unref(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c2_single_fields),
        cmocka_unit_test(test_c3_requests_plain),
        cmocka_unit_test(test_c4_requests_huffman),
        cmocka_unit_test(test_c5_responses_plain),
        cmocka_unit_test(test_c6_responses_huffman),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_numbers_too_large),
        cmocka_unit_test(test_bad_indexes),
        cmocka_unit_test(test_bad_huffman),
        cmocka_unit_test(test_update_evicts),
        cmocka_unit_test(test_update_to_zero_and_back),
        cmocka_unit_test(test_update_above_the_limit),
        cmocka_unit_test(test_update_after_a_field),
        cmocka_unit_test(test_update_that_is_owed),
        cmocka_unit_test(test_update_of_the_lowest_limit),
        cmocka_unit_test(test_name_of_an_evicted_entry),
        cmocka_unit_test(test_entry_larger_than_the_table),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_malformed_names),
        cmocka_unit_test(test_malformed_values),
        cmocka_unit_test(test_blanks_at_the_ends),
        cmocka_unit_test(test_connection_specific_fields),
        cmocka_unit_test(test_order_of_pseudo_fields),
        cmocka_unit_test(test_list_size),
        cmocka_unit_test(test_list_over_the_limit),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_large_huffman_string),
        cmocka_unit_test(test_block_outlives_table_and_decoder),
        cmocka_unit_test(test_empty_block),
        cmocka_unit_test(test_free_accepts_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
