/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: one code point at a time. */
#include "usercommon/utf8.h"

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
