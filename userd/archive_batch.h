/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts on their way from one place to another. */
/* Threads: belongs to one thread. */
#pragma once

#include "userd/archive.h"

struct archive_batch {
    struct account accounts[ARCHIVE_BATCH];
    char *texts[ARCHIVE_BATCH]; /* of each account, one piece */
    size_t count;
};

/* Add a copy to a batch that is not full. False: no memory. */
bool archive_batch_add(struct archive_batch *batch, const struct account *account);

/* Empty it. */
void archive_batch_clear(struct archive_batch *batch);

/* Are two accounts the same in all that is kept of them? */
bool archive_same(const struct account *a, const struct account *b);
