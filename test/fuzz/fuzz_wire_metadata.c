/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what is read out of headers: timeouts, base64, percent-encoding, and requests and
 * responses out of header blocks that go through HPACK.
 *
 *   input:  0 | text                                       for the text codecs
 *           n | length (1 byte) | block | length | ...     for n > 0: header blocks for one decoder
 */
#include "fuzz.h"
#include "wire/wire.h"

static void
check_timeout(weir_str text)
{
    char packed[WIRE_TIMEOUT_TEXT];
    int64_t timeout, again;
    size_t len;

    if (!wire_timeout_unpack(text, &timeout))
        return;
    FUZZ_CHECK(timeout >= 0);
    len = wire_timeout_pack(timeout, packed);
    FUZZ_CHECK(len >= 2 && len <= 9);
    FUZZ_CHECK(wire_timeout_unpack((weir_str){packed, len}, &again));
    FUZZ_CHECK(again >= timeout);
}

static void
check_base64(struct arena *arena, weir_str text)
{
    weir_str encoded = wire_base64_encode(arena, text), decoded;

    FUZZ_CHECK(wire_base64_decode(arena, encoded, &decoded) == WEIR_OK);
    FUZZ_CHECK(weir_str_equal(decoded, text));
    if (wire_base64_decode(arena, text, &decoded) == WEIR_OK)
        FUZZ_CHECK(decoded.len <= text.len / 4 * 3 + 2);
}

/* Decoded text is its own best copy: encoding it and decoding that gives it again. */
static void
check_percent(struct arena *arena, weir_str text)
{
    const char *decoded = wire_percent_decode(arena, text);
    weir_str encoded;

    FUZZ_CHECK(strlen(decoded) <= text.len);
    encoded = wire_percent_encode(arena, weir_str_of(decoded));
    FUZZ_CHECK(wire_value_is_sendable(encoded));
    FUZZ_CHECK(strcmp(wire_percent_decode(arena, encoded), decoded) == 0);
}

static void
check_text(struct arena *arena, weir_str text)
{
    check_timeout(text);
    check_base64(arena, text);
    check_percent(arena, text);
    (void)wire_accepts_gzip(text);
    if (wire_key_is_sendable(text))
        FUZZ_CHECK(wire_value_is_sendable(text));
}

static void
check_request(const struct h2_block *block)
{
    struct wire_request request;
    const char *why = NULL;
    int http_status = 0;
    weir_code code = WEIR_OK;

    switch (wire_request_read(block, &request, &http_status, &code, &why)) {
    case WIRE_GRPC:
        FUZZ_CHECK(request.path.len > 0 && request.path.data[0] == '/' && request.timeout > 0);
        break;
    case WIRE_HTTP_STATUS:
        FUZZ_CHECK(http_status >= 400 && http_status < 500);
        break;
    case WIRE_STATUS:
        FUZZ_CHECK(code != WEIR_OK && why != NULL);
        break;
    }
}

static void
check_response(const struct h2_block *block, struct arena *arena)
{
    const char *message = NULL;
    weir_str encoding;

    if (wire_response_read(block, arena, &encoding, &message) != WEIR_OK)
        FUZZ_CHECK(message != NULL);
    message = NULL;
    FUZZ_CHECK(wire_trailers_read(block, arena, &message) <= WEIR_UNAUTHENTICATED);
    FUZZ_CHECK(message != NULL);
}

static void
check_blocks(struct arena *arena, const uint8_t *data, size_t size)
{
    struct hpack_decoder *decoder = hpack_decoder_new(4096, 4096);
    struct h2_block *block;

    FUZZ_CHECK(decoder != NULL);
    while (size > 0) {
        size_t len = data[0] < size ? data[0] : size - 1;

        if (hpack_decode(decoder, data + 1, len, &block) != HPACK_OK)
            break;
        check_request(block);
        check_response(block, arena);
        h2_block_unref(block);
        data += 1 + len;
        size -= 1 + len;
    }
    hpack_decoder_free(decoder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    if (size == 0)
        return 0;
    arena_init(&arena, NULL, 0);
    if (data[0] == 0)
        check_text(&arena, (weir_str){(const char *)data + 1, size - 1});
    else
        check_blocks(&arena, data + 1, size - 1);
    arena_fini(&arena);
    return 0;
}
