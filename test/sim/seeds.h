/* SPDX-License-Identifier: Apache-2.0 */
/* Worlds that have shown something, and one of each kind: run first, and twice, by sim.c. */
/* Threads: constant. */
#pragma once

#include <stdint.h>

static const struct {
    uint64_t seed, events;
} seeds[] = {
    {1, 20000},
    {2, 20000},
    {3, 20000},
    {4, 20000},
};
