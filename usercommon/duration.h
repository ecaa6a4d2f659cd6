/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write them: 250ms, 5s, 2m, 1h. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a good duration is, for messages. */
#define DURATION_EXAMPLES "250ms, 5s, 2m or 1h"

/* Nanoseconds of a whole number and one of the units ms, s, m, h. False: it is no such text, or
 * more than an int64_t holds. */
bool duration_parse(const char *text, int64_t *out_nanoseconds);
