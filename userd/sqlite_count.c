/* SPDX-License-Identifier: Apache-2.0 */
/* There is one writer at a time, so ids become visible in order, and are settled at once. Missing
 * counts are made in the snapshot in which the list is read. */
#include "userd/sqlite_count.h"

static weir_code
count_block(struct sqlite_reader *reader, struct ranks_update *update, int32_t block,
    int64_t removed, struct store_cause *cause)
{
    sqlite3_stmt *statement = reader->queries[QUERY_BLOCK];
    int64_t first = (int64_t)block * SQLITE_BLOCK, users;

    sqlite3_bind_int64(statement, 1, first);
    sqlite3_bind_int64(statement, 2, first + SQLITE_BLOCK);
    WEIR_TRY(sqlite_reader_number(reader, QUERY_BLOCK, &users, cause));
    ranks_add(update, block, removed, (int32_t)users);
    return WEIR_OK;
}

/* Counts the blocks in which users were removed since they were counted. */
static weir_code
count_changed(struct sqlite_reader *reader, struct ranks_update *update, struct store_cause *cause)
{
    sqlite3_stmt *statement = reader->queries[QUERY_REMOVALS];
    weir_code code = WEIR_OK, ended;
    int result;

    sqlite3_bind_int(statement, 1, update->first);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && code == WEIR_OK &&
           update->added < RANKS_COUNTED) {
        int32_t block = sqlite3_column_int(statement, 0);
        int64_t removed = sqlite3_column_int64(statement, 1);
        if (removed != update->removed[block])
            code = count_block(reader, update, block, removed, cause);
    }
    ended = sqlite_reader_end(reader, QUERY_REMOVALS, result, cause);
    return code == WEIR_OK ? ended : code;
}

static weir_code
count_new(struct sqlite_reader *reader, struct ranks_update *update, struct store_cause *cause)
{
    for (int32_t block = update->first; block < update->end; block++) {
        int64_t removed;

        sqlite3_bind_int(reader->queries[QUERY_REMOVED_OF_BLOCK], 1, block);
        WEIR_TRY(sqlite_reader_number(reader, QUERY_REMOVED_OF_BLOCK, &removed, cause));
        WEIR_TRY(count_block(reader, update, block, removed, cause));
    }
    return WEIR_OK;
}

static weir_code
count(struct sqlite_reader *reader, struct ranks_update *update, struct store_cause *cause)
{
    int64_t last;

    WEIR_TRY(sqlite_reader_number(reader, QUERY_REMOVED, &update->version, cause));
    WEIR_TRY(sqlite_reader_number(reader, QUERY_LAST, &last, cause));
    update->last = (int32_t)last;
    WEIR_TRY(count_changed(reader, update, cause));
    return count_new(reader, update, cause);
}

/* OK also if another count is under way or there is no memory; the counts stay as they are then. */
static weir_code
update(struct ranks *ranks, struct sqlite_reader *reader, int64_t skip, struct store_cause *cause)
{
    struct ranks_update counts;
    weir_code code;

    if (!ranks_begin_count(ranks, skip, &counts))
        return WEIR_OK;
    code = count(reader, &counts, cause);
    ranks_end_count(ranks, &counts, code == WEIR_OK);
    return code;
}

/* Each iteration counts more blocks, while that brings the start nearer. */
weir_code
sqlite_count_start(struct ranks *ranks, struct sqlite_reader *reader, int64_t skip,
    struct ranks_start *out_start, struct store_cause *cause)
{
    struct ranks_start start = ranks_find(ranks, skip), before;
    int64_t removed;

    WEIR_TRY(sqlite_reader_number(reader, QUERY_REMOVED, &removed, cause));
    if (start.version != removed || ranks_may_help(ranks, &start)) {
        WEIR_TRY(update(ranks, reader, skip, cause));
        do {
            before = start;
            WEIR_TRY(update(ranks, reader, skip, cause));
            start = ranks_find(ranks, skip);
        } while (start.skip < before.skip && ranks_may_help(ranks, &start));
    }
    if (start.version != removed)
        start = (struct ranks_start){0, skip, -1};
    *out_start = start;
    return WEIR_OK;
}
