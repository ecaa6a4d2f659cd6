/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of memory as people write them: 64KiB, 256MiB, 1GiB. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Examples of sizes, for messages. */
#define SIZE_EXAMPLES "64KiB, 256MiB or 1GiB"

/* A whole number followed by one of the units KiB, MiB, GiB, in bytes. False: not such a text, or
 * too large for an int64_t. */
bool size_parse(const char *text, uint64_t *out_bytes);
