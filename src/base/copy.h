/* SPDX-License-Identifier: Apache-2.0 */
/* Inline copies of short strings, faster than calling memcpy and memchr. The last piece overlaps
 * the previous one, so that all pieces have the same size. */
/* Threads: pure functions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t copy_lanes
    __attribute__((vector_size(16))); /* one SIMD register, where available */

static inline copy_lanes
copy_load(const uint8_t *from)
{
    copy_lanes lanes;

    memcpy(&lanes, from, sizeof(lanes));
    return lanes;
}

static inline void
copy_store(uint8_t *to, copy_lanes lanes)
{
    memcpy(to, &lanes, sizeof(lanes));
}

/* For 16 bytes and more. */
static inline bool
copy_by_lanes(uint8_t *to, const uint8_t *from, size_t len)
{
    copy_lanes first = copy_load(from), last = copy_load(from + len - sizeof(last));
    copy_lanes zeros = (copy_lanes)((first == 0) | (last == 0));
    uint64_t halves[2];

    copy_store(to, first);
    copy_store(to + len - sizeof(last), last);
    for (size_t i = sizeof(first); i + sizeof(last) < len; i += sizeof(first)) {
        copy_lanes lanes = copy_load(from + i);

        copy_store(to + i, lanes);
        zeros |= (copy_lanes)(lanes == 0);
    }
    memcpy(halves, &zeros, sizeof(zeros));
    return (halves[0] | halves[1]) != 0;
}

/* Not 0 if one of the eight bytes is 0. */
static inline uint64_t
copy_zeros_of(uint64_t word)
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

static inline bool
copy_8_to_15(uint8_t *to, const uint8_t *from, size_t len)
{
    uint64_t head, tail;

    memcpy(&head, from, sizeof(head));
    memcpy(&tail, from + len - sizeof(tail), sizeof(tail));
    memcpy(to, &head, sizeof(head));
    memcpy(to + len - sizeof(tail), &tail, sizeof(tail));
    return (copy_zeros_of(head) | copy_zeros_of(tail)) != 0;
}

static inline bool
copy_4_to_7(uint8_t *to, const uint8_t *from, size_t len)
{
    uint32_t head, tail;

    memcpy(&head, from, sizeof(head));
    memcpy(&tail, from + len - sizeof(tail), sizeof(tail));
    memcpy(to, &head, sizeof(head));
    memcpy(to + len - sizeof(tail), &tail, sizeof(tail));
    return copy_zeros_of((uint64_t)head << 32 | tail) != 0;
}

static inline bool
copy_1_to_3(uint8_t *to, const uint8_t *from, size_t len)
{
    uint8_t head = from[0], middle = from[len / 2], tail = from[len - 1];

    to[0] = head;
    to[len / 2] = middle;
    to[len - 1] = tail;
    return head == 0 || middle == 0 || tail == 0;
}

/* Copy a few bytes, without overlap. True: one of them is zero. */
static inline bool
copy_few(uint8_t *to, const uint8_t *from, size_t len)
{
    if (len >= 16)
        return copy_by_lanes(to, from, len);
    if (len >= 8)
        return copy_8_to_15(to, from, len);
    if (len >= 4)
        return copy_4_to_7(to, from, len);
    return len > 0 && copy_1_to_3(to, from, len);
}

/* Lengths below this are copied inline rather than by memcpy. */
#define COPY_FEW 128

/* Copy any number of bytes, without overlap; optimised for few. */
static inline void
copy_bytes(uint8_t *to, const uint8_t *from, size_t len)
{
    if (len < COPY_FEW)
        copy_few(to, from, len);
    else
        memcpy(to, from, len);
}
