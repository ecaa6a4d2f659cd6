/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit. Handlers queue writes; one job on the pool drains the queue in batches, each in one
 * transaction:
 *
 *     handlers -> queue -> BEGIN, one statement per write, COMMIT -> events -> handlers
 *
 * Writes that arrive while a batch is being synced form the next one. A write is one statement, and
 * if it fails (a taken email) SQLite rolls back only that statement, so no savepoints are needed.
 * If the transaction cannot be committed, results from inside it are void: all its writes fail. */
#include "userd/sqlite_writer.h"

#include <assert.h>
#include <stdlib.h>

/* Bounds the time that a batch's first write waits, and the WAL's growth in one transaction. */
#define BATCH_MAX 4096

/* Further writes are refused; this many take more than several seconds on a disk. */
#define QUEUE_MAX 65536

/* SQLite's own automatic checkpoint runs inside the commit, while readers still hold older
 * snapshots, and would never complete under steady reads. So the writer does it, at SQLite's usual
 * size. */
#define CHECKPOINT_PAGES 1000

static const char *const statement_texts[WRITE_COUNT] = {
    [WRITE_CREATE] = "INSERT INTO users (name, email, email_key, phone, created_at)"
                     " VALUES (?2, ?3, ?4, ?5, ?6)",
    [WRITE_UPDATE] = "UPDATE users SET name = coalesce(?2, name), email = coalesce(?3, email),"
                     " email_key = coalesce(?4, email_key), phone = coalesce(?5, phone)"
                     " WHERE id = ?1 RETURNING name, email, phone, created_at",
    [WRITE_REMOVE] = "DELETE FROM users WHERE id = ?1",
    [WRITE_REGISTER] = "INSERT INTO users (name, email, email_key, phone, created_at,"
                       " password_hash, roles) VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [WRITE_PASSWORD] = "UPDATE users SET password_hash = ?7, epoch = epoch + 1"
                       " WHERE id = ?1 AND epoch = ?9",
};

/* ---- one write ---- */

static bool
makes_user(const struct sqlite_write *write)
{
    return write->kind == WRITE_CREATE || write->kind == WRITE_REGISTER;
}

static void
bind_account(sqlite3_stmt *statement, const struct sqlite_write *write)
{
    sqlite3_bind_text(statement, 7, write->password_hash, -1, SQLITE_STATIC);
    if (write->kind == WRITE_REGISTER)
        sqlite3_bind_text(statement, 8, write->roles, -1, SQLITE_STATIC);
    else
        sqlite3_bind_int64(statement, 9, write->epoch);
}

static void
bind_write(sqlite3_stmt *statement, const struct sqlite_write *write)
{
    const struct user *user = &write->user;

    if (!makes_user(write))
        sqlite3_bind_int(statement, 1, user->id);
    if (write->kind == WRITE_REGISTER || write->kind == WRITE_PASSWORD)
        bind_account(statement, write);
    if (write->kind == WRITE_REMOVE || write->kind == WRITE_PASSWORD)
        return;
    sqlite3_bind_text(statement, 2, user->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, user->email, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, write->email_key, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 5, user->phone, -1, SQLITE_STATIC);
    if (makes_user(write))
        sqlite3_bind_int64(statement, 6, user->created_at);
}

