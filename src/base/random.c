/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers, from getrandom(2). */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

uint64_t
random_u64(void)
{
    uint64_t number;

    /* The kernel gives up to 256 bytes whole or not at all; only a signal before its pool is ready
     * can interrupt it. A seed that a peer could guess is worse than no service. */
    while (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number)) {
        if (errno != EINTR)
            abort();
    }
    return number;
}
