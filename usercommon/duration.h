/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write them: 250ms, 5s, 2m, 1h. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Examples of durations, for messages. */
#define DURATION_EXAMPLES "250ms, 5s, 2m or 1h"

/* A whole number followed by one of the units ms, s, m, h, in nanoseconds. False: not such a text,
 * or too large for an int64_t. */
bool duration_parse(const char *text, int64_t *out_nanoseconds);
