/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of option structs: why what was asked for cannot be made. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include "base/hint.h"
#include <weir/status.h>

/* The code; why is written to error unless that is NULL. */
COLD weir_code options_refuse(struct weir_error *error, weir_code code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* RESOURCE_EXHAUSTED. */
COLD weir_code options_no_memory(struct weir_error *error);

struct options_time {
    const char *name;
    int64_t value;
};

#define OPTIONS_TIME(options, field) \
    {                                \
#field, (options)->field     \
    }

/* INVALID_ARGUMENT: one is below zero, and what is waited for would be over already. */
WEIR_CHECK weir_code options_check_times(
    const struct options_time *times, size_t count, struct weir_error *error);

/* INVALID_ARGUMENT: more than the greatest value of its enum, or less than 0. */
WEIR_CHECK weir_code options_check_choice(
    const char *name, int64_t value, int64_t greatest, struct weir_error *error);
