/* SPDX-License-Identifier: Apache-2.0 */
/* The encoder: representations, table, updates of its size, fixed fields; and both directions
 * together. */
#include "hpack_tools.h"

static struct hpack_encoder *
new_encoder(void)
{
    struct hpack_encoder *encoder = hpack_encoder_new();

    assert_non_null(encoder);
    return encoder;
}

static struct hpack_decoder *
new_decoder(void)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 1 << 20);

    assert_non_null(decoder);
    return decoder;
}

/* Encode, and compare with bytes in hexadecimal. */
static void
expect_bytes(
    struct hpack_encoder *encoder, const struct h2_field *fields, size_t count, const char *hex)
{
    struct buf out = BUF_EMPTY;
    size_t len;
    uint8_t *bytes = unhex(hex, &len);

    assert_true(hpack_encode(encoder, NULL, 0, fields, count, &out));
    assert_int_equal(buf_len(&out), len);
    if (len > 0)
        assert_memory_equal(buf_head(&out), bytes, len);
    buf_fini(&out);
    free(bytes);
}

/* RFC 7541, C.4: the same choices as the example's encoder makes. */
static void
test_c4_requests(void **state)
{
    static const struct h2_field first[] = {FIELD(":method", "GET", H2_INDEX),
        FIELD(":scheme", "http", H2_INDEX), FIELD(":path", "/", H2_INDEX),
        FIELD(":authority", "www.example.com", H2_INDEX)};
    static const struct h2_field second[] = {FIELD(":method", "GET", H2_INDEX),
        FIELD(":scheme", "http", H2_INDEX), FIELD(":path", "/", H2_INDEX),
        FIELD(":authority", "www.example.com", H2_INDEX),
        FIELD("cache-control", "no-cache", H2_INDEX)};
    static const struct h2_field third[] = {FIELD(":method", "GET", H2_INDEX),
        FIELD(":scheme", "https", H2_INDEX), FIELD(":path", "/index.html", H2_INDEX),
        FIELD(":authority", "www.example.com", H2_INDEX),
        FIELD("custom-key", "custom-value", H2_INDEX)};
    struct hpack_encoder *encoder = new_encoder();

    (void)state;
    expect_bytes(encoder, first, 4, "828684418cf1e3c2e5f23a6ba0ab90f4ff");
    expect_bytes(encoder, second, 5, "828684be5886a8eb10649cbf");
    expect_bytes(encoder, third, 5, "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf");
    hpack_encoder_free(encoder);
}

/* RFC 7541, C.6, with its table of 256 bytes; but where the Huffman code is as long as the text,
 * the text. */
static void
test_c6_responses(void **state)
{
    static const struct h2_field first[] = {FIELD(":status", "302", H2_INDEX),
        FIELD("cache-control", "private", H2_INDEX),
        FIELD("date", "Mon, 21 Oct 2013 20:13:21 GMT", H2_INDEX),
        FIELD("location", "https://www.example.com", H2_INDEX)};
    static const struct h2_field second[] = {FIELD(":status", "307", H2_INDEX),
        FIELD("cache-control", "private", H2_INDEX),
        FIELD("date", "Mon, 21 Oct 2013 20:13:21 GMT", H2_INDEX),
        FIELD("location", "https://www.example.com", H2_INDEX)};
    struct hpack_encoder *encoder = new_encoder();

    (void)state;
    hpack_encoder_limit(encoder, 256);
    expect_bytes(encoder, NULL, 0, "3fe101");
    expect_bytes(encoder, first, 4,
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c7"
        "8f0b97c8e9ae82ae43d3");
    expect_bytes(encoder, second, 4, "4803333037c1c0bf");
    hpack_encoder_free(encoder);
}

static void
test_what_is_not_indexed(void **state)
{
    static const struct h2_field fields[] = {FIELD("grpc-timeout", "1S", H2_DO_NOT_INDEX),
        FIELD(":path", "/a", H2_DO_NOT_INDEX), FIELD("authorization", "s3cret", H2_NEVER_INDEX),
        FIELD("pin", "1", H2_NEVER_INDEX), FIELD(":status", "200", H2_DO_NOT_INDEX)};
    struct hpack_encoder *encoder = new_encoder();

    (void)state;
    for (int i = 0; i < 2; i++)
        expect_bytes(encoder, fields, 5,
            "000c 677270632d74696d656f7574 02 3153"
            "04 02 2f61"
            "1f08 06 733363726574"
            "10 03 70696e 01 31"
            "08 03 323030");
    hpack_encoder_free(encoder);
}

