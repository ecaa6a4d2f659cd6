/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks. */
#include <time.h>
#include <weir/base.h>

int64_t
weir_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * WEIR_SECOND + now.tv_nsec;
}

int64_t
weir_unix_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}
