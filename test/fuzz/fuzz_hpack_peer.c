/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes HPACK against nghttp2's: both decode the same blocks to the same fields or to none, and
 * each understands what the other encodes.
 *
 *   input:  kind (bit 0: decode or encode) | steps
 *   step of decoding:  length | block
 *   step of encoding:  how many fields, modulo 16 | fields
 *   field:  indexing | length of name | length of value | name | value */
#include "fuzz.h"
#include "http2/hpack.h"
#include "input.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

enum { MAX_LIST = 1 << 20, MOST_FIELDS = 1024, TABLE = 4096 };

struct peers {
    struct hpack_decoder *decoder;
    struct hpack_encoder *encoder;
    nghttp2_hd_inflater *inflater;
    nghttp2_hd_deflater *deflater;
};

struct theirs {
    size_t count;
    struct h2_field fields[MOST_FIELDS];
};

/* nghttp2's fields live as long as its table's entries: a copy of each. */
static weir_str
copy_of(const uint8_t *bytes, size_t len)
{
    char *copy = malloc(len + 1);

    FUZZ_CHECK(copy != NULL);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return (weir_str){copy, len};
}

static void
drop(struct theirs *theirs)
{
    for (size_t i = 0; i < theirs->count; i++) {
        free((void *)(uintptr_t)theirs->fields[i].name.data);
        free((void *)(uintptr_t)theirs->fields[i].value.data);
    }
    theirs->count = 0;
}

/* False: it cannot be decoded. */
static bool
inflate(nghttp2_hd_inflater *inflater, weir_str block, struct theirs *theirs)
{
    const uint8_t *at = (const uint8_t *)block.data;
    size_t left = block.len;
    int flags = 0;

    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv field;
        ssize_t took;

        flags = 0;
        took = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, left, 1);
        if (took < 0)
            return false;
        at += took;
        left -= (size_t)took;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && theirs->count < MOST_FIELDS)
            theirs->fields[theirs->count++] =
                (struct h2_field){.name = copy_of(field.name, field.namelen),
                    .value = copy_of(field.value, field.valuelen)};
    }
    return nghttp2_hd_inflate_end_headers(inflater) == 0;
}

/* As our decoder takes blanks off the values of ordinary fields that are well formed. */
static weir_str
strip(weir_str name, weir_str value)
{
    if (name.len > 0 && name.data[0] == ':')
        return value;
    while (value.len > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = (weir_str){value.data + 1, value.len - 1};
    while (value.len > 0 && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
        value.len--;
    return value;
}

static void
check_same(const struct h2_block *ours, const struct theirs *theirs)
{
    if (ours->too_large || theirs->count == MOST_FIELDS)
        return;
    FUZZ_CHECK(ours->count == theirs->count);
    for (size_t i = 0; i < ours->count; i++) {
        const struct h2_field *field = &theirs->fields[i];

        FUZZ_CHECK(weir_str_equal(ours->fields[i].name, field->name));
        FUZZ_CHECK(weir_str_equal(ours->fields[i].value, strip(field->name, field->value)) ||
                   (ours->malformed && weir_str_equal(ours->fields[i].value, field->value)));
    }
}

/* False: the tables are out of step from here on. */
static bool
decode_both(struct peers *peers, weir_str bytes)
{
    static struct theirs theirs;
    struct h2_block *block = NULL;
    enum hpack_result ours =
        hpack_decode(peers->decoder, (const uint8_t *)bytes.data, bytes.len, &block);
    bool good = inflate(peers->inflater, bytes, &theirs);

    FUZZ_CHECK((ours == HPACK_OK) == good);
    if (good)
        check_same(block, &theirs);
    h2_block_unref(block);
    drop(&theirs);
    return good;
}

static size_t
take_fields(struct input *input, struct h2_field *fields, nghttp2_nv *same)
{
    size_t count = 1 + take_byte(input) % 15;

    for (size_t i = 0; i < count; i++) {
        uint8_t indexing = take_byte(input) % 3;
        size_t name_len = take_byte(input), value_len = take_byte(input);
        weir_str name = take_bytes(input, name_len), value = take_bytes(input, value_len);

        fields[i] =
            (struct h2_field){.name = name, .value = value, .indexing = (enum h2_indexing)indexing};
        same[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)name.data, (uint8_t *)(uintptr_t)value.data,
            name.len, value.len,
            indexing == H2_NEVER_INDEX ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
    }
    return count;
}

static void
encode_both(struct peers *peers, struct input *input)
{
    static struct theirs theirs;
    static uint8_t deflated[1 << 16];
    struct h2_field fields[16];
    nghttp2_nv same[16];
    struct h2_block *block = NULL;
    struct buf encoded = BUF_EMPTY;
    size_t count = take_fields(input, fields, same);
    ssize_t len;

    FUZZ_CHECK(hpack_encode(peers->encoder, NULL, 0, fields, count, &encoded));
    FUZZ_CHECK(inflate(
        peers->inflater, (weir_str){(const char *)buf_head(&encoded), buf_len(&encoded)}, &theirs));
    FUZZ_CHECK(theirs.count == count);
    for (size_t i = 0; i < count; i++)
        FUZZ_CHECK(weir_str_equal(theirs.fields[i].name, fields[i].name) &&
                   weir_str_equal(theirs.fields[i].value, fields[i].value));
    buf_fini(&encoded);

    len = nghttp2_hd_deflate_hd(peers->deflater, deflated, sizeof(deflated), same, count);
    FUZZ_CHECK(len >= 0);
    FUZZ_CHECK(hpack_decode(peers->decoder, deflated, (size_t)len, &block) == HPACK_OK);
    check_same(block, &theirs);
    h2_block_unref(block);
    drop(&theirs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    bool decodes = (take_byte(&input) & 1) == 0, good = true;
    struct peers peers = {
        .decoder = hpack_decoder_new(TABLE, MAX_LIST), .encoder = hpack_encoder_new()};

    FUZZ_CHECK(peers.decoder != NULL && peers.encoder != NULL);
    FUZZ_CHECK(nghttp2_hd_inflate_new(&peers.inflater) == 0);
    FUZZ_CHECK(nghttp2_hd_deflate_new(&peers.deflater, TABLE) == 0);
    while (input.left > 0 && good) {
        if (decodes) {
            size_t len = take_byte(&input);

            good = decode_both(&peers, take_bytes(&input, len));
        } else {
            encode_both(&peers, &input);
        }
    }
    nghttp2_hd_inflate_del(peers.inflater);
    nghttp2_hd_deflate_del(peers.deflater);
    hpack_decoder_free(peers.decoder);
    hpack_encoder_free(peers.encoder);
    return 0;
}
