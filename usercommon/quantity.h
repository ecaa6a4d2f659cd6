/* SPDX-License-Identifier: Apache-2.0 */
/* A whole number and a unit, which durations and sizes are. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct quantity_unit {
    const char *name;
    int64_t value;
};

/* The number times its unit, of a list that ends with a name of NULL. False: it is no such text, or
 * more than an int64_t holds. */
bool quantity_parse(const char *text, const struct quantity_unit *units, int64_t *out);
