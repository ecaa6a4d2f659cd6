/* SPDX-License-Identifier: Apache-2.0 */
/* The store in a SQLite file. Reads run on the calling thread, on a borrowed reader, because
 * finding a user in a cached page takes less time than a thread switch. Only skipping or counting
 * many users for a list is left to the seeker. Writes are queued for the writer. */
#include "userd/store_sqlite.h"

#include "userd/sqlite_migrate.h"
#include "userd/sqlite_store.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Truncates the WAL after it was unusually long. */
static const char writer_settings[] = "PRAGMA journal_size_limit = 67108864";

/* Users that a list may skip on the calling thread: a matter of microseconds. */
#define SKIP_MAX 1000

/* ---- reads ---- */

static const char *
column_text(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);

    return text == NULL ? "" : (const char *)text;
}

/* Visit the current row: id, name, email, phone, created_at. */
static weir_code
visit_row(sqlite3_stmt *row, store_visit *visit, void *arg)
{
    const struct user user = {
        .id = sqlite3_column_int(row, 0),
        .name = column_text(row, 1),
        .email = column_text(row, 2),
        .phone = column_text(row, 3),
        .created_at = sqlite3_column_int64(row, 4),
    };

    return visit(arg, &user);
}

static weir_code
sqlite_find(struct store *store, weir_call *call, int32_t id, store_visit *visit, void *arg,
    struct store_cause *cause)
{
    struct sqlite_store *self = sqlite_store_of(store);
    struct sqlite_reader *reader = sqlite_reader_borrow(&self->readers, cause);
    sqlite3_stmt *row;
    weir_code code;

    (void)call;
    if (reader == NULL)
        return WEIR_INTERNAL;
    code = sqlite_reader_find(reader, id, &row, cause);
    if (code == WEIR_OK)
        code = visit_row(row, visit, arg);
    sqlite_reader_give_back(&self->readers, reader, code == WEIR_OK || code == WEIR_NOT_FOUND);
    return code;
}

static void
sqlite_look_ahead(struct store *store, const int32_t *ids, size_t count)
{
    struct sqlite_store *self = sqlite_store_of(store);
    struct store_cause ignored;
    struct sqlite_reader *reader = sqlite_reader_borrow(&self->readers, &ignored);

    if (reader == NULL)
        return;
    sqlite_reader_look_ahead(reader, ids, count);
    sqlite_reader_give_back(&self->readers, reader, true);
}

static weir_code
range_with(struct sqlite_reader *reader, const struct user_range *range, store_visit *visit,
    void *arg, struct store_cause *cause)
{
    sqlite3_stmt *statement = reader->queries[QUERY_LIST];
    weir_code visited = WEIR_OK;
    weir_code code;
    int result;

    sqlite3_bind_int(statement, 1, range->after);
    sqlite3_bind_int(statement, 2, range->limit);
    sqlite3_bind_int64(statement, 3, range->skip);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && visited == WEIR_OK)
        visited = visit_row(statement, visit, arg);
    code = sqlite_reader_end(reader, QUERY_LIST, result, cause);
    return code == WEIR_OK ? visited : code;
}

/* The reader's snapshot gives the range and the total of the same moment. */
static weir_code
list_with(struct sqlite_reader *reader, const struct user_range *range, store_visit *visit,
    void *arg, int64_t *out_total, struct store_cause *cause)
{
    weir_code code = sqlite_reader_number(reader, QUERY_TOTAL, out_total, cause);

    if (code == WEIR_OK && range->skip < *out_total)
        code = range_with(reader, range, visit, arg, cause);
    return code;
}

/* Moves the start of the range near its first user, if there are counts that are valid in the
 * reader's snapshot; otherwise copies the range. */
static weir_code
move_near(struct sqlite_store *self, struct sqlite_reader *reader, const struct user_range *range,
    struct user_range *out_range, struct store_cause *cause)
{
    struct ranks_start start = ranks_find(&self->seeker.ranks, range->skip);
    int64_t removed;

    *out_range = *range;
    if (range->after != 0 || start.version < 0)
        return WEIR_OK;
    WEIR_TRY(sqlite_reader_number(reader, QUERY_REMOVED, &removed, cause));
    if (start.version != removed)
        return WEIR_OK;
    out_range->after = start.after;
    out_range->skip = start.skip;
    return WEIR_OK;
}

