/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of the SQLite store. */
/* Threads: as store.h. */
#pragma once

#include "userd/sqlite_seek.h"
#include "userd/sqlite_sweeper.h"
#include "userd/sqlite_writer.h"

struct sqlite_store {
    struct store store;
    struct sqlite_readers readers;
    struct sqlite_sweeper sweeper;
    struct sqlite_seeker seeker;
    struct sqlite_writer writer;
    char path[];
};

static inline struct sqlite_store *
sqlite_store_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* Run a write and take over its cause; NULL: there was no memory for the write. The caller unrefs
 * it. Suspends. */
weir_code sqlite_store_write(
    struct store *store, weir_call *call, struct sqlite_write *write, struct store_cause *cause);

/* sqlite_accounts.c */
extern const struct account_ops sqlite_account_ops;
