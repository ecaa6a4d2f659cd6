/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of option structs. */
#include "base/options.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

weir_code
options_refuse(struct weir_error *error, weir_code code, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return code;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return code;
}

weir_code
options_no_memory(struct weir_error *error)
{
    return options_refuse(error, WEIR_RESOURCE_EXHAUSTED, "no memory");
}

weir_code
options_check_times(const struct options_time *times, size_t count, struct weir_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (times[i].value < 0)
            return options_refuse(error, WEIR_INVALID_ARGUMENT, "%s is below zero", times[i].name);
    return WEIR_OK;
}

weir_code
options_check_choice(const char *name, int64_t value, int64_t greatest, struct weir_error *error)
{
    if (value >= 0 && value <= greatest)
        return WEIR_OK;
    return options_refuse(error, WEIR_INVALID_ARGUMENT,
        "%s is %" PRId64 ", which is none of its values", name, value);
}