/* Copy the row that an update returned: three texts in one allocation. */
static weir_code
keep_updated(sqlite3_stmt *row, struct sqlite_write *write)
{
    const char **texts[] = {&write->user.name, &write->user.email, &write->user.phone};
    size_t size = 0;
    char *at;

    for (int i = 0; i < 3; i++)
        size += (size_t)sqlite3_column_bytes(row, i) + 1;
    at = write->updated = malloc(size);
    if (at == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (int i = 0; i < 3; i++) {
        size_t len = (size_t)sqlite3_column_bytes(row, i);
        memcpy(at, sqlite3_column_text(row, i), len);
        at[len] = '\0';
        *texts[i] = at;
        at += len + 1;
    }
    write->user.created_at = sqlite3_column_int64(row, 3);
    return WEIR_OK;
}

/* The result of a successful statement. */
static weir_code
finish_write(struct sqlite_writer *writer, struct sqlite_write *write)
{
    if (makes_user(write))
        write->user.id = (int32_t)sqlite3_last_insert_rowid(writer->db);
    else if (sqlite3_changes(writer->db) == 0)
        return WEIR_NOT_FOUND;
    return write->code;
}

/* After a fault, readers open new snapshots, so that they notice what is wrong with the file. */
static weir_code
fail_write(struct sqlite_writer *writer, struct sqlite_write *write, int result)
{
    if (result == SQLITE_CONSTRAINT_UNIQUE)
        return WEIR_ALREADY_EXISTS;
    if (result == SQLITE_CONSTRAINT_CHECK) /* the only CHECK is the range of ids */
        return WEIR_OUT_OF_RANGE;
    sqlite_readers_release(writer->readers);
    sqlite_cause(writer->db, &write->cause);
    return sqlite_fault(result);
}

static void
execute(struct sqlite_writer *writer, struct sqlite_write *write)
{
    sqlite3_stmt *statement = writer->statements[write->kind];
    int result;

    bind_write(statement, write);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        write->code = keep_updated(statement, write);
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_DONE)
        write->code = finish_write(writer, write);
    else
        write->code = fail_write(writer, write, result);
    sqlite3_reset(statement);
}

/* ---- one batch ---- */

static void
fail_batch(struct sqlite_writer *writer, struct sqlite_write *batch)
{
    int result = sqlite3_extended_errcode(writer->db);
    struct store_cause cause;

    sqlite_readers_release(writer->readers);
    sqlite_cause(writer->db, &cause);
    for (struct sqlite_write *write = batch; write != NULL; write = write->next) {
        write->code = sqlite_fault(result);
        write->cause = cause;
    }
    if (!sqlite3_get_autocommit(writer->db))
        sqlite_run(writer->db, "ROLLBACK");
}

/* False: SQLite rolled back the whole transaction, for example because the disk is full. */
static bool
execute_all(struct sqlite_writer *writer, struct sqlite_write *batch)
{
    for (struct sqlite_write *write = batch; write != NULL; write = write->next) {
        if (atomic_load(&write->abandoned))
            continue;
        execute(writer, write);
        if (sqlite3_get_autocommit(writer->db))
            return false;
    }
    return true;
}

static void
commit_batch(struct sqlite_writer *writer, struct sqlite_write *batch)
{
    if (sqlite_run(writer->db, "BEGIN IMMEDIATE") != SQLITE_OK || !execute_all(writer, batch) ||
        sqlite_run(writer->db, "COMMIT") != SQLITE_OK)
        fail_batch(writer, batch);
    else
        weir_counter_add(writer->meters->commits, 1);
}

/* Releases the writer's reference to each write. */
static void
answer_batch(struct sqlite_write *batch)
{
    while (batch != NULL) {
        struct sqlite_write *write = batch;
        batch = write->next;
        if (write->done != NULL)
            weir_event_set(write->done);
        sqlite_write_unref(write);
    }
}

/* Copy the WAL into the database. Readers end their snapshots before it, so that all of the WAL can
 * be copied, and after it, so that the next commit can restart the WAL. */
static void
checkpoint(struct sqlite_writer *writer)
{
    if (writer->wal_pages < CHECKPOINT_PAGES)
        return;
    sqlite_readers_release(writer->readers);
    sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    sqlite_readers_release(writer->readers);
}

/* ---- the queue ---- */

