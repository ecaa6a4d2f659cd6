/* SPDX-License-Identifier: Apache-2.0 */
/* The percent-encoding of grpc-message (PROTOCOL-HTTP2, Status-Message): UTF-8 text in printable
 * ASCII. */
#include "wire/wire.h"

/* Spaces at the ends of a value are escaped, since HTTP/2 forbids them (RFC 9113, section 8.2.1).
 */
static bool
is_plain(weir_str text, size_t at)
{
    unsigned char c = (unsigned char)text.data[at];

    if (c == ' ')
        return at > 0 && at + 1 < text.len;
    return c > 0x20 && c <= 0x7e && c != '%';
}

weir_str
wire_percent_encode(struct arena *arena, weir_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    weir_str encoded = {NULL, 0};
    char *out;

    if (text.len > SIZE_MAX / 4)
        return encoded;
    out = arena_alloc(arena, text.len * 3 + 1);
    if (out == NULL)
        return encoded;
    encoded.data = out;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (is_plain(text, i)) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        }
    }
    encoded.len = (size_t)(out - encoded.data);
    return encoded;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* The byte of the escape at the start of text, -1 if it is none. */
static int
unescape(weir_str text)
{
    int high, low;

    if (text.len < 3 || text.data[0] != '%')
        return -1;
    high = hex_value(text.data[1]);
    low = hex_value(text.data[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* The result must be UTF-8 without NUL, which would truncate it; a peer may send anything. */
static void
replace_non_utf8(char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        uint32_t code_point = 0;
        size_t step = weir_utf8_decode(text + at, len - at, &code_point);

        if (code_point == 0) {
            text[at] = '?';
            step = 1;
        }
        at += step;
    }
}

char *
wire_percent_decode(struct arena *arena, weir_str text)
{
    char *decoded = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    if (decoded == NULL)
        return NULL;
    while (text.len > 0) {
        int byte = unescape(text);
        size_t step = byte < 0 ? 1 : 3;

        decoded[len++] = byte < 0 ? text.data[0] : (char)byte;
        text.data += step;
        text.len -= step;
    }
    replace_non_utf8(decoded, len);
    decoded[len] = '\0';
    return decoded;
}