/* Borrow a reader, and make the range one that the reader can read on this thread. */
static weir_code
begin_list(struct sqlite_store *self, weir_call *call, const struct user_range *range,
    struct user_range *out_range, struct sqlite_reader **out_reader, struct store_cause *cause)
{
    struct sqlite_reader *reader = sqlite_reader_borrow(&self->readers, cause);
    weir_code code = WEIR_OK;

    if (reader == NULL)
        return WEIR_INTERNAL;
    *out_range = *range;
    if (range->skip > SKIP_MAX)
        code = move_near(self, reader, range, out_range, cause);
    if (code == WEIR_OK && out_range->skip <= SKIP_MAX) {
        *out_reader = reader;
        return WEIR_OK;
    }
    sqlite_reader_give_back(&self->readers, reader, code == WEIR_OK);
    WEIR_TRY(code);
    return sqlite_seek(&self->seeker, call, range, out_range, out_reader, cause);
}

static weir_code
sqlite_list(struct store *store, weir_call *call, const struct user_range *range,
    store_visit *visit, void *arg, int64_t *out_total, struct store_cause *cause)
{
    struct sqlite_store *self = sqlite_store_of(store);
    struct sqlite_reader *reader;
    struct user_range rest;
    weir_code code = begin_list(self, call, range, &rest, &reader, cause);

    if (code != WEIR_OK)
        return code;
    code = list_with(reader, &rest, visit, arg, out_total, cause);
    sqlite_reader_give_back(&self->readers, reader, code == WEIR_OK);
    return code;
}

/* ---- writes ---- */

weir_code
sqlite_store_write(
    struct store *store, weir_call *call, struct sqlite_write *write, struct store_cause *cause)
{
    weir_code code;

    if (write == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = sqlite_writer_run(&sqlite_store_of(store)->writer, call, &write, 1);
    if (code != WEIR_OK)
        return code;
    if (write->code == WEIR_INTERNAL || write->code == WEIR_UNAVAILABLE)
        *cause = write->cause;
    return write->code;
}

static weir_code
sqlite_create(struct store *store, weir_call *call, const struct user *user, int32_t *out_id,
    struct store_cause *cause)
{
    struct sqlite_write *write = sqlite_write_new(WRITE_CREATE, user);
    weir_code code = sqlite_store_write(store, call, write, cause);

    if (code == WEIR_OK)
        *out_id = write->user.id;
    sqlite_write_unref(write);
    return code;
}

/* The result of an entry. Not OK: a fault, with cause. */
static weir_code
take_result(struct user_entry *entry, const struct sqlite_write *write, struct store_cause *cause)
{
    entry->code = write->code;
    switch (write->code) {
    case WEIR_OK:
        entry->user.id = write->user.id;
        return WEIR_OK;
    case WEIR_ALREADY_EXISTS:
    case WEIR_OUT_OF_RANGE:
        return WEIR_OK;
    default:
        *cause = write->cause;
        return write->code;
    }
}

static weir_code
run_entries(struct store *store, weir_call *call, struct user_entry *entries,
    struct sqlite_write **writes, size_t count, struct store_cause *cause)
{
    weir_code code;

