/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the snapshots of readers that were idle for a short while. */
/* Threads: init and fini on one thread; a thread of its own does the work. */
#pragma once

#include "userd/sqlite_reader.h"

struct sqlite_sweeper {
    struct sqlite_readers *readers; /* borrowed */
    pthread_t thread;
    bool started;
    bool ending; /* under the readers' lock */
};

/* False: there is no thread, cause says why; fini may be called all the same. */
bool sqlite_sweeper_init(
    struct sqlite_sweeper *sweeper, struct sqlite_readers *readers, struct store_cause *cause);

/* Before sqlite_readers_fini. */
void sqlite_sweeper_fini(struct sqlite_sweeper *sweeper);
