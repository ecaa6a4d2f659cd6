/* SPDX-License-Identifier: Apache-2.0 */
/* The number of users in each block of ids, so that a list that skips many users finds where to
 * start without stepping over them. */
/* Threads: safe from any, except init and fini. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

/* A list that skips no more than this does not use the counts. */
#define RANKS_SKIP 1000

/* If ids have to settle, all counts are discarded at this interval, so that a user whose commit
 * took longer than that is missing from them no longer than this. */
#define RANKS_KEPT (3600 * WEIR_SECOND)

/* Blocks that are counted at a time: 0.2 s of work for a database, or less. */
#define RANKS_COUNTED 1024

struct ranks_block {
    int64_t removed; /* users of the block that were removed, ever */
    int32_t users;   /* users that exist */
};

struct ranks {
    pthread_mutex_t lock;
    int64_t version; /* total of removals for which the counts of the first blocks are true */
    int32_t valid;   /* how many blocks these are */
    int64_t *before; /* users below each of these blocks; one entry more than blocks */
    struct ranks_block *blocks;
    int32_t count, room;
    int32_t ids;       /* per block */
    bool counting;     /* a count is under way */
    int64_t settle;    /* ids that have existed for this long have no new ids between them */
    int32_t settled;   /* the last such id; 0: none yet */
    int64_t forget_at; /* see RANKS_KEPT */
    int32_t next_last; /* the highest id of all ... */
    int64_t next_at;   /* ... at this time */
};

/* ids: per block, which starts at a multiple of it. settle: as above, in nanoseconds; 0: ids become
 * visible in their order. */
void ranks_init(struct ranks *ranks, int32_t ids, int64_t settle);
void ranks_fini(struct ranks *ranks);

/* Where a list that skips some users starts. */
struct ranks_start {
    int32_t after;   /* start after this id */
    int64_t skip;    /* and skip this many */
    int64_t version; /* valid if this is the total of removals; negative: always valid */
};

/* Where a list that skips so many users starts; without suitable counts, after 0, valid always. */
struct ranks_start ranks_find(struct ranks *ranks, int64_t skip);

/* Would more counts improve this start? */
bool ranks_may_help(struct ranks *ranks, const struct ranks_start *start);

/* A count of blocks as of one moment: of those that have changed, and of some after the last one.
 */
struct ranks_update {
    int64_t *removed;   /* as known so far, of each block below first; freed by ranks_end_count */
    int32_t first, end; /* the new blocks: from first to below end */
    int32_t room, added;
    int64_t version; /* set by the caller */
    int32_t last;    /* set by the caller: the highest id of all */
    struct ranks_found {
        int32_t block;
        struct ranks_block is;
    } * found; /* what was added */
};

/* Begin a count for a list that skips so many users, of no more blocks than it needs. False:
 * another count is under way, or no memory. */
bool ranks_begin_count(struct ranks *ranks, int64_t skip, struct ranks_update *out_update);

/* Add a block: the changed ones, at most RANKS_COUNTED, in order, then all new ones. */
void ranks_add(struct ranks_update *update, int32_t block, int64_t removed, int32_t users);

/* good: version, last and the blocks that were added are of one moment. */
void ranks_end_count(struct ranks *ranks, struct ranks_update *update, bool good);
