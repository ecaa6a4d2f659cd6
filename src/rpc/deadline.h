/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines from durations chosen by a user or a peer. */
/* Threads: a pure function. */
#pragma once

#include <weir/base.h>

/* `duration` may be any value: a sum that would overflow is WEIR_NEVER. */
static inline int64_t
deadline_after(int64_t now, int64_t duration)
{
    return duration > WEIR_NEVER - now ? WEIR_NEVER : now + duration;
}
