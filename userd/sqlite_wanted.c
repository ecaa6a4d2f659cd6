/* SPDX-License-Identifier: Apache-2.0 */
/* A statement that is run anew for each user opens a cursor, allocates each text, frees it and
 * closes the cursor, which is more work than the look-up itself. Joined with this table, a
 * statement never ends: it is stepped once per user, and keeps its cursor and its memory. An
 * eponymous-only virtual table (sqlite.org/vtab.html), which needs no CREATE. */
#include "userd/sqlite_wanted.h"

#include <stddef.h>

struct wanted_table {
    sqlite3_vtab base;
    const int32_t *id;
};

static int
wanted_connect(sqlite3 *db, void *id, int argc, const char *const *argv, sqlite3_vtab **out_table,
    char **out_error)
{
    struct wanted_table *table;
    int result = sqlite3_declare_vtab(db, "CREATE TABLE wanted (id INTEGER)");

    (void)argc;
    (void)argv;
    (void)out_error;
    if (result != SQLITE_OK)
        return result;
    table = sqlite3_malloc(sizeof(*table));
    if (table == NULL)
        return SQLITE_NOMEM;
    *table = (struct wanted_table){.id = id};
    *out_table = &table->base;
    return SQLITE_OK;
}

static int
wanted_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

/* Make the planner put it into the outer loop of every join. */
static int
wanted_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = 1;
    info->estimatedRows = 1;
    return SQLITE_OK;
}

static int
wanted_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out_cursor)
{
    sqlite3_vtab_cursor *cursor = sqlite3_malloc(sizeof(*cursor));

    (void)table;
    if (cursor == NULL)
        return SQLITE_NOMEM;
    *cursor = (sqlite3_vtab_cursor){0};
    *out_cursor = cursor;
    return SQLITE_OK;
}

static int
wanted_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int
wanted_filter(
    sqlite3_vtab_cursor *cursor, int plan, const char *name, int argc, sqlite3_value **argv)
{
    (void)cursor;
    (void)plan;
    (void)name;
    (void)argc;
    (void)argv;
    return SQLITE_OK;
}

static int
wanted_next(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return SQLITE_OK;
}

static int
wanted_eof(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return 0;
}

static int
wanted_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
    (void)column;
    sqlite3_result_int(context, *((struct wanted_table *)cursor->pVtab)->id);
    return SQLITE_OK;
}

static int
wanted_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out_rowid)
{
    (void)cursor;
    *out_rowid = 1;
    return SQLITE_OK;
}

static const sqlite3_module wanted_module = {
    .xConnect = wanted_connect,
    .xBestIndex = wanted_best_index,
    .xDisconnect = wanted_disconnect,
    .xOpen = wanted_open,
    .xClose = wanted_close,
    .xFilter = wanted_filter,
    .xNext = wanted_next,
    .xEof = wanted_eof,
    .xColumn = wanted_column,
    .xRowid = wanted_rowid,
};

int
sqlite_wanted_add(sqlite3 *db, const int32_t *id)
{
    return sqlite3_create_module(db, "wanted", &wanted_module, (void *)(uintptr_t)id);
}