/* A name that an entry has is told by its number, whatever the way the value goes. */
static void
test_names_by_number(void **state)
{
    static const struct h2_field entry = FIELD("pin", "1", H2_INDEX);
    static const struct h2_field others[] = {FIELD("pin", "2", H2_DO_NOT_INDEX),
        FIELD("pin", "3", H2_NEVER_INDEX), FIELD("pin", "4", H2_INDEX)};
    struct hpack_encoder *encoder = new_encoder();

    (void)state;
    expect_bytes(encoder, &entry, 1, "40 03 70696e 01 31");
    expect_bytes(encoder, others, 3, "0f2f 01 32  1f2f 01 33  7e 01 34");
    expect_bytes(encoder, &entry, 1, "bf");
    hpack_encoder_free(encoder);
}

/* Long strings are Huffman-coded when that is shorter, even outside of the table. */
static void
test_long_strings(void **state)
{
    struct hpack_encoder *encoder = new_encoder();
    struct h2_field field = FIELD(":path", "", H2_DO_NOT_INDEX);
    struct buf out = BUF_EMPTY;
    char value[200];

    (void)state;
    memset(value, 'a', sizeof(value));
    field.value = (weir_str){value, sizeof(value)};
    assert_true(hpack_encode(encoder, NULL, 0, &field, 1, &out));
    assert_int_equal(buf_len(&out), 2 + 125);
    buf_reset(&out, 4096);
    memset(value, '\\', sizeof(value)); /* 19 bits each */
    assert_true(hpack_encode(encoder, NULL, 0, &field, 1, &out));
    assert_int_equal(buf_len(&out), 1 + 2 + 200);
    assert_memory_equal(buf_head(&out), "\x04\x7f\x49", 3);
    buf_fini(&out);
    hpack_encoder_free(encoder);
}

/* What would evict half of the table is not worth it. */
static void
test_large_fields_stay_outside(void **state)
{
    struct hpack_encoder *encoder = new_encoder();
    struct h2_field field = FIELD("k", "", H2_INDEX);
    struct buf out = BUF_EMPTY;
    char value[2016];

    (void)state;
    memset(value, '\\', sizeof(value));
    field.value = (weir_str){value, 2016};
    assert_true(hpack_encode(encoder, NULL, 0, &field, 1, &out));
    assert_int_equal(*buf_head(&out), 0x00);
    buf_reset(&out, 4096);
    field.value.len = 2015;
    assert_true(hpack_encode(encoder, NULL, 0, &field, 1, &out));
    assert_int_equal(*buf_head(&out), 0x40);
    buf_fini(&out);
    hpack_encoder_free(encoder);
}

/* ---- updates of the table's size ---- */

static const struct h2_field sample = FIELD("pin", "1", H2_INDEX);

static void
test_limit_is_announced_once(void **state)
{
    struct hpack_encoder *encoder = new_encoder();

    (void)state;
    hpack_encoder_limit(encoder, 4096);
    expect_bytes(encoder, &sample, 1, "40 03 70696e 01 31");
    hpack_encoder_limit(encoder, 100);
    expect_bytes(encoder, &sample, 1, "3f45 be");
    expect_bytes(encoder, &sample, 1, "be");
    hpack_encoder_limit(encoder, 100);
    expect_bytes(encoder, &sample, 1, "be");
    hpack_encoder_limit(encoder, 65536); /* used up to 4096 */
    expect_bytes(encoder, &sample, 1, "3fe11f be");
    hpack_encoder_free(encoder);
}

static void
test_lowest_limit_is_announced(void **state)
{
    struct hpack_encoder *encoder = new_encoder();

    (void)state;
    expect_bytes(encoder, &sample, 1, "40 03 70696e 01 31");
    hpack_encoder_limit(encoder, 0);
    hpack_encoder_limit(encoder, 50);
    hpack_encoder_limit(encoder, 4096);
    expect_bytes(encoder, &sample, 1, "20 3fe11f 40 03 70696e 01 31");
    expect_bytes(encoder, &sample, 1, "be");
    hpack_encoder_free(encoder);
}

static void
test_no_table_at_all(void **state)
{
    struct hpack_encoder *encoder = new_encoder();

    (void)state;
    hpack_encoder_limit(encoder, 0);
    expect_bytes(encoder, &sample, 1, "20 00 03 70696e 01 31");
    expect_bytes(encoder, &sample, 1, "00 03 70696e 01 31");
    hpack_encoder_free(encoder);
}

/* ---- fixed fields ---- */

