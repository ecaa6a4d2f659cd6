/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629): one code point at a time. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

/* Room for one encoded code point. */
#define UTF8_MAX 4

/* Weir's weir_utf8_decode. */
static inline size_t
utf8_decode(const char *text, size_t len, uint32_t *out_code_point)
{
    return weir_utf8_decode(text, len, out_code_point);
}

/* Returns the number of bytes written to out. The code point must be at most U+10FFFF. */
size_t utf8_encode(uint32_t code_point, char out[UTF8_MAX]);

bool utf8_valid(const char *text, size_t len);
