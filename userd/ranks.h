/* SPDX-License-Identifier: Apache-2.0 */
/* How many users have ids in each block of ids, so that a list that skips many finds where it
 * begins without stepping over them. */
/* Threads: safe from any, but init and fini. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

/* A list that skips no more than this needs no counts. */
#define RANKS_SKIP 1000

/* Where ids have to settle, all counts are forgotten after so long, so that one who took longer is
 * left out no longer than that. */
#define RANKS_KEPT (3600 * WEIR_SECOND)

/* Blocks that are counted at a time: a fifth of a second's work for a database, or less. */
#define RANKS_COUNTED 1024

struct ranks_block {
    int64_t removed; /* users of it that were removed, ever */
    int32_t users;   /* and that are there */
};

struct ranks {
    pthread_mutex_t lock;
    int64_t version; /* removals in all, as of which the first blocks' counts are true */
    int32_t valid;   /* so many */
    int64_t *before; /* users below each of these; one more */
    struct ranks_block *blocks;
    int32_t count, room;
    int32_t ids;       /* in a block */
    bool counting;     /* somebody does */
    int64_t settle;    /* ids that were there for so long have no new ones between them */
    int32_t settled;   /* the last such id; 0: none yet */
    int64_t forget_at; /* see RANKS_KEPT */
    int32_t next_last; /* the last id of all ... */
    int64_t next_at;   /* ... as of then */
};

/* ids: in a block, from a multiple of it on. settle: as above, in nanoseconds; 0: ids appear in
 * their order. */
void ranks_init(struct ranks *ranks, int32_t ids, int64_t settle);
void ranks_fini(struct ranks *ranks);

/* Where a list of all begins that skips some. */
struct ranks_start {
    int32_t after;   /* start after this id */
    int64_t skip;    /* and skip so many */
    int64_t version; /* if this is the number of removals; negative: in any case */
};

/* Is there nothing better than skipping? Then it says so: after 0 and any version. */
struct ranks_start ranks_find(struct ranks *ranks, int64_t skip);

/* Would more counts help with a start? */
bool ranks_may_help(struct ranks *ranks, const struct ranks_start *start);

/* A count of blocks, of one moment: of those that changed, and of some beyond the last. */
struct ranks_update {
    int64_t *removed;   /* as is known, of each block below first; freed by ranks_end_count */
    int32_t first, end; /* the new ones: from first to below end */
    int32_t room, added;
    int64_t version; /* set by who counts */
    int32_t last;    /* set by who counts: the last id of all */
    struct ranks_found {
        int32_t block;
        struct ranks_block is;
    } * found; /* what was added */
};

/* For a list that skips so many: no more blocks than that takes. False: somebody else counts
 * already, or there is no memory. */
bool ranks_begin_count(struct ranks *ranks, int64_t skip, struct ranks_update *out_update);

/* One of the blocks: changed ones, no more than RANKS_COUNTED, in order, then all new ones. */
void ranks_add(struct ranks_update *update, int32_t block, int64_t removed, int32_t users);

/* good: version, last and what was added are of one moment. */
void ranks_end_count(struct ranks *ranks, struct ranks_update *update, bool good);