static const struct h2_field fixed[] = {FIELD(":method", "POST", H2_INDEX),
    FIELD(":path", "/pkg.Service/Method", H2_INDEX), FIELD("te", "trailers", H2_INDEX)};

static size_t
encode_fixed(struct hpack_encoder *encoder, struct hpack_decoder *decoder, const char *extra)
{
    struct h2_field field = {STR("x"), weir_str_of(extra), H2_TOKEN_NONE, H2_INDEX};
    struct buf out = BUF_EMPTY;
    struct h2_block *block;
    size_t len;

    assert_true(hpack_encode(encoder, fixed, 3, &field, extra == NULL ? 0 : 1, &out));
    assert_int_equal(hpack_decode(decoder, buf_head(&out), buf_len(&out), &block), HPACK_OK);
    assert_int_equal(block->count, extra == NULL ? 3 : 4);
    for (size_t i = 0; i < 3; i++) {
        assert_true(weir_str_equal(block->fields[i].name, fixed[i].name));
        assert_true(weir_str_equal(block->fields[i].value, fixed[i].value));
    }
    if (extra != NULL)
        assert_true(weir_str_equal(block->fields[3].value, weir_str_of(extra)));
    len = buf_len(&out);
    h2_block_unref(block);
    buf_fini(&out);
    return len;
}

static void
test_fixed_fields_come_to_rest(void **state)
{
    struct hpack_encoder *encoder = new_encoder();
    struct hpack_decoder *decoder = new_decoder();

    (void)state;
    assert_true(encode_fixed(encoder, decoder, NULL) > 10);
    for (int i = 0; i < 5; i++)
        assert_int_equal(encode_fixed(encoder, decoder, NULL), 3);
    hpack_encoder_free(encoder);
    hpack_decoder_free(decoder);
}

/* What is kept is right only as long as the table stands. */
static void
test_fixed_fields_follow_the_table(void **state)
{
    struct hpack_encoder *encoder = new_encoder();
    struct hpack_decoder *decoder = new_decoder();
    char value[64];

    (void)state;
    for (int i = 0; i < 400; i++) {
        snprintf(value, sizeof(value), "%040d", i / 3);
        encode_fixed(encoder, decoder, i % 2 == 0 ? value : NULL);
        if (i % 50 == 49)
            hpack_encoder_limit(encoder, i % 100 == 99 ? 4096 : 300);
    }
    hpack_encoder_free(encoder);
    hpack_decoder_free(decoder);
}

/* More fixed blocks than are kept, in turn. */
static void
test_many_fixed_blocks(void **state)
{
    static struct h2_field blocks[20][2];
    static char names[20][8];
    struct hpack_encoder *encoder = new_encoder();
    struct hpack_decoder *decoder = new_decoder();

    (void)state;
    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "name%d", i);
        blocks[i][0] = (struct h2_field){weir_str_of(names[i]), STR("v"), 0, H2_INDEX};
        blocks[i][1] = (struct h2_field)FIELD("te", "trailers", H2_INDEX);
    }
    for (int round = 0; round < 100; round++) {
        int which = round % 7 == 0 ? round / 7 % 20 : round % 20;
        struct buf out = BUF_EMPTY;
        struct h2_block *block;

        assert_true(hpack_encode(encoder, blocks[which], 2, NULL, 0, &out));
        assert_int_equal(hpack_decode(decoder, buf_head(&out), buf_len(&out), &block), HPACK_OK);
        assert_true(weir_str_equal(block->fields[0].name, weir_str_of(names[which])));
        assert_int_equal(block->count, 2);
        h2_block_unref(block);
        buf_fini(&out);
    }
    hpack_encoder_free(encoder);
    hpack_decoder_free(decoder);
}

static void
test_appends(void **state)
{
    struct hpack_encoder *encoder = new_encoder();
    struct buf out = BUF_EMPTY;

    (void)state;
    assert_true(buf_append(&out, "head", 4));
    assert_true(hpack_encode(encoder, NULL, 0, &sample, 1, &out));
    assert_true(hpack_encode(encoder, fixed, 0, NULL, 0, &out));
    assert_int_equal(buf_len(&out), 4 + 7);
    assert_memory_equal(buf_head(&out), "head\x40", 5);
    buf_fini(&out);
    hpack_encoder_free(encoder);
    hpack_encoder_free(NULL);
}

