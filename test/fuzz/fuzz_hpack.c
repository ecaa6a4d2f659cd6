/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes HPACK: blocks in sequence on one decoder, against a second one whose memo never helps; and
 * fields through an encoder and a decoder, which must come out as they went in.
 *
 *   input:  kind (bit 0: decode or round trip, bits 1-2: table) | steps
 *   step of decoding:      length below 0xf0 | block;   or 0xff | limit / 32
 *   step of a round trip:  how many fields below 0xf0 (bit 7: the fixed ones too) | fields;
 *                          or 0xff | limit / 32
 *   field:  indexing | length of name | length of value | name | value */
#include "fuzz.h"
#include "http2/hpack.h"
#include "input.h"

#include <stdlib.h>

enum { MAX_LIST = 8192, MOST_FIELDS = 0x70, LIMIT_STEP = 0xff, LONGEST_BLOCK = 0xf0 };

static weir_str
strip(weir_str value)
{
    while (value.len > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = (weir_str){value.data + 1, value.len - 1};
    while (value.len > 0 && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
        value.len--;
    return value;
}

static bool
same_field(const struct h2_field *a, const struct h2_field *b)
{
    return weir_str_equal(a->name, b->name) && weir_str_equal(a->value, b->value);
}

/* ---- decoding ---- */

/* The sizes of table, and the update that leaves each as it is. */
static const struct table {
    uint32_t size;
    weir_str update;
} tables[] = {{4096, {"\x3f\xe1\x1f", 3}}, {256, {"\x3f\xe1\x01", 3}}, {64, {"\x3f\x21", 2}},
    {0, {"\x20", 1}}};

struct pair {
    struct hpack_decoder *tested;
    struct hpack_decoder *without_memo; /* NULL once a size was changed by the input */
    struct table table;
    struct h2_block *held; /* one block that outlives others */
};

static void
check_sound(const struct h2_block *block)
{
    size_t sum = 0;

    FUZZ_CHECK(block->refs > 0);
    FUZZ_CHECK(!block->too_large || block->count == 0);
    for (size_t i = 0; i < block->count; i++) {
        const struct h2_field *field = &block->fields[i];

        sum += field->name.len + field->value.len + 32;
        FUZZ_CHECK(block->malformed || field->name.len > 0);
        FUZZ_CHECK(block->malformed || field->value.len == strip(field->value).len);
        FUZZ_CHECK(block->malformed || memchr(field->value.data, '\n', field->value.len) == NULL);
        FUZZ_CHECK(field->token <= H2_TOKEN_GRPC_OTHER && field->indexing <= H2_NEVER_INDEX);
    }
    FUZZ_CHECK(sum <= block->list_size);
    FUZZ_CHECK(block->too_large == (block->list_size > MAX_LIST));
}

static void
check_same(const struct h2_block *a, const struct h2_block *b)
{
    FUZZ_CHECK(a->count == b->count && a->list_size == b->list_size);
    FUZZ_CHECK(a->malformed == b->malformed && a->too_large == b->too_large);
    for (size_t i = 0; i < a->count; i++) {
        FUZZ_CHECK(same_field(&a->fields[i], &b->fields[i]));
        FUZZ_CHECK(a->fields[i].token == b->fields[i].token);
        FUZZ_CHECK(a->fields[i].indexing == b->fields[i].indexing);
    }
}

/* The same block with an update before it, which keeps it out of the memo. */
static enum hpack_result
decode_without_memo(struct pair *pair, weir_str bytes, struct h2_block **out_block)
{
    struct buf copy = BUF_EMPTY;
    enum hpack_result result = HPACK_NO_MEMORY;

    if (buf_append(&copy, pair->table.update.data, pair->table.update.len) &&
        buf_append(&copy, bytes.data, bytes.len))
        result = hpack_decode(pair->without_memo, buf_head(&copy), buf_len(&copy), out_block);
    buf_fini(&copy);
    return result;
}

static void
forget_other(struct pair *pair)
{
    hpack_decoder_free(pair->without_memo);
    pair->without_memo = NULL;
}

/* From memory of exactly its size, so that a sanitizer sees the first byte beyond. */
static enum hpack_result
decode_exact(struct pair *pair, weir_str bytes, struct h2_block **out_block)
{
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    enum hpack_result result = HPACK_NO_MEMORY;

    if (copy != NULL) {
        memcpy(copy, bytes.data, bytes.len);
        result = hpack_decode(pair->tested, copy, bytes.len, out_block);
    }
    free(copy);
    return result;
}

static bool
decode(struct pair *pair, weir_str bytes)
{
    struct h2_block *block = NULL, *other = NULL;
    enum hpack_result result = decode_exact(pair, bytes, &block);

    FUZZ_CHECK((result == HPACK_OK) == (block != NULL));
    if (bytes.len > 0 && ((uint8_t)bytes.data[0] & 0xe0) == 0x20)
        forget_other(pair);
    if (pair->without_memo != NULL)
        FUZZ_CHECK(decode_without_memo(pair, bytes, &other) == result);
    if (block == NULL)
        return false;
    check_sound(block);
    if (other != NULL)
        check_same(block, other);
    h2_block_unref(other);
    if (bytes.len % 3 == 0) {
        h2_block_unref(pair->held);
        pair->held = h2_block_ref(block);
    }
    h2_block_unref(block);
    return true;
}

static void
fuzz_decoder(struct input *input, struct table table)
{
    struct pair pair = {hpack_decoder_new(table.size, MAX_LIST),
        hpack_decoder_new(table.size, MAX_LIST), table, NULL};
    bool good = pair.tested != NULL && pair.without_memo != NULL;

    while (good && input->left > 0) {
        uint8_t step = take_byte(input);

        if (step < LONGEST_BLOCK) {
            good = decode(&pair, take_bytes(input, step));
        } else if (step == LIMIT_STEP) {
            hpack_decoder_limit(pair.tested, take_byte(input) * 32U);
            forget_other(&pair);
        } else {
            good = decode(&pair, take_bytes(input, step * 16U)); /* long ones */
        }
    }
    hpack_decoder_free(pair.tested);
    hpack_decoder_free(pair.without_memo);
    if (pair.held != NULL)
        check_sound(pair.held);
    h2_block_unref(pair.held);
}

/* ---- round trips ---- */

#define FIELD(name, value, indexing)                                                  \
    {                                                                                 \
        {name, sizeof(name) - 1}, {value, sizeof(value) - 1}, H2_TOKEN_NONE, indexing \
    }
static const struct h2_field fixed[] = {FIELD(":method", "POST", H2_INDEX),
    FIELD(":path", "/a.B/C", H2_INDEX), FIELD("te", "trailers", H2_INDEX)};
enum { FIXED = sizeof(fixed) / sizeof(fixed[0]) };

static size_t
take_fields(struct input *input, size_t count, struct h2_field *fields)
{
    size_t taken = 0;

    while (taken < count && input->left > 0) {
        struct h2_field *field = &fields[taken++];
        uint8_t indexing = take_byte(input), name_len = take_byte(input);
        size_t value_len = take_byte(input);

        if ((indexing & 0x80) != 0)
            value_len *= 16;
        field->token = H2_TOKEN_NONE;
        field->indexing = (enum h2_indexing)(indexing % 3);
        field->name = take_bytes(input, name_len);
        field->value = take_bytes(input, value_len);
    }
    return taken;
}

static void
check_fields(const struct h2_field *got, const struct h2_field *sent, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(weir_str_equal(got[i].name, sent[i].name));
        FUZZ_CHECK(weir_str_equal(strip(got[i].value), strip(sent[i].value)));
        FUZZ_CHECK(sent[i].indexing != H2_NEVER_INDEX || got[i].indexing == H2_NEVER_INDEX);
    }
}

static void
round_trip(
    struct input *input, uint8_t step, struct hpack_encoder *encoder, struct hpack_decoder *decoder)
{
    struct h2_field fields[MOST_FIELDS];
    size_t fixed_count = (step & 0x80) != 0 ? FIXED : 0;
    size_t count = take_fields(input, step % MOST_FIELDS, fields);
    struct buf out = BUF_EMPTY;
    struct h2_block *block;

    FUZZ_CHECK(hpack_encode(encoder, fixed, fixed_count, fields, count, &out));
    FUZZ_CHECK(hpack_decode(decoder, buf_head(&out), buf_len(&out), &block) == HPACK_OK);
    FUZZ_CHECK(block->count == fixed_count + count);
    check_fields(block->fields, fixed, fixed_count);
    check_fields(block->fields + fixed_count, fields, count);
    h2_block_unref(block);
    buf_fini(&out);
}

static void
fuzz_round_trips(struct input *input, struct table table)
{
    struct hpack_encoder *encoder = hpack_encoder_new();
    struct hpack_decoder *decoder = hpack_decoder_new(4096, SIZE_MAX);

    FUZZ_CHECK(encoder != NULL && decoder != NULL);
    hpack_encoder_limit(encoder, table.size);
    hpack_decoder_limit(decoder, table.size);
    while (input->left > 0) {
        uint8_t step = take_byte(input);

        if (step == LIMIT_STEP) {
            uint32_t limit = take_byte(input) * 32U;

            hpack_encoder_limit(encoder, limit);
            hpack_decoder_limit(decoder, limit);
        } else {
            round_trip(input, step, encoder, decoder);
        }
    }
    hpack_encoder_free(encoder);
    hpack_decoder_free(decoder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t kind = take_byte(&input);
    struct table table = tables[kind >> 1 & 3];

    if ((kind & 1) == 0)
        fuzz_decoder(&input, table);
    else
        fuzz_round_trips(&input, table);
    return 0;
}
