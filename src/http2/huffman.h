/* SPDX-License-Identifier: Apache-2.0 */
/* The Huffman code of HPACK (RFC 7541, section 5.2). */
/* Threads: pure functions. */
#pragma once

#include <weir/base.h>

#define HUFFMAN_BROKEN SIZE_MAX

/* The maximum length of the text that `len` bytes decode to: the shortest code has 5 bits. */
static inline size_t
huffman_bound(size_t len)
{
    return len * 8 / 5;
}

/* Decode `len` bytes; `out` must have room for huffman_bound(len). Returns the length of the text,
 * or HUFFMAN_BROKEN. */
size_t huffman_decode(const uint8_t *data, size_t len, char *out);

/* The encoded length of a text, in bytes. */
size_t huffman_len(weir_str text);

/* Encode a text, writing huffman_len bytes. Returns their end. */
uint8_t *huffman_encode(weir_str text, uint8_t *out);
