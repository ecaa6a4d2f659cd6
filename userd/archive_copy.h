/* SPDX-License-Identifier: Apache-2.0 */
/* Copies one database into another, which may be of another kind. */
/* Threads: belongs to one thread, and blocks it. */
#pragma once

#include "userd/archive_file.h"

/* Copy what `to` does not have yet, in transactions of ARCHIVE_BATCH users, so that an interrupted
 * copy can be resumed; then compare both. `to` must be empty, or hold the beginning of `from`,
 * which must not be changed meanwhile. False: cause says why. */
bool archive_copy(struct archive *from, struct archive *to, archive_progress *progress,
    int64_t *out_users, struct store_cause *cause);
