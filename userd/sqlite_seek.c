/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite steps over every user that a range skips, which takes 7 ms per million. Counts by blocks
 * of ids avoid that, but making them takes as long, too long for a loop, and longer than a write
 * should wait. So a separate thread finds the first user of the range, and hands over the reader in
 * whose snapshot it was found:
 *
 *     handler -> queue -> borrow a reader, total, step over users -> event -> handler, reader
 *
 * A seek's memory is shared, because a handler gives up when its call ends: the last unref gives
 * back a reader that was not taken. A seek stops when nobody waits for it. */
#include "userd/sqlite_seek.h"

#include "userd/sqlite_count.h"
#include <stdio.h>
#include <stdlib.h>

/* Further seeks are refused; this many take several seconds with a million users. */
#define WAITING_MAX 512

/* Steps of SQLite's virtual machine, a few per user, between checks for abandoned seeks. */
#define STEPS_PER_LOOK 10000

struct seek {
    struct sqlite_seeker *seeker;
    struct user_range range;
    struct sqlite_reader *reader; /* until the handler takes it */
    weir_code code;               /* the result; cause is set with it */
    struct store_cause cause;
    weir_event *done;
    atomic_bool abandoned; /* nobody waits for it any more */
    atomic_uint holders;
};

static struct seek *
seek_new(struct sqlite_seeker *seeker, const struct user_range *range)
{
    struct seek *seek = calloc(1, sizeof(*seek));

    if (seek == NULL)
        return NULL;
    seek->done = weir_event_new();
    if (seek->done == NULL) {
        free(seek);
        return NULL;
    }
    seek->seeker = seeker;
    seek->range = *range;
    atomic_init(&seek->holders, 1);
    return seek;
}

static void
seek_unref(struct seek *seek)
{
    if (atomic_fetch_sub(&seek->holders, 1) != 1)
        return;
    if (seek->reader != NULL)
        sqlite_reader_give_back(seek->seeker->readers, seek->reader, seek->code == WEIR_OK);
    weir_event_unref(seek->done);
    free(seek);
}

/* ---- on the separate thread ---- */

static int
is_abandoned(void *arg)
{
    struct seek *seek = arg;

    return atomic_load(&seek->abandoned);
}

static weir_code
step_from(struct seek *seek, const struct ranks_start *start, int64_t *out_id)
{
    sqlite3_stmt *statement = seek->reader->queries[QUERY_SEEK];

    sqlite3_bind_int(statement, 1, start->after);
    sqlite3_bind_int64(statement, 2, start->skip);
    return sqlite_reader_number(seek->reader, QUERY_SEEK, out_id, &seek->cause);
}

static weir_code
seek_first(struct seek *seek, int64_t *out_id)
{
    struct ranks_start start = {seek->range.after, seek->range.skip, -1};

    if (seek->range.after == 0)
        WEIR_TRY(sqlite_count_start(
            &seek->seeker->ranks, seek->reader, seek->range.skip, &start, &seek->cause));
    return step_from(seek, &start, out_id);
}

/* The id of the first user in the range; 0: none. Checking the total first avoids the longest walk,
 * which ends after the last user. */
static weir_code
find_first(struct seek *seek, int64_t *out_id)
{
    int64_t total;
    weir_code code = sqlite_reader_number(seek->reader, QUERY_TOTAL, &total, &seek->cause);

    *out_id = 0;
    if (code != WEIR_OK || seek->range.skip >= total)
        return code;
    sqlite3_progress_handler(seek->reader->db, STEPS_PER_LOOK, is_abandoned, seek);
    code = seek_first(seek, out_id);
    sqlite3_progress_handler(seek->reader->db, 0, NULL, NULL);
    return code;
}

static void
run(struct seek *seek)
{
    int64_t first = 0;

    seek->reader = sqlite_reader_borrow(seek->seeker->readers, &seek->cause);
    seek->code = seek->reader == NULL ? WEIR_INTERNAL : find_first(seek, &first);
    seek->range.after = first == 0 ? INT32_MAX : (int32_t)(first - 1);
    seek->range.skip = 0;
}

/* The queue's reference ends here. */
static void
run_queued(void *arg)
{
    struct seek *seek = arg;

    atomic_fetch_sub(&seek->seeker->waiting, 1);
    if (!atomic_load(&seek->abandoned)) {
        run(seek);
        weir_event_set(seek->done);
    }
    seek_unref(seek);
}

/* ---- on the handler's side ---- */

/* On failure, nothing is queued. */
static weir_code
enqueue(struct sqlite_seeker *seeker, struct seek *seek)
{
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    atomic_fetch_add(&seek->holders, 1);
    if (atomic_fetch_add(&seeker->waiting, 1) < WAITING_MAX)
        code = weir_pool_submit(seeker->pool, run_queued, seek);
    if (code == WEIR_OK)
        return WEIR_OK;
    atomic_fetch_sub(&seeker->waiting, 1);
    atomic_fetch_sub(&seek->holders, 1);
    return code;
}

static weir_code
await(struct seek *seek, weir_call *call, struct user_range *out_range,
    struct sqlite_reader **out_reader, struct store_cause *cause)
{
    weir_code code = weir_event_wait(seek->done, call);

    if (code != WEIR_OK) {
        atomic_store(&seek->abandoned, true);
        return code;
    }
    if (seek->code != WEIR_OK) {
        *cause = seek->cause;
        return seek->code;
    }
    *out_range = seek->range;
    *out_reader = seek->reader;
    seek->reader = NULL;
    return WEIR_OK;
}

weir_code
sqlite_seek(struct sqlite_seeker *seeker, weir_call *call, const struct user_range *range,
    struct user_range *out_range, struct sqlite_reader **out_reader, struct store_cause *cause)
{
    struct seek *seek = seek_new(seeker, range);
    weir_code code;

    if (seek == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = enqueue(seeker, seek);
    if (code == WEIR_OK)
        code = await(seek, call, out_range, out_reader, cause);
    seek_unref(seek);
    return code;
}

/* ---- opening and closing ---- */

bool
sqlite_seeker_init(
    struct sqlite_seeker *seeker, struct sqlite_readers *readers, struct store_cause *cause)
{
    seeker->readers = readers;
    seeker->pool = NULL;
    ranks_init(&seeker->ranks, SQLITE_BLOCK, 0);
    atomic_init(&seeker->waiting, 0);
    if (weir_pool_new(1, &seeker->pool) == WEIR_OK)
        return true;
    snprintf(cause->text, sizeof(cause->text), "out of memory or of threads");
    return false;
}

void
sqlite_seeker_fini(struct sqlite_seeker *seeker)
{
    weir_pool_free(seeker->pool);
    ranks_fini(&seeker->ranks);
}
