/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write them. */
#include "usercommon/duration.h"

#include <stddef.h>
#include <string.h>
#include <weir/base.h>

static int64_t
unit_nanoseconds(const char *unit)
{
    static const struct {
        const char *name;
        int64_t nanoseconds;
    } units[] = {
        {"ms", WEIR_MILLISECOND},
        {"s", WEIR_SECOND},
        {"m", 60 * WEIR_SECOND},
        {"h", 3600 * WEIR_SECOND},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].name) == 0)
            return units[i].nanoseconds;
    }
    return 0;
}

bool
duration_parse(const char *text, int64_t *out_nanoseconds)
{
    const char *at = text;
    int64_t number = 0;
    int64_t unit;

    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number))
            return false;
    }
    unit = unit_nanoseconds(at);
    if (at == text || unit == 0)
        return false;
    if (__builtin_mul_overflow(number, unit, &number))
        return false;
    *out_nanoseconds = number;
    return true;
}
