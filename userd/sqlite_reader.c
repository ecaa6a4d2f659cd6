/* SPDX-License-Identifier: Apache-2.0 */
/* Read connections. Beginning and ending a read transaction takes four file locks, which costs five
 * times as much as finding a user, so a reader keeps its transaction open until somebody commits.
 * It detects commits, also by other processes, as SQLite itself does: by the header of the WAL
 * index, shared memory whose layout is documented (sqlite.org/walformat.html, section 2.1):
 *
 *     offset  8   iChange: counts commits
 *     offset 16   mxFrame: frames in the WAL
 *     offset 20   nPage: pages of the database, including those in the WAL
 *
 * The statement that finds a user does not end before the transaction either: sqlite_wanted.c.
 */
#include "userd/sqlite_reader.h"

#include "userd/sqlite_wanted.h"
#include <stdio.h>
#include <stdlib.h>

#define INDEX_REGION_SIZE 32768
#define NUMBER_OF(number) #number
#define NUMBER(number) NUMBER_OF(number)
#define MMAP_SETTING "PRAGMA mmap_size = " NUMBER(SQLITE_MAPPED_MAX)

#define USER_COLUMNS "id, name, email, phone, created_at"
#define ACCOUNT_COLUMNS USER_COLUMNS ", password_hash, roles, epoch"

static const char *const query_texts[QUERY_COUNT] = {
    [QUERY_FIND] = "SELECT users." USER_COLUMNS " FROM wanted LEFT JOIN users USING (id)",
    [QUERY_LIST] =
        "SELECT " USER_COLUMNS " FROM users WHERE id > ?1 ORDER BY id LIMIT ?2 OFFSET ?3",
    [QUERY_SEEK] = "SELECT id FROM users WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2",
    [QUERY_TOTAL] = "SELECT users FROM totals WHERE id = 1",
    [QUERY_REMOVED] = "SELECT removed FROM totals WHERE id = 1",
    [QUERY_REMOVALS] = "SELECT block, removed FROM removals WHERE block < ?1 ORDER BY block",
    [QUERY_REMOVED_OF_BLOCK] = "SELECT removed FROM removals WHERE block = ?1",
    [QUERY_BLOCK] = "SELECT count(*) FROM users WHERE id >= ?1 AND id < ?2",
    [QUERY_LAST] = "SELECT max(id) FROM users",
    [QUERY_ACCOUNT] = "SELECT " ACCOUNT_COLUMNS " FROM users WHERE id = ?1",
    [QUERY_ACCOUNT_BY_EMAIL] = "SELECT " ACCOUNT_COLUMNS " FROM users WHERE email_key = ?1",
    [QUERY_REVOKED] = "SELECT user_id, epoch FROM revocations "
                      "WHERE changed_at >= min(?1, unixepoch() - ?2) ORDER BY user_id",
};

