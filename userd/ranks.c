/* SPDX-License-Identifier: Apache-2.0 */
/* Ids only increase, and none is reused. So once later ids are in use, the number of users in a
 * block of ids can only decrease. The database counts removals, per block and in total. Counts that
 * were read at some total of removals are valid while the total is the same; the query that lists
 * users checks that in its own snapshot. When the total has changed, the blocks with removals are
 * counted anew, as far as the list needs them.
 *
 * But an id may become visible late, where transactions commit in another order than they took
 * their ids. There, blocks are counted when the ids after them have been visible for a while
 * (settle). */
#include "userd/ranks.h"

#include <stdlib.h>

void
ranks_init(struct ranks *ranks, int32_t ids, int64_t settle)
{
    *ranks = (struct ranks){.ids = ids, .settle = settle, .forget_at = weir_now() + RANKS_KEPT};
    pthread_mutex_init(&ranks->lock, NULL);
}

void
ranks_fini(struct ranks *ranks)
{
    free(ranks->blocks);
    free(ranks->before);
    pthread_mutex_destroy(&ranks->lock);
}

/* ---- finding ---- */

/* The last block with at most this many users below it. */
static int32_t
block_at(const struct ranks *ranks, int64_t skip)
{
    int32_t low = 0, high = ranks->valid;

    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;

        if (ranks->before[middle] <= skip)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void
forget(struct ranks *ranks)
{
    if (ranks->settle == 0 || ranks->counting || weir_now() < ranks->forget_at)
        return;
    ranks->forget_at = weir_now() + RANKS_KEPT;
    ranks->valid = ranks->count = 0;
}

struct ranks_start
ranks_find(struct ranks *ranks, int64_t skip)
{
    struct ranks_start start = {0, skip, -1};
    int32_t block;

    pthread_mutex_lock(&ranks->lock);
    forget(ranks);
    if (ranks->valid > 0) {
        block = block_at(ranks, skip);
        start.after = block == 0 ? 0 : block * ranks->ids - 1;
        start.skip = skip - ranks->before[block];
        start.version = ranks->version;
    }
    pthread_mutex_unlock(&ranks->lock);
    return start;
}

/* Blocks that may be counted: all their ids and one later id are settled. */
static int32_t
countable(const struct ranks *ranks)
{
    return ranks->settled / ranks->ids;
}

static bool
is_next_due(const struct ranks *ranks)
{
    return ranks->next_at == 0 || weir_now() - ranks->next_at >= ranks->settle;
}

bool
ranks_may_help(struct ranks *ranks, const struct ranks_start *start)
{
    bool may;

    if (start->skip <= 2 * (int64_t)ranks->ids)
        return false;
    pthread_mutex_lock(&ranks->lock);
    may = countable(ranks) > ranks->valid || is_next_due(ranks);
    pthread_mutex_unlock(&ranks->lock);
    return may;
}

/* ---- counting ---- */

static bool
make_room(struct ranks *ranks, int32_t count)
{
    size_t room = (size_t)count + RANKS_COUNTED;
    struct ranks_block *blocks;
    int64_t *before;

    if (count <= ranks->room)
        return true;
    blocks = realloc(ranks->blocks, room * sizeof(*blocks));
    if (blocks == NULL)
        return false;
    ranks->blocks = blocks;
    before = realloc(ranks->before, (room + 1) * sizeof(*before));
    if (before == NULL)
        return false;
    ranks->before = before;
    ranks->room = (int32_t)room;
    return true;
}

/* The number of blocks that a list with this skip needs, as far as known and countable. */
static int32_t
needed(const struct ranks *ranks, int64_t skip)
{
    int64_t most = countable(ranks), users = 0, count;
    int32_t block = 0;

    while (block < ranks->count && users <= skip)
        users += ranks->blocks[block++].users;
    count = users > skip ? block : block + (skip - users) / ranks->ids + 1;
    if (count > ranks->count + RANKS_COUNTED)
        count = ranks->count + RANKS_COUNTED;
    return (int32_t)(count < most ? count : most);
}

static bool
begin(struct ranks *ranks, int64_t skip, struct ranks_update *update)
{
    update->end = needed(ranks, skip);
    update->first = update->end < ranks->count ? update->end : ranks->count;
    update->room = RANKS_COUNTED + (update->end - update->first);
    update->removed = malloc(((size_t)update->first + 1) * sizeof(*update->removed));
    update->found = malloc((size_t)update->room * sizeof(*update->found));
    if (update->removed == NULL || update->found == NULL || !make_room(ranks, update->end))
        return false;
    for (int32_t i = 0; i < update->first; i++)
        update->removed[i] = ranks->blocks[i].removed;
    return true;
}

bool
ranks_begin_count(struct ranks *ranks, int64_t skip, struct ranks_update *out_update)
{
    bool good;

    *out_update = (struct ranks_update){0};
    pthread_mutex_lock(&ranks->lock);
    good = !ranks->counting && begin(ranks, skip, out_update);
    if (good)
        ranks->counting = true;
    pthread_mutex_unlock(&ranks->lock);
    if (good)
        return true;
    free(out_update->removed);
    free(out_update->found);
    return false;
}

void
ranks_add(struct ranks_update *update, int32_t block, int64_t removed, int32_t users)
{
    if (block < 0 || block >= update->end || update->added == update->room)
        return;
    update->found[update->added++] = (struct ranks_found){block, {removed, users}};
}

/* If there were too many changed blocks, those after the last counted one are unknown. */
static int32_t
known_blocks(const struct ranks_update *update)
{
    int32_t changed = 0;

    while (changed < update->added && update->found[changed].block < update->first)
        changed++;
    return changed < RANKS_COUNTED ? update->end : update->found[changed - 1].block + 1;
}

static void
take(struct ranks *ranks, const struct ranks_update *update)
{
    for (int32_t i = ranks->count; i < update->end; i++)
        ranks->blocks[i] = (struct ranks_block){0};
    if (ranks->count < update->end)
        ranks->count = update->end;
    for (int32_t i = 0; i < update->added; i++)
        ranks->blocks[update->found[i].block] = update->found[i].is;
    if (ranks->version != update->version || ranks->valid < known_blocks(update))
        ranks->valid = known_blocks(update);
    ranks->version = update->version;
    ranks->before[0] = 0;
    for (int32_t i = 0; i < ranks->valid; i++)
        ranks->before[i + 1] = ranks->before[i] + ranks->blocks[i].users;
}

/* The id that was the last one a while ago is settled now. */
static void
settle(struct ranks *ranks, int32_t last)
{
    if (!is_next_due(ranks))
        return;
    ranks->settled = ranks->settle == 0 ? last : ranks->next_last;
    ranks->next_last = last;
    ranks->next_at = weir_now();
}

void
ranks_end_count(struct ranks *ranks, struct ranks_update *update, bool good)
{
    pthread_mutex_lock(&ranks->lock);
    if (good) {
        if (update->end > 0)
            take(ranks, update);
        settle(ranks, update->last);
    }
    ranks->counting = false;
    pthread_mutex_unlock(&ranks->lock);
    free(update->removed);
    free(update->found);
}
