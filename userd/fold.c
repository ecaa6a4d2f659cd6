/* SPDX-License-Identifier: Apache-2.0 */
/* Case folding by a table of code point ranges. */
#include "userd/fold.h"

#include "usercommon/utf8.h"
#include "userd/fold_table.h"
#include <string.h>

#define RANGES (sizeof(fold_ranges) / sizeof(fold_ranges[0]))

static uint32_t
fold_code_point(uint32_t code_point)
{
    size_t low = 0, high = RANGES;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct fold_range *range = &fold_ranges[middle];
        if (code_point < range->first)
            high = middle;
        else if (code_point > range->last)
            low = middle + 1;
        else if ((code_point - range->first) % range->step == 0)
            return code_point + (uint32_t)range->delta;
        else
            break;
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
