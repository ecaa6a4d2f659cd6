/* SPDX-License-Identifier: Apache-2.0 */
/* A whole number with a unit. */
#include "usercommon/quantity.h"

#include <string.h>

static int64_t
value_of(const struct quantity_unit *units, const char *name)
{
    while (units->name != NULL && strcmp(name, units->name) != 0)
        units++;
    return units->name == NULL ? 0 : units->value;
}

bool
quantity_parse(const char *text, const struct quantity_unit *units, int64_t *out)
{
    const char *at = text;
    int64_t number = 0;
    int64_t unit;

    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number))
            return false;
    }
    unit = value_of(units, at);
    if (at == text || unit == 0)
        return false;
    if (__builtin_mul_overflow(number, unit, &number))
        return false;
    *out = number;
    return true;
}
