/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzzers share: the entry point, and a check that holds in every build. */
/* Threads: none; a fuzzer runs alone. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One input. Always 0. libFuzzer calls it, or replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A finding, also where NDEBUG takes assert away. */
#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)
