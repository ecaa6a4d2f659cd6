/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of code points, as ranges (Unicode 14). */
#include "usercommon/code_point.h"

#include <stddef.h>

struct range {
    uint32_t first, last;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
in_ranges(uint32_t code_point, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    }
    return false;
}

bool
code_point_drives_terminal(uint32_t code_point)
{
    static const struct range ranges[] = {{0x00, 0x1F}, {0x7F, 0x9F}, {0xAD, 0xAD}, {0x61C, 0x61C},
        {0x180E, 0x180E}, {0x200B, 0x200B}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},
        {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};

    return in_ranges(code_point, ranges, COUNT(ranges));
}

/* White_Space, without the code points that control a terminal. */
static bool
is_space(uint32_t code_point)
{
    static const struct range ranges[] = {{0x20, 0x20}, {0xA0, 0xA0}, {0x1680, 0x1680},
        {0x2000, 0x200A}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};

    return in_ranges(code_point, ranges, COUNT(ranges));
}

/* Default_Ignorable_Code_Point, without the code points that control a terminal. */
static bool
is_ignorable(uint32_t code_point)
{
    static const struct range ranges[] = {{0x34F, 0x34F}, {0x115F, 0x1160}, {0x17B4, 0x17B5},
        {0x180B, 0x180F}, {0x200C, 0x200D}, {0x3164, 0x3164}, {0xFE00, 0xFE0F}, {0xFFA0, 0xFFA0},
        {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0080, 0xE0FFF}};

    return in_ranges(code_point, ranges, COUNT(ranges));
}

bool
code_point_unseen(uint32_t code_point)
{
    return code_point_drives_terminal(code_point) || is_space(code_point) ||
           is_ignorable(code_point);
}
