/* SPDX-License-Identifier: Apache-2.0 */
/* Base64url without padding (RFC 4648, section 5; RFC 7515, section 2). */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for what len characters stand for, and for the text of len bytes with its NUL. */
#define BASE64URL_DECODED(len) ((len) / 4 * 3 + 2)
#define BASE64URL_ENCODED(len) (((len) + 2) / 3 * 4 + 1)

/* Exactly one text stands for each sequence of bytes: padding, white space and spare bits that are
 * not zero are refused. */
bool base64url_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

/* Writes a NUL behind it. The length without that. */
size_t base64url_encode(const uint8_t *bytes, size_t len, char *out);
