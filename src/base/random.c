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

    /* The kernel returns up to 256 bytes completely or not at all; only a signal before its pool is
     * initialised can interrupt it. Aborting is better than a seed that a peer could guess. */
    while (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number)) {
        if (errno != EINTR)
            abort();
    }
    return number;
}
