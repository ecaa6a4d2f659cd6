/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: one code point at a time. */
#include "usercommon/utf8.h"

/* How long a sequence is that begins with this byte; 0: none does. C0, C1 and F5 up never occur. */
static size_t
sequence_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

size_t
utf8_decode(const char *text, size_t len, uint32_t *out_code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char payload[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code_point;
    size_t size;

    if (len == 0)
        return 0;
    size = sequence_length((unsigned char)text[0]);
    if (size == 0 || size > len)
        return 0;
    code_point = (unsigned char)text[0] & payload[size];
    for (size_t i = 1; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte & 0xC0) != 0x80)
            return 0;
        code_point = code_point << 6 | (byte & 0x3Fu);
    }
    if (code_point < smallest[size] || code_point > 0x10FFFF ||
        (code_point >= 0xD800 && code_point < 0xE000))
        return 0;
    *out_code_point = code_point;
    return size;
}

size_t
utf8_encode(uint32_t code_point, char out[UTF8_MAX])
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t size = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;

    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    out[0] = (char)(leads[size] | code_point);
    return size;
}

bool
utf8_valid(const char *text, size_t len)
{
    uint32_t code_point;

    for (size_t at = 0; at < len;) {
        size_t size = utf8_decode(text + at, len - at, &code_point);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}
