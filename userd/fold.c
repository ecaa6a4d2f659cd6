/* SPDX-License-Identifier: Apache-2.0 */
/* Case folding by a table of ranges, after Unicode's CaseFolding.txt (statuses C and S). */
#include "userd/fold.h"

#include "usercommon/utf8.h"
#include <string.h>

/* Every step-th code point from first to last folds to itself plus delta. Ordered. */
struct range {
    uint32_t first, last;
    uint32_t step;
    int32_t delta;
};

static const struct range ranges[] = {
    {'A', 'Z', 1, 32},
    {0xB5, 0xB5, 1, 775},
    {0xC0, 0xD6, 1, 32},
    {0xD8, 0xDE, 1, 32},
    {0x100, 0x12E, 2, 1},
    {0x132, 0x136, 2, 1},
    {0x139, 0x147, 2, 1},
    {0x14A, 0x176, 2, 1},
    {0x178, 0x178, 1, -121},
    {0x179, 0x17D, 2, 1},
    {0x17F, 0x17F, 1, -268},
    {0x1A0, 0x1A4, 2, 1},
    {0x1AF, 0x1AF, 1, 1},
    {0x1CD, 0x1DB, 2, 1},
    {0x1DE, 0x1EE, 2, 1},
    {0x1F8, 0x21E, 2, 1},
    {0x222, 0x232, 2, 1},
    {0x386, 0x386, 1, 38},
    {0x388, 0x38A, 1, 37},
    {0x38C, 0x38C, 1, 64},
    {0x38E, 0x38F, 1, 63},
    {0x391, 0x3A1, 1, 32},
    {0x3A3, 0x3AB, 1, 32},
    {0x3C2, 0x3C2, 1, 1},
    {0x400, 0x40F, 1, 80},
    {0x410, 0x42F, 1, 32},
    {0x460, 0x480, 2, 1},
    {0x48A, 0x4BE, 2, 1},
    {0x4C0, 0x4C0, 1, 15},
    {0x4C1, 0x4CD, 2, 1},
    {0x4D0, 0x52E, 2, 1},
    {0x531, 0x556, 1, 48},
    {0x1E00, 0x1E94, 2, 1},
    {0x1EA0, 0x1EFE, 2, 1},
    {0xFF21, 0xFF3A, 1, 32},
};

static uint32_t
fold_code_point(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const struct range *range = &ranges[i];
        if (code_point < range->first)
            break;
        if (code_point <= range->last && (code_point - range->first) % range->step == 0)
            return code_point + (uint32_t)range->delta;
    }
    return code_point;
}

void
fold_case(const char *text, size_t len, char *out_key)
{
    size_t size;

    for (size_t at = 0; at < len; at += size) {
        uint32_t code_point;
        size = utf8_decode(text + at, len - at, &code_point);
        if (size == 0)
            break;
        out_key += utf8_encode(fold_code_point(code_point), out_key);
    }
    *out_key = '\0';
}
