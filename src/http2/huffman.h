/* SPDX-License-Identifier: Apache-2.0 */
/* The Huffman code of HPACK (RFC 7541, section 5.2). */
/* Threads: pure functions. */
#pragma once

#include <weir/base.h>

#define HUFFMAN_BROKEN SIZE_MAX

/* How many bytes `len` bytes of code can stand for at most: the shortest code has 5 bits. */
static inline size_t
huffman_bound(size_t len)
{
    return len * 8 / 5;
}

/* The text of `len` bytes of code; `out` has room for huffman_bound. Its length, or HUFFMAN_BROKEN.
 */
size_t huffman_decode(const uint8_t *data, size_t len, char *out);

/* How many bytes the code of a text takes. */
size_t huffman_len(weir_str text);

/* Write the code of a text, huffman_len bytes. The end of what was written. */
uint8_t *huffman_encode(weir_str text, uint8_t *out);
