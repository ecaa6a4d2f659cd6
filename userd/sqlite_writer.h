/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit: concurrent writes share one transaction and one sync of the disk. */
/* Threads: sqlite_writer_run may be called from any; one job of the pool at a time uses the
 * connection. */
#pragma once

#include "userd/account_store.h"
#include "userd/sqlite_reader.h"
#include <stdatomic.h>
#include <weir/pool.h>

enum sqlite_write_kind {
    WRITE_CREATE,
    WRITE_UPDATE,
    WRITE_REMOVE,
    WRITE_REGISTER, /* a user with a password and roles */
    WRITE_PASSWORD, /* of the account if it still has this epoch */
    WRITE_COUNT
};

/* One write, shared by the writer and the fiber that waits for it, which gives up at its call's
 * deadline. */
struct sqlite_write {
    enum sqlite_write_kind kind;
    struct user user;      /* the new texts, NULL: unchanged; after an update, the whole user */
    const char *email_key; /* folded; NULL without an email */
    const char *password_hash, *roles; /* NULL: no account */
    int64_t epoch;
    weir_code code; /* the result; cause is set with it */
    struct store_cause cause;
    weir_event *done;      /* NULL: one of several that were queued together, but not the last */
    char *updated;         /* the texts of the updated user */
    atomic_bool abandoned; /* nobody waits for it any more */
    atomic_uint holders;
    struct sqlite_write *next;
    char texts[]; /* the memory of the texts above */
};

/* A write with copies of the user's texts. NULL: no memory. Freed by the last unref, which accepts
 * NULL. */
struct sqlite_write *sqlite_write_new(enum sqlite_write_kind kind, const struct user *user);
void sqlite_write_unref(struct sqlite_write *write);

/* The same for an account. */
struct sqlite_write *sqlite_write_new_account(
    enum sqlite_write_kind kind, const struct account *account);

struct sqlite_writer {
    sqlite3 *db;
    sqlite3_stmt *statements[WRITE_COUNT];
    struct sqlite_readers *readers;    /* borrowed */
    weir_pool *pool;                   /* borrowed */
    const struct store_meters *meters; /* borrowed */
    int wal_pages;                     /* pages in the WAL after the last commit */
    pthread_mutex_t lock;
    struct sqlite_write *first, **last; /* the queue */
    size_t waiting;                     /* in the queue */
    bool running;                       /* a job of the pool processes the queue */
};

/* Adopts db. False: a statement cannot be prepared, cause says why; db is closed. */
bool sqlite_writer_init(struct sqlite_writer *writer, sqlite3 *db, struct sqlite_readers *readers,
    weir_pool *pool, struct store_cause *cause);

/* The pool must have been freed, so that no job runs. */
void sqlite_writer_fini(struct sqlite_writer *writer);

/* Queue writes in this order, and wait until all are committed or failed; each has its own code.
 * OK; or why the call ended, and writes that were not executed yet are dropped; RESOURCE_EXHAUSTED:
 * none is queued. Suspends. */
weir_code sqlite_writer_run(struct sqlite_writer *writer, weir_call *call,
    struct sqlite_write *const *writes, size_t count);