static void
test_fields_too_large_for_anyone(void **state)
{
    struct hpack_encoder *encoder = new_encoder();
    struct h2_field huge = {STR("x"), {"", SIZE_MAX / 2}, H2_TOKEN_NONE, H2_INDEX};
    struct buf out = BUF_EMPTY;

    (void)state;
    assert_false(hpack_encode(encoder, NULL, 0, &huge, 1, &out));
    assert_false(hpack_encode(encoder, &huge, 1, NULL, 0, &out));
    assert_int_equal(buf_len(&out), 0);
    expect_bytes(encoder, &sample, 1, "40 03 70696e 01 31");
    buf_fini(&out);
    hpack_encoder_free(encoder);
}

/* ---- both directions ---- */

struct dice {
    uint32_t seed;
};

static uint32_t
roll(struct dice *dice, uint32_t sides)
{
    dice->seed = dice->seed * 1664525 + 1013904223;
    return (dice->seed >> 8) % sides;
}

/* A name from a small set, a value from a small set or of its own, now and then a large one. */
static void
random_field(struct dice *dice, char *text, struct h2_field *out_field)
{
    static const char *const names[] = {":path", ":status", "te", "content-type", "grpc-timeout",
        "x-request-id", "authorization", "cookie", "grpc-status-details-bin", "a", "b"};
    uint32_t len = roll(dice, 40) == 0 ? roll(dice, 3000) : roll(dice, 60);

    if (roll(dice, 2) == 0)
        len = (uint32_t)snprintf(text, 16, "%u", 200 + roll(dice, 8));
    else
        for (uint32_t i = 0; i < len; i++)
            text[i] = (char)(roll(dice, 30) == 0 ? 128 + roll(dice, 128) : 33 + roll(dice, 90));
    *out_field = (struct h2_field){weir_str_of(names[roll(dice, 11)]), {text, len}, H2_TOKEN_NONE,
        (enum h2_indexing)(roll(dice, 5) < 3 ? 0 : roll(dice, 3))};
}

enum { MOST = 12, LONGEST = 3000 };

static void
expect_same_fields(const struct h2_block *block, const struct h2_field *fields, size_t count)
{
    assert_false(block->too_large);
    assert_int_equal(block->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(weir_str_equal(block->fields[i].name, fields[i].name));
        assert_true(weir_str_equal(block->fields[i].value, fields[i].value));
        if (fields[i].indexing == H2_NEVER_INDEX)
            assert_int_equal(block->fields[i].indexing, H2_NEVER_INDEX);
    }
}

static void
round_trip(struct dice *dice, struct hpack_encoder *encoder, struct hpack_decoder *decoder)
{
    static char text[MOST][LONGEST];
    struct h2_field fields[MOST];
    struct buf out = BUF_EMPTY;
    size_t count = roll(dice, MOST);

    for (size_t i = 0; i < count; i++)
        random_field(dice, text[i], &fields[i]);
    assert_true(hpack_encode(encoder, NULL, 0, fields, count, &out));
    /* Once, or again and again: most of the fields are in the table then. */
    for (uint32_t again = roll(dice, 3);; again--) {
        struct h2_block *block;

        assert_int_equal(hpack_decode(decoder, buf_head(&out), buf_len(&out), &block), HPACK_OK);
        expect_same_fields(block, fields, count);
        h2_block_unref(block);
        if (again == 0)
            break;
        buf_reset(&out, 4096);
        assert_true(hpack_encode(encoder, NULL, 0, fields, count, &out));
    }
    buf_fini(&out);
}

static void
test_random_fields(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        struct dice dice = {seed};
        struct hpack_encoder *encoder = new_encoder();
        struct hpack_decoder *decoder = new_decoder();

        for (int round = 0; round < 300; round++) {
            round_trip(&dice, encoder, decoder);
            if (roll(&dice, 40) == 0) {
                uint32_t limit = roll(&dice, 4) == 0 ? 0 : roll(&dice, 5000);

                hpack_encoder_limit(encoder, limit);
                hpack_decoder_limit(decoder, limit);
            }
        }
        hpack_encoder_free(encoder);
        hpack_decoder_free(decoder);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c4_requests),
        cmocka_unit_test(test_c6_responses),
        cmocka_unit_test(test_what_is_not_indexed),
        cmocka_unit_test(test_names_by_number),
        cmocka_unit_test(test_long_strings),
        cmocka_unit_test(test_large_fields_stay_outside),
        cmocka_unit_test(test_limit_is_announced_once),
        cmocka_unit_test(test_lowest_limit_is_announced),
        cmocka_unit_test(test_no_table_at_all),
        cmocka_unit_test(test_fixed_fields_come_to_rest),
        cmocka_unit_test(test_fixed_fields_follow_the_table),
        cmocka_unit_test(test_many_fixed_blocks),
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_fields_too_large_for_anyone),
        cmocka_unit_test(test_random_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
