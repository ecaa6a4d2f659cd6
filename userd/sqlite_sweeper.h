/* SPDX-License-Identifier: Apache-2.0 */
/* Lets go of the snapshots of readers that have had no work for a short while. */
/* Threads: init and fini on one thread, one after the other; a thread of its own does the work. */
#pragma once

#include "userd/sqlite_reader.h"

struct sqlite_sweeper {
    struct sqlite_readers *readers; /* borrowed */
    pthread_t thread;
    bool started;
    bool ending; /* under the readers' lock */
};

/* False: there is no thread, cause says so; fini may follow nonetheless. */
bool sqlite_sweeper_init(
    struct sqlite_sweeper *sweeper, struct sqlite_readers *readers, struct store_cause *cause);

/* Before the readers' own. */
void sqlite_sweeper_fini(struct sqlite_sweeper *sweeper);
