/* SPDX-License-Identifier: Apache-2.0 */
/* The five bytes in front of each message: a flag for compression and the length. */
#include "wire/wire.h"

#include "base/bytes.h"

void
wire_prefix_pack(uint8_t out[WIRE_PREFIX_SIZE], bool compressed, uint32_t len)
{
    out[0] = compressed;
    store_be32(out + 1, len);
}

weir_code
wire_prefix_unpack(const uint8_t bytes[WIRE_PREFIX_SIZE], struct wire_prefix *out_prefix)
{
    /* PROTOCOL-HTTP2, Compressed-Flag: 0 or 1; other values are undefined. */
    if (bytes[0] > 1)
        return WEIR_INTERNAL;
    out_prefix->compressed = bytes[0];
    out_prefix->len = load_be32(bytes + 1);
    return WEIR_OK;
}
