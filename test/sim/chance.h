/* SPDX-License-Identifier: Apache-2.0 */
/* Where a run's decisions come from: a seed's numbers, or a fuzzer's bytes. */
/* Threads: none; a run is alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chance {
    uint64_t state;       /* of the generator, when there are no bytes */
    const uint8_t *bytes; /* NULL: the generator decides */
    size_t left;
};

/* A number below `below`, which is above 0. Bytes that have run out are zeros. */
static inline uint32_t
chance_below(struct chance *chance, uint32_t below)
{
    uint64_t z;

    if (chance->bytes != NULL) {
        uint32_t number = 0;

        for (uint32_t reach = 1; reach < below && chance->left > 0; reach <<= 8) {
            number = number << 8 | *chance->bytes++;
            chance->left--;
            if (reach > UINT32_MAX >> 8)
                break;
        }
        return number % below;
    }
    /* splitmix64 */
    z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}

/* True once in `in` times. */
static inline bool
chance_one(struct chance *chance, uint32_t in)
{
    return chance_below(chance, in) == in - 1;
}
