/* SPDX-License-Identifier: Apache-2.0 */
/* A whole number with a unit, such as a duration or a size. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct quantity_unit {
    const char *name;
    int64_t value;
};

/* The number times its unit; the list of units ends with a NULL name. False: not such a text, or
 * too large for an int64_t. */
bool quantity_parse(const char *text, const struct quantity_unit *units, int64_t *out);
