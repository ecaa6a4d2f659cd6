/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of memory as people write them: 64KiB, 256MiB, 1GiB. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a good size is, for messages. */
#define SIZE_EXAMPLES "64KiB, 256MiB or 1GiB"

/* Bytes of a whole number and one of the units KiB, MiB, GiB. False: it is no such text, or more
 * than an int64_t holds. */
bool size_parse(const char *text, uint64_t *out_bytes);
