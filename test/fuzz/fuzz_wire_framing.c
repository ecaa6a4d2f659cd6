/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the framing of messages: a stream of prefixes and payloads, the compressed ones inflated.
 *
 *   input:  limit (2 bytes) | prefix | payload | prefix | payload | ... */
#include "base/bytes.h"
#include "fuzz.h"
#include "wire/wire.h"

static struct wire_gzip gzip; /* as a loop has one for all its messages */

/* What comes out of inflating goes in again and must come out the same. */
static void
check_round_trip(const struct buf *plain)
{
    struct buf packed = BUF_EMPTY, again = BUF_EMPTY;
    const uint8_t *bytes = plain->data + plain->head;
    size_t len = buf_len(plain);

    FUZZ_CHECK(wire_gzip_deflate(&gzip, bytes, len, &packed) == WEIR_OK);
    FUZZ_CHECK(
        wire_gzip_inflate(&gzip, buf_head(&packed), buf_len(&packed), len, &again) == WEIR_OK);
    FUZZ_CHECK(buf_len(&again) == len);
    FUZZ_CHECK(len == 0 || memcmp(buf_head(&again), bytes, len) == 0);
    buf_fini(&packed);
    buf_fini(&again);
}

static void
inflate(const uint8_t *data, size_t len, size_t limit)
{
    struct buf plain = BUF_EMPTY;
    weir_code code = wire_gzip_inflate(&gzip, data, len, limit, &plain);

    FUZZ_CHECK(buf_len(&plain) <= limit);
    if (code == WEIR_OK)
        check_round_trip(&plain);
    else
        FUZZ_CHECK(buf_len(&plain) == 0);
    buf_fini(&plain);
}

/* One message off the front; false when the stream is over or broken. */
static bool
take_message(const uint8_t **data, size_t *left, size_t limit)
{
    uint8_t packed[WIRE_PREFIX_SIZE];
    struct wire_prefix prefix;

    if (*left < WIRE_PREFIX_SIZE)
        return false;
    if (wire_prefix_unpack(*data, &prefix) != WEIR_OK) {
        FUZZ_CHECK((*data)[0] > 1);
        return false;
    }
    wire_prefix_pack(packed, prefix.compressed, prefix.len);
    FUZZ_CHECK(memcmp(packed, *data, sizeof packed) == 0);
    *data += WIRE_PREFIX_SIZE;
    *left -= WIRE_PREFIX_SIZE;
    if (prefix.len > *left)
        return false;
    if (prefix.compressed)
        inflate(*data, prefix.len, limit);
    *data += prefix.len;
    *left -= prefix.len;
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t limit;

    if (size < 2)
        return 0;
    limit = load_be16(data);
    data += 2;
    size -= 2;
    (void)wire_accepts_gzip((weir_str){(const char *)data, size});
    inflate(data, size, limit);
    while (take_message(&data, &size, limit))
        continue;
    return 0;
}
