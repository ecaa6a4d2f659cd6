/* SPDX-License-Identifier: Apache-2.0 */
/* One database into another one, which may be of another kind. */
/* Threads: belongs to one thread, and blocks it. */
#pragma once

#include "userd/archive_file.h"

/* Copy what `to` does not have yet, in transactions of ARCHIVE_BATCH users, so that it can be cut
 * off and begun again; then compare both. `to` holds nothing, or the beginning of `from`, which
 * nobody changes meanwhile. False: cause says why. */
bool archive_copy(struct archive *from, struct archive *to, archive_progress *progress,
    int64_t *out_users, struct store_cause *cause);
