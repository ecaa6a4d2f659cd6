/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of accounts. */
/* Threads: belongs to one thread. */
#pragma once

#include "userd/archive.h"

struct archive_batch {
    struct account accounts[ARCHIVE_BATCH];
    char *texts[ARCHIVE_BATCH]; /* of each account, in one allocation */
    size_t count;
};

/* Append a copy; the batch must not be full. False: no memory. */
bool archive_batch_add(struct archive_batch *batch, const struct account *account);

/* Empty it. */
void archive_batch_clear(struct archive_batch *batch);

/* Are all stored fields of the two accounts equal? */
bool archive_same(const struct account *a, const struct account *b);
