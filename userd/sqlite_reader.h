/* SPDX-License-Identifier: Apache-2.0 */
/* Read connections, which keep their snapshot while nothing is written. */
/* Threads: sqlite_readers is shared by all threads; a borrowed reader belongs to its borrower. */
#pragma once

#include "userd/sqlite_ahead.h"
#include "userd/sqlite_connection.h"
#include "userd/sqlite_prefetch.h"
#include <pthread.h>

enum sqlite_query {
    QUERY_FIND, /* for sqlite_reader_find only */
    QUERY_LIST,
    QUERY_SEEK,
    QUERY_TOTAL,
    QUERY_REMOVED,
    QUERY_REMOVALS,
    QUERY_REMOVED_OF_BLOCK,
    QUERY_BLOCK,
    QUERY_LAST,
    QUERY_ACCOUNT,
    QUERY_ACCOUNT_BY_EMAIL,
    QUERY_REVOKED,
    QUERY_COUNT
};

/* The state of the last commit, from the WAL index. */
struct sqlite_stamp {
    uint64_t change;
    uint64_t frames;
};

struct sqlite_reader {
    sqlite3 *db;
    sqlite3_stmt *queries[QUERY_COUNT];
    const uint64_t *index; /* the header of the WAL index; NULL: not available */
    struct sqlite_stamp stamp;
    uint32_t pages; /* of the database, as of stamp */
    bool snapshot;  /* a read transaction is open, as of stamp */
    bool borrowed;  /* since the last sqlite_readers_sweep */
    int32_t wanted; /* the user that QUERY_FIND steps to next */
    struct sqlite_prefetch prefetch;
    struct sqlite_ahead ahead;
    struct sqlite_reader *next;
};

struct sqlite_readers {
    const char *path; /* borrowed */
    pthread_mutex_t lock;
    struct sqlite_reader *idle;
    bool kept;                /* idle readers may keep snapshots */
    pthread_cond_t keeping;   /* signalled when kept becomes true; uses the clock of weir_now */
    atomic_bool *looks_ahead; /* borrowed; set when sqlite_reader_look_ahead is worthwhile */
};

void sqlite_readers_init(
    struct sqlite_readers *readers, const char *path, atomic_bool *looks_ahead);

/* All readers must have been given back. */
void sqlite_readers_fini(struct sqlite_readers *readers);

/* A reader that sees every commit that was acknowledged; opened if all are in use. NULL: it cannot
 * be opened, cause says why. */
struct sqlite_reader *sqlite_reader_borrow(
    struct sqlite_readers *readers, struct store_cause *cause);

/* keep: the next borrower may use its snapshot; false after an error, which also ends the snapshots
 * of idle readers. */
void sqlite_reader_give_back(
    struct sqlite_readers *readers, struct sqlite_reader *reader, bool keep);

/* The user's row, with the columns id, name, email, phone, created_at. The statement belongs to the
 * reader, and the row is valid until the next look-up or until the reader is given back. NOT_FOUND,
 * or a fault as in store.h, with cause. */
weir_code sqlite_reader_find(
    struct sqlite_reader *reader, int32_t id, sqlite3_stmt **out_row, struct store_cause *cause);

/* These users will be looked up next on this thread; see sqlite_ahead.h. */
void sqlite_reader_look_ahead(struct sqlite_reader *reader, const int32_t *ids, size_t count);

/* Reset a query after its last step. OK, or a fault as in store.h, with cause. */
weir_code sqlite_reader_end(
    struct sqlite_reader *reader, enum sqlite_query query, int result, struct store_cause *cause);

/* Run a query whose parameters are bound; *out is the first column of its first row, 0 without a
 * row. Errors as of sqlite_reader_end. */
weir_code sqlite_reader_number(
    struct sqlite_reader *reader, enum sqlite_query query, int64_t *out, struct store_cause *cause);

/* End the snapshots of idle readers, because they would keep the WAL from being reset, or show what
 * must not be read any more. */
void sqlite_readers_release(struct sqlite_readers *readers);

/* The same for readers that were not borrowed since the last sweep; the caller holds the lock. Sets
 * kept to whether the others keep a snapshot. */
void sqlite_readers_sweep(struct sqlite_readers *readers);
