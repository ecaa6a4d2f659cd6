/* SPDX-License-Identifier: Apache-2.0 */
/* Finding where a range begins that skips many users. */
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

/* False: there is no thread or no memory, cause says why. */
bool sqlite_seeker_init(
    struct sqlite_seeker *seeker, struct sqlite_readers *readers, struct store_cause *cause);

/* No sqlite_seek is under way. */
void sqlite_seeker_fini(struct sqlite_seeker *seeker);

/* The same range with nothing left to skip, and a borrowed reader in whose snapshot it is so. Or a
 * fault; RESOURCE_EXHAUSTED: too many wait already; or why the call ended. Suspends. */
weir_code sqlite_seek(struct sqlite_seeker *seeker, weir_call *call, const struct user_range *range,
    struct user_range *out_range, struct sqlite_reader **out_reader, struct store_cause *cause);
