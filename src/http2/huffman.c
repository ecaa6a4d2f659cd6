/* SPDX-License-Identifier: Apache-2.0 */
/* The Huffman code of HPACK, decoded from a 64-bit window whose first bit is the next of the code.
 *
 * The common printable characters have codes of 5 to 8 bits, so their first byte determines symbol
 * and length. The length is computed by comparisons rather than looked up, because the next symbol
 * depends on it and comparisons have a lower latency than memory. Longer codes are found by value,
 * since the code is canonical. */
#include "http2/huffman.h"

#include "base/bytes.h"
#include "http2/huffman_table.h"

struct window {
    uint64_t
        bits; /* following the valid ones: zeros, the next bits of the code or, at its end, ones */
    unsigned valid;
};

/* The length of the first code if it has at most 8 bits, that is, if its first byte is below 0xfe.
 */
static inline unsigned
short_len(uint64_t bits)
{
    return 5U + (bits >= UINT64_C(0x50) << 56) + (bits >= UINT64_C(0xb8) << 56) +
           (bits >= UINT64_C(0xf8) << 56);
}

/* Decode a code of 10 bits or more. */
static unsigned
long_symbol(uint64_t bits, unsigned *out_len)
{
    uint32_t code = (uint32_t)(bits >> 32);
    const struct huffman_level *level = huffman_levels;

    while (code > level->last)
        level++;
    *out_len = level->len;
    return huffman_by_rank[level->rank + ((code - level->first) >> (32 - level->len))];
}

static uint64_t
load_be64(const uint8_t *p)
{
    return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

/* Decode while the window holds a complete code of any length. NULL: EOS, which is an error. */
static inline char *
drain(struct window *window, char *out)
{
    while (window->valid >= 30) {
        unsigned first = (unsigned)(window->bits >> 56), len, symbol;

        if (first < 0xfe) {
            len = short_len(window->bits);
            symbol = huffman_short[first];
        } else {
            symbol = long_symbol(window->bits, &len);
            if (symbol == HUFFMAN_EOS)
                return NULL;
        }
        *out++ = (char)symbol;
        window->bits <<= len;
        window->valid -= len;
    }
    return out;
}

/* Decode the rest of the window, which ends with padding: fewer than eight of the first bits of
 * EOS, all ones (RFC 7541, section 5.2). NULL: invalid. */
static char *
drain_last(struct window *window, char *out)
{
    window->bits |= window->valid == 0 ? UINT64_MAX : UINT64_MAX >> window->valid;
    for (;;) {
        unsigned first = (unsigned)(window->bits >> 56);
        unsigned len = short_len(window->bits), symbol;

        if (first < 0xfe)
            symbol = huffman_short[first];
        else
            symbol = long_symbol(window->bits, &len);
        if (len > window->valid)
            return window->valid < 8 && window->bits == UINT64_MAX ? out : NULL;
        if (symbol == HUFFMAN_EOS)
            return NULL;
        *out++ = (char)symbol;
        window->bits = window->bits << len | ((UINT64_C(1) << len) - 1);
        window->valid -= len;
    }
}

size_t
huffman_decode(const uint8_t *data, size_t len, char *out)
{
    const uint8_t *end = data + len;
    struct window window = {0, 0};
    char *next = out;

    while (end - data >= 8) {
        window.bits |= load_be64(data) >> window.valid;
        data += (63 - window.valid) / 8;
        window.valid |= 56;
        next = drain(&window, next);
        if (next == NULL)
            return HUFFMAN_BROKEN;
    }
    /* Bits after the valid ones were loaded ahead of `data`; they are loaded again. */
    window.bits &= window.valid == 0 ? 0 : UINT64_MAX << (64 - window.valid);
    while (data < end) {
        for (; data < end && window.valid <= 56; window.valid += 8)
            window.bits |= (uint64_t)*data++ << (56 - window.valid);
        next = drain(&window, next);
        if (next == NULL)
            return HUFFMAN_BROKEN;
    }
    next = drain_last(&window, next);
    return next == NULL ? HUFFMAN_BROKEN : (size_t)(next - out);
}

size_t
huffman_len(weir_str text)
{
    size_t bits = 0;

    for (size_t i = 0; i < text.len; i++)
        bits += huffman_codes[(uint8_t)text.data[i]].len;
    return (bits + 7) / 8;
}

uint8_t *
huffman_encode(weir_str text, uint8_t *out)
{
    uint64_t bits = 0; /* right-aligned, fewer than 32 between iterations */
    unsigned valid = 0;

    for (size_t i = 0; i < text.len; i++) {
        struct huffman_code code = huffman_codes[(uint8_t)text.data[i]];

        bits = bits << code.len | code.bits;
        valid += code.len;
        if (valid >= 32) {
            valid -= 32;
            store_be32(out, (uint32_t)(bits >> valid));
            out += 4;
        }
    }
    for (; valid >= 8; valid -= 8)
        *out++ = (uint8_t)(bits >> (valid - 8));
    if (valid > 0)
        *out++ = (uint8_t)(bits << (8 - valid) | 0xffU >> valid);
    return out;
}
