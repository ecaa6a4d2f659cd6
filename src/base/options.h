/* SPDX-License-Identifier: Apache-2.0 */
/* Validation of option structs, with errors. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include "base/hint.h"
#include <weir/status.h>

/* Format the reason into error, unless that is NULL, and return the code. */
COLD weir_code options_refuse(struct weir_error *error, weir_code code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* Returns RESOURCE_EXHAUSTED. */
COLD weir_code options_no_memory(struct weir_error *error);

struct options_time {
    const char *name;
    int64_t value;
};

#define OPTIONS_TIME(options, field) \
    {                                \
#field, (options)->field     \
    }

/* INVALID_ARGUMENT: one of the times is negative. */
WEIR_CHECK weir_code options_check_times(
    const struct options_time *times, size_t count, struct weir_error *error);

/* INVALID_ARGUMENT: the value is not in 0 to `greatest`, the last one of its enum. */
WEIR_CHECK weir_code options_check_choice(
    const char *name, int64_t value, int64_t greatest, struct weir_error *error);
