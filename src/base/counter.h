/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that one thread increments and any may read: relaxed load and store, no lock. */
/* Threads: one writer at a time; any reader, which may see a slightly old value. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

static inline uint64_t
counter_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void
counter_add(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, counter_read(counter) + more, memory_order_relaxed);
}

static inline void
counter_sub(_Atomic uint64_t *counter, uint64_t less)
{
    atomic_store_explicit(counter, counter_read(counter) - less, memory_order_relaxed);
}