void
sqlite_readers_init(struct sqlite_readers *readers, const char *path, atomic_bool *looks_ahead)
{
    pthread_condattr_t monotonic;

    readers->looks_ahead = looks_ahead;
    readers->path = path;
    readers->idle = NULL;
    readers->kept = false;
    pthread_mutex_init(&readers->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&readers->keeping, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void
reader_free(struct sqlite_reader *reader)
{
    for (int i = 0; i < QUERY_COUNT; i++)
        sqlite3_finalize(reader->queries[i]);
    sqlite3_close(reader->db);
    free(reader);
}

void
sqlite_readers_fini(struct sqlite_readers *readers)
{
    while (readers->idle != NULL) {
        struct sqlite_reader *reader = readers->idle;
        readers->idle = reader->next;
        reader_free(reader);
    }
    pthread_cond_destroy(&readers->keeping);
    pthread_mutex_destroy(&readers->lock);
}

/* ---- snapshots ---- */

/* SQLite maps the index at a connection's first read; the mapping lives as long as the connection.
 */
static const uint64_t *
map_index(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    void volatile *index = NULL;
    int64_t ignored;

    if (!sqlite_number(db, query_texts[QUERY_TOTAL], &ignored) ||
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK)
        return NULL;
    if (file->pMethods == NULL || file->pMethods->iVersion < 2 ||
        file->pMethods->xShmMap(file, 0, INDEX_REGION_SIZE, 0, &index) != SQLITE_OK)
        return NULL;
    return (const uint64_t *)index;
}

/* A stamp that is read while another process writes it is either equal to no earlier one, or the
 * commit is not visible yet. */
static struct sqlite_stamp
read_stamp(const uint64_t *index)
{
    struct sqlite_stamp stamp = {
        .change = __atomic_load_n(&index[1], __ATOMIC_ACQUIRE),
        .frames = __atomic_load_n(&index[2], __ATOMIC_ACQUIRE),
    };
    return stamp;
}

/* Pages of the database as of a stamp. If the whole WAL was checkpointed and nothing was written
 * since, only the file's size tells. */
static uint32_t
pages_of(const struct sqlite_reader *reader)
{
    uint32_t words[2];

    memcpy(words, &reader->stamp.frames, sizeof(words));
    return words[1] > 0 ? words[1] : sqlite_ahead_file_pages(&reader->ahead);
}

static void
drop_snapshot(struct sqlite_reader *reader)
{
    sqlite3_reset(reader->queries[QUERY_FIND]);
    if (reader->snapshot && sqlite_run(reader->db, "COMMIT") != SQLITE_OK)
        sqlite_run(reader->db, "ROLLBACK"); /* succeeds in any case */
    reader->snapshot = false;
}

/* The stamp is read first: after a commit in between, the next borrower takes a new snapshot, which
 * is harmless. */
static void
take_snapshot(struct sqlite_readers *readers, struct sqlite_reader *reader)
{
    struct sqlite_stamp stamp = {0};

    if (reader->index != NULL)
        stamp = read_stamp(reader->index);
    if (reader->snapshot && stamp.change == reader->stamp.change &&
        stamp.frames == reader->stamp.frames)
        return;
    drop_snapshot(reader);
    reader->stamp = stamp;
    reader->snapshot = sqlite_run(reader->db, "BEGIN") == SQLITE_OK;
    reader->pages = pages_of(reader);
    atomic_store_explicit(
        readers->looks_ahead, reader->pages >= AHEAD_PAGES_MIN, memory_order_relaxed);
}

/* ---- the pool ---- */

static bool
reader_prepare(struct sqlite_reader *reader)
{
    if (sqlite_wanted_add(reader->db, &reader->wanted) != SQLITE_OK)
        return false;
    for (int i = 0; i < QUERY_COUNT; i++) {
        reader->queries[i] = sqlite_prepare(reader->db, query_texts[i]);
        if (reader->queries[i] == NULL)
            return false;
    }
    return sqlite_run(reader->db, MMAP_SETTING) == SQLITE_OK;
}

static struct sqlite_reader *
reader_new(const char *path, struct store_cause *cause)
{
    struct sqlite_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL) {
        snprintf(cause->text, sizeof(cause->text), "out of memory");
        return NULL;
    }
    reader->db = sqlite_open(path, true, cause);
    if (reader->db == NULL) {
        free(reader);
        return NULL;
    }
    if (!reader_prepare(reader)) {
        sqlite_cause(reader->db, cause);
        reader_free(reader);
        return NULL;
    }
    reader->index = map_index(reader->db);
    sqlite_ahead_init(&reader->ahead, reader->db);
    sqlite_prefetch_add(reader->db, &reader->prefetch);
    return reader;
}

struct sqlite_reader *
sqlite_reader_borrow(struct sqlite_readers *readers, struct store_cause *cause)
{
    struct sqlite_reader *reader;

    pthread_mutex_lock(&readers->lock);
    reader = readers->idle;
    if (reader != NULL)
        readers->idle = reader->next;
    pthread_mutex_unlock(&readers->lock);
    if (reader == NULL)
        reader = reader_new(readers->path, cause);
    if (reader != NULL) {
        reader->borrowed = true;
        take_snapshot(readers, reader);
    }
    return reader;
}

void
sqlite_reader_give_back(struct sqlite_readers *readers, struct sqlite_reader *reader, bool keep)
{
    if (!keep || reader->index == NULL)
        drop_snapshot(reader);
    if (!keep)
        sqlite_readers_release(readers);
    pthread_mutex_lock(&readers->lock);
    reader->next = readers->idle;
    readers->idle = reader;
    if (reader->snapshot && !readers->kept) {
        readers->kept = true;
        pthread_cond_signal(&readers->keeping);
    }
    pthread_mutex_unlock(&readers->lock);
}

void
sqlite_readers_release(struct sqlite_readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    for (struct sqlite_reader *reader = readers->idle; reader != NULL; reader = reader->next)
        drop_snapshot(reader);
    pthread_mutex_unlock(&readers->lock);
}

void
sqlite_readers_sweep(struct sqlite_readers *readers)
{
    readers->kept = false;
    for (struct sqlite_reader *reader = readers->idle; reader != NULL; reader = reader->next) {
        if (!reader->borrowed)
            drop_snapshot(reader);
        reader->borrowed = false;
        readers->kept = readers->kept || reader->snapshot;
    }
}

/* ---- queries ---- */

weir_code
sqlite_reader_end(
    struct sqlite_reader *reader, enum sqlite_query query, int result, struct store_cause *cause)
{
    weir_code code = WEIR_OK;

    if (result != SQLITE_DONE && result != SQLITE_ROW) {
        sqlite_cause(reader->db, cause);
        code = sqlite_fault(result);
    }
    sqlite3_reset(reader->queries[query]);
    return code;
}

/* The statement is not reset after a look-up, but with the snapshot. */
weir_code
sqlite_reader_find(
    struct sqlite_reader *reader, int32_t id, sqlite3_stmt **out_row, struct store_cause *cause)
{
    sqlite3_stmt *row = reader->queries[QUERY_FIND];
    weir_code code = WEIR_OK;
    int result;

    reader->wanted = id;
    reader->prefetch.off = sqlite_ahead_knows(&reader->ahead, id);
    result = sqlite3_step(row);
    reader->prefetch.off = false;
    if (result != SQLITE_ROW)
        code = sqlite_reader_end(reader, QUERY_FIND, result, cause);
    if (code != WEIR_OK)
        return code;
    if (sqlite3_column_type(row, 0) == SQLITE_NULL) /* also if there is no row */
        return WEIR_NOT_FOUND;
    *out_row = row;
    return WEIR_OK;
}

/* Once the statement has been stepped, the snapshot exists, and it is that of the stamp, which has
 * not changed since. While it exists, no other process truncates the file below its pages. */
void
sqlite_reader_look_ahead(struct sqlite_reader *reader, const int32_t *ids, size_t count)
{
    if (sqlite3_stmt_busy(reader->queries[QUERY_FIND]))
        sqlite_ahead_fetch(&reader->ahead, reader->pages, ids, count);
}

weir_code
sqlite_reader_number(
    struct sqlite_reader *reader, enum sqlite_query query, int64_t *out, struct store_cause *cause)
{
    sqlite3_stmt *statement = reader->queries[query];
    int result = sqlite3_step(statement);

    *out = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return sqlite_reader_end(reader, query, result, cause);
}