/* Take up to BATCH_MAX writes; NULL: there are none, and this job no longer counts as running. */
static struct sqlite_write *
take_batch(struct sqlite_writer *writer)
{
    struct sqlite_write *batch;
    struct sqlite_write **end = &writer->first;
    size_t count = 0;

    pthread_mutex_lock(&writer->lock);
    for (; count < BATCH_MAX && *end != NULL; count++) {
        end = &(*end)->next;
        writer->waiting--;
    }
    batch = end == &writer->first ? NULL : writer->first;
    if (batch == NULL) {
        writer->running = false;
    } else {
        writer->first = *end;
        *end = NULL;
        if (writer->first == NULL)
            writer->last = &writer->first;
        weir_histogram_observe(writer->meters->batches, (double)count);
    }
    weir_gauge_set(writer->meters->queued, (double)writer->waiting);
    pthread_mutex_unlock(&writer->lock);
    return batch;
}

static void
drain_queue(void *arg)
{
    struct sqlite_writer *writer = arg;
    struct sqlite_write *batch;

    while ((batch = take_batch(writer)) != NULL) {
        commit_batch(writer, batch);
        answer_batch(batch);
        checkpoint(writer);
    }
}

static void
append(struct sqlite_writer *writer, struct sqlite_write *write)
{
    atomic_fetch_add(&write->holders, 1);
    *writer->last = write;
    writer->last = &write->next;
    writer->waiting++;
}

/* Submits a job if none is running. On failure, nothing is queued. */
static weir_code
enqueue(struct sqlite_writer *writer, struct sqlite_write *const *writes, size_t count)
{
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&writer->lock);
    if (count > QUEUE_MAX - writer->waiting)
        code = WEIR_RESOURCE_EXHAUSTED;
    else if (!writer->running)
        code = weir_pool_submit(writer->pool, drain_queue, writer);
    if (code == WEIR_OK) {
        writer->running = true;
        for (size_t i = 0; i < count; i++)
            append(writer, writes[i]);
        weir_gauge_set(writer->meters->queued, (double)writer->waiting);
    }
    pthread_mutex_unlock(&writer->lock);
    return code;
}

/* The queue is processed in order, so when the last write is done, all are. */
weir_code
sqlite_writer_run(
    struct sqlite_writer *writer, weir_call *call, struct sqlite_write *const *writes, size_t count)
{
    struct sqlite_write *last = writes[count - 1];
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    last->done = weir_event_new();
    if (last->done != NULL)
        code = enqueue(writer, writes, count);
    if (code != WEIR_OK)
        return code;
    code = weir_event_wait(last->done, call);
    for (size_t i = 0; i < count && code != WEIR_OK; i++)
        atomic_store(&writes[i]->abandoned, true);
    return code;
}

/* ---- opening and closing ---- */

static int
note_wal_size(void *arg, sqlite3 *db, const char *database, int pages)
{
    struct sqlite_writer *writer = arg;

    (void)db;
    (void)database;
    writer->wal_pages = pages;
    return SQLITE_OK;
}

bool
sqlite_writer_init(struct sqlite_writer *writer, sqlite3 *db, struct sqlite_readers *readers,
    weir_pool *pool, struct store_cause *cause)
{
    static const struct store_meters none;

    *writer = (struct sqlite_writer){.db = db, .readers = readers, .pool = pool, .meters = &none};
    writer->last = &writer->first;
    pthread_mutex_init(&writer->lock, NULL);
    sqlite3_wal_hook(db, note_wal_size, writer); /* replaces the automatic checkpoint */
    for (int i = 0; i < WRITE_COUNT; i++) {
        writer->statements[i] = sqlite_prepare(db, statement_texts[i]);
        if (writer->statements[i] == NULL) {
            sqlite_cause(db, cause);
            sqlite_writer_fini(writer);
            return false;
        }
    }
    return true;
}

void
sqlite_writer_fini(struct sqlite_writer *writer)
{
    assert(!writer->running);
    for (int i = 0; i < WRITE_COUNT; i++)
        sqlite3_finalize(writer->statements[i]);
    sqlite3_close(writer->db);
    pthread_mutex_destroy(&writer->lock);
}
