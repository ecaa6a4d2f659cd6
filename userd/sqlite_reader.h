/* SPDX-License-Identifier: Apache-2.0 */
/* Connections for reading, which keep their snapshot while nothing is written. */
/* Threads: sqlite_readers is shared by all; a borrowed reader belongs to its borrower. */
#pragma once

#include "userd/sqlite_ahead.h"
#include "userd/sqlite_connection.h"
#include "userd/sqlite_prefetch.h"
#include <pthread.h>

enum sqlite_query {
    QUERY_FIND, /* for sqlite_reader_find alone */
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

/* What the WAL index says about the last commit. */
struct sqlite_stamp {
    uint64_t change;
    uint64_t frames;
};

struct sqlite_reader {
    sqlite3 *db;
    sqlite3_stmt *queries[QUERY_COUNT];
    const uint64_t *index; /* the head of the WAL index; NULL: not to be had */
    struct sqlite_stamp stamp;
    uint32_t pages; /* of the database, as of stamp */
    bool snapshot;  /* a read transaction is open, as of stamp */
    bool borrowed;  /* since sqlite_readers_sweep looked */
    int32_t wanted; /* whom QUERY_FIND steps to next */
    struct sqlite_prefetch prefetch;
    struct sqlite_ahead ahead;
    struct sqlite_reader *next;
};

struct sqlite_readers {
    const char *path; /* borrowed */
    pthread_mutex_t lock;
    struct sqlite_reader *idle;
    bool kept;                /* idle readers may hold snapshots */
    pthread_cond_t keeping;   /* kept has become true; on the clock of weir_now */
    atomic_bool *looks_ahead; /* borrowed; told whether sqlite_reader_look_ahead is worth while */
};

void sqlite_readers_init(
    struct sqlite_readers *readers, const char *path, atomic_bool *looks_ahead);

/* All readers have been given back. */
void sqlite_readers_fini(struct sqlite_readers *readers);

/* A reader that sees every commit that has been answered; opens one when all are in use.
 * NULL: it cannot be opened, cause says why. */
struct sqlite_reader *sqlite_reader_borrow(
    struct sqlite_readers *readers, struct store_cause *cause);

/* keep: its snapshot may serve the next borrower; false after an error, which
 * ends those of idle readers as well. */
void sqlite_reader_give_back(
    struct sqlite_readers *readers, struct sqlite_reader *reader, bool keep);

/* The user's row: id, name, email, phone, created_at, of a statement that belongs to the reader,
 * until the next look-up or the reader is given back. NOT_FOUND, or what a fault is to a store,
 * with cause. */
weir_code sqlite_reader_find(
    struct sqlite_reader *reader, int32_t id, sqlite3_stmt **out_row, struct store_cause *cause);

/* These users are the next to be looked up on this thread; see sqlite_ahead.h. */
void sqlite_reader_look_ahead(struct sqlite_reader *reader, const int32_t *ids, size_t count);

/* After the last step of a query: reset it. OK, or what a fault is to a store, with cause. */
weir_code sqlite_reader_end(
    struct sqlite_reader *reader, enum sqlite_query query, int result, struct store_cause *cause);

/* Run a query, whose parameters are bound, for the first column of its first row; 0 without a row.
 * Else as sqlite_reader_end. */
weir_code sqlite_reader_number(
    struct sqlite_reader *reader, enum sqlite_query query, int64_t *out, struct store_cause *cause);

/* Let go of the snapshots of idle readers: they would keep the WAL from being reset, and may show
 * what cannot be read any more. */
void sqlite_readers_release(struct sqlite_readers *readers);

/* The same for those whom nobody has borrowed since the last sweep; the caller holds the lock. Sets
 * kept to whether others hold theirs. */
void sqlite_readers_sweep(struct sqlite_readers *readers);