    for (size_t i = 0; i < count; i++) {
        writes[i] = sqlite_write_new(WRITE_CREATE, &entries[i].user);
        if (writes[i] == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
    }
    code = sqlite_writer_run(&sqlite_store_of(store)->writer, call, writes, count);
    for (size_t i = 0; i < count && code == WEIR_OK; i++)
        code = take_result(&entries[i], writes[i], cause);
    return code;
}

static weir_code
sqlite_create_many(struct store *store, weir_call *call, struct user_entry *entries, size_t count,
    struct store_cause *cause)
{
    struct sqlite_write **writes = calloc(count + 1, sizeof(*writes));
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (writes != NULL)
        code = count == 0 ? WEIR_OK : run_entries(store, call, entries, writes, count, cause);
    for (size_t i = 0; i < count && writes != NULL; i++)
        sqlite_write_unref(writes[i]);
    free(writes);
    return code;
}

static weir_code
sqlite_update(struct store *store, weir_call *call, const struct user_change *change,
    store_visit *visit, void *arg, struct store_cause *cause)
{
    const struct user user = {
        .id = change->id, .name = change->name, .email = change->email, .phone = change->phone};
    struct sqlite_write *write = sqlite_write_new(WRITE_UPDATE, &user);
    weir_code code = sqlite_store_write(store, call, write, cause);

    if (code == WEIR_OK)
        code = visit(arg, &write->user);
    sqlite_write_unref(write);
    return code;
}

static weir_code
sqlite_remove(struct store *store, weir_call *call, int32_t id, struct store_cause *cause)
{
    struct sqlite_write *write = sqlite_write_new(WRITE_REMOVE, &(struct user){.id = id});
    weir_code code = sqlite_store_write(store, call, write, cause);

    sqlite_write_unref(write);
    return code;
}

/* ---- opening and closing ---- */

static void
sqlite_close(struct store *store)
{
    struct sqlite_store *self = sqlite_store_of(store);

    sqlite_seeker_fini(&self->seeker);
    sqlite_sweeper_fini(&self->sweeper);
    sqlite_readers_fini(&self->readers);
    sqlite_writer_fini(&self->writer);
    free(self);
}

static const struct store_ops sqlite_ops = {
    .find = sqlite_find,
    .list = sqlite_list,
    .create = sqlite_create,
    .create_many = sqlite_create_many,
    .update = sqlite_update,
    .remove = sqlite_remove,
    .look_ahead = sqlite_look_ahead,
    .close = sqlite_close,
};

/* On a file system without shared memory SQLite keeps the old journal mode and reports success. */
static bool
use_wal(sqlite3 *db, struct store_cause *cause)
{
    sqlite3_stmt *statement = sqlite_prepare(db, "PRAGMA journal_mode = WAL");
    bool good = statement != NULL && sqlite3_step(statement) == SQLITE_ROW;

    if (!good)
        sqlite_cause(db, cause);
    else if (strcmp(column_text(statement, 0), "wal") != 0) {
        snprintf(cause->text, sizeof(cause->text), "its file system cannot hold a write-ahead log");
        good = false;
    }
    sqlite3_finalize(statement);
    return good;
}

static bool
prepare_writer(sqlite3 *db, struct store_cause *cause)
{
    if (!sqlite_migrate(db, &sqlite_user_schema, cause) || !use_wal(db, cause))
        return false;
    if (sqlite_run(db, writer_settings) == SQLITE_OK)
        return true;
    sqlite_cause(db, cause);
    return false;
}

/* The writer's connection, at the current version. A file that is created here is accessible only
 * to its owner. */
static sqlite3 *
open_writer(const char *path, struct store_cause *cause)
{
    mode_t mask = umask(0077);
    sqlite3 *db = sqlite_open(path, false, cause);

    if (db != NULL && !prepare_writer(db, cause)) {
        sqlite3_close(db);
        db = NULL;
    }
    umask(mask);
    return db;
}

/* Open a reader now, so that a file that cannot be read is reported at the start. */
static bool
probe_reader(struct sqlite_readers *readers, struct store_cause *cause)
{
    struct sqlite_reader *reader = sqlite_reader_borrow(readers, cause);

    if (reader != NULL)
        sqlite_reader_give_back(readers, reader, false);
    return reader != NULL;
}

struct store *
store_sqlite_open(const char *path, weir_pool *pool, struct store_cause *cause)
{
    struct sqlite_store *self = calloc(1, sizeof(*self) + strlen(path) + 1);
    sqlite3 *db;

    if (self == NULL) {
        snprintf(cause->text, sizeof(cause->text), "out of memory");
        return NULL;
    }
    /* Memory statistics would take a lock in every allocation. The call fails, harmlessly, if
     * SQLite is in use already. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    self->store.ops = &sqlite_ops;
    self->store.accounts = &sqlite_account_ops;
    memcpy(self->path, path, strlen(path) + 1);
    sqlite_readers_init(&self->readers, self->path, &self->store.looks_ahead);
    db = open_writer(path, cause);
    if (db == NULL || !sqlite_writer_init(&self->writer, db, &self->readers, pool, cause)) {
        sqlite_readers_fini(&self->readers);
        free(self);
        return NULL;
    }
    self->writer.meters = &self->store.meters;
    if (!sqlite_seeker_init(&self->seeker, &self->readers, cause) ||
        !sqlite_sweeper_init(&self->sweeper, &self->readers, cause) ||
        !probe_reader(&self->readers, cause)) {
        sqlite_close(&self->store);
        return NULL;
    }
    return &self->store;
}
