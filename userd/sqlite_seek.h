/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the start of a range that skips many users. */
/* Threads: sqlite_seek may be called from any; a thread of its own does the work. */
#pragma once

#include "userd/ranks.h"
#include "userd/sqlite_reader.h"
#include <stdatomic.h>
#include <weir/pool.h>

struct sqlite_seeker {
    struct sqlite_readers *readers; /* borrowed */
    weir_pool *pool;                /* one thread */
    struct ranks ranks;
    atomic_uint waiting;
};

/* False: no thread or no memory, cause says which. */
bool sqlite_seeker_init(
    struct sqlite_seeker *seeker, struct sqlite_readers *readers, struct store_cause *cause);

/* No sqlite_seek may be under way. */
void sqlite_seeker_fini(struct sqlite_seeker *seeker);

/* Turn a range into the same one that skips nothing, and borrow a reader in whose snapshot this
 * holds. Or a fault; RESOURCE_EXHAUSTED: too many are waiting; or why the call ended. Suspends. */
weir_code sqlite_seek(struct sqlite_seeker *seeker, weir_call *call, const struct user_range *range,
    struct user_range *out_range, struct sqlite_reader **out_reader, struct store_cause *cause);
