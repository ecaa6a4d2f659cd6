/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629): one code point at a time. */
#include <weir/base.h>

/* The length of a sequence that starts with this byte; 0: invalid. C0, C1 and F5 to FF never occur.
 */
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
weir_utf8_decode(const char *text, size_t len, uint32_t *out_code_point)
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
