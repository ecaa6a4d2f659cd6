/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time from durations that a user or a peer has chosen. */
/* Threads: a pure function. */
#pragma once

#include <weir/base.h>

/* `duration` may be anything: a sum that the clock cannot reach is WEIR_NEVER. */
static inline int64_t
deadline_after(int64_t now, int64_t duration)
{
    return duration > WEIR_NEVER - now ? WEIR_NEVER : now + duration;
}
