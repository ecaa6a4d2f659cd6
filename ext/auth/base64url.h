/* SPDX-License-Identifier: Apache-2.0 */
/* Base64url without padding (RFC 4648, section 5; RFC 7515, section 2). */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Buffer sizes: for decoding len characters, and for encoding len bytes with a NUL. */
#define BASE64URL_DECODED(len) ((len) / 4 * 3 + 2)
#define BASE64URL_ENCODED(len) (((len) + 2) / 3 * 4 + 1)

/* Strict: each byte sequence has exactly one encoding. Padding, whitespace and non-zero spare bits
 * are rejected. */
bool base64url_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

/* Writes a NUL-terminated text, and returns its length. */
size_t base64url_encode(const uint8_t *bytes, size_t len, char *out);
