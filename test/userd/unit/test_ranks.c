/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/ranks.c, on a database that is an array. */
#include "userd/ranks.h"

#include <setjmp.h> /* cmocka.h needs these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <weir/base.h>

#define BLOCK 1024
#define BLOCKS 3000
#define IDS (BLOCKS * BLOCK)

/* The same numbers in each run. */
static uint32_t
draw(uint32_t below)
{
    static uint64_t state = 7;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

struct model {
    bool *there; /* by id */
    int64_t removed[BLOCKS + 1];
    int64_t removals;
    int32_t last;
};

static void
model_open(struct model *model, int32_t last)
{
    memset(model, 0, sizeof(*model));
    model->there = calloc(IDS + 1, sizeof(bool));
    assert_non_null(model->there);
    memset(model->there + 1, true, (size_t)last);
    model->last = last;
}

static void
model_remove(struct model *model, int32_t id)
{
    if (!model->there[id])
        return;
    model->there[id] = false;
    model->removed[id / BLOCK]++;
    model->removals++;
}

static int32_t
users_of_block(const struct model *model, int32_t block)
{
    int32_t users = 0;

    for (int32_t id = block * BLOCK; id < (block + 1) * BLOCK; id++)
        users += model->there[id];
    return users;
}

static void
add_block(const struct model *model, struct ranks_update *update, int32_t block)
{
    ranks_add(update, block, model->removed[block], users_of_block(model, block));
}

static void
count_for(const struct model *model, struct ranks *ranks, int64_t skip)
{
    struct ranks_update update;
    int changed = 0;

    assert_true(ranks_begin_count(ranks, skip, &update));
    for (int32_t block = 0; block < update.first && changed < RANKS_COUNTED; block++) {
        if (model->removed[block] == update.removed[block])
            continue;
        add_block(model, &update, block);
        changed++;
    }
    for (int32_t block = update.first; block < update.end; block++)
        add_block(model, &update, block);
    update.version = model->removals;
    update.last = model->last;
    ranks_end_count(ranks, &update, true);
}

static void
count(const struct model *model, struct ranks *ranks)
{
    count_for(model, ranks, IDS);
}

/* The id that a start leads to. */
static int32_t
follow(const struct model *model, const struct ranks_start *start)
{
    int64_t skip = start->skip;

    for (int32_t id = start->after + 1; id <= model->last; id++) {
        if (model->there[id] && skip-- == 0)
            return id;
    }
    return 0;
}

static void
assert_leads_home(const struct model *model, struct ranks *ranks, int64_t skip)
{
    const struct ranks_start plain = {0, skip, -1};
    struct ranks_start start = ranks_find(ranks, skip);

    assert_true(start.version < 0 || start.version == model->removals);
    assert_int_equal(follow(model, &start), follow(model, &plain));
}

static void
without_counts_all_is_skipped(void **state)
{
    struct ranks ranks;
    struct ranks_start start;

    (void)state;
    ranks_init(&ranks, BLOCK, 0);
    start = ranks_find(&ranks, 5000);
    assert_int_equal(start.after, 0);
    assert_int_equal(start.skip, 5000);
    assert_true(start.version < 0);
    assert_true(ranks_may_help(&ranks, &start));
    ranks_fini(&ranks);
}

static void
counts_lead_near_the_first_user(void **state)
{
    struct model model;
    struct ranks ranks;

    (void)state;
    model_open(&model, IDS - 10);
    ranks_init(&ranks, BLOCK, 0);
    count(&model, &ranks); /* sees the last id */
    for (int i = 0; i < 3; i++)
        count(&model, &ranks);
    for (int64_t skip = 0; skip < IDS; skip += 99991) {
        struct ranks_start start = ranks_find(&ranks, skip);
        assert_true(start.skip < BLOCK * 2);
        assert_false(ranks_may_help(&ranks, &start));
        assert_leads_home(&model, &ranks, skip);
    }
    free(model.there);
    ranks_fini(&ranks);
}

/* Also where more blocks change than are counted at a time, and where blocks become empty. */
static void
removals_are_counted(void **state)
{
    static const int removals[] = {1, 7, 600, 4000, 40000};
    struct model model;
    struct ranks ranks;

    (void)state;
    model_open(&model, IDS - 10);
    ranks_init(&ranks, BLOCK, 0);
    for (int i = 0; i < 4; i++)
        count(&model, &ranks);
    for (size_t i = 0; i < sizeof(removals) / sizeof(removals[0]); i++) {
        for (int n = 0; n < removals[i]; n++)
            model_remove(&model, 1 + (int32_t)draw(IDS - 10));
        for (int32_t id = 4 * BLOCK; i == 2 && id < 6 * BLOCK; id++)
            model_remove(&model, id);
        assert_true(ranks_find(&ranks, 100).version != model.removals);
        for (int turn = 0; turn < 4; turn++) {
            count(&model, &ranks);
            for (int64_t skip = 1; skip < IDS; skip += 399989)
                assert_leads_home(&model, &ranks, skip);
        }
    }
    free(model.there);
    ranks_fini(&ranks);
}

/* A list that skips few does not wait until many are counted. */
static void
no_more_is_counted_than_a_list_needs(void **state)
{
    struct model model;
    struct ranks ranks;

    (void)state;
    model_open(&model, IDS - 10);
    ranks_init(&ranks, BLOCK, 0);
    count(&model, &ranks);
    count_for(&model, &ranks, 5 * BLOCK);
    assert_int_equal(ranks.valid, 6); /* no id is 0 */
    count(&model, &ranks);
    assert_int_equal(ranks.valid, 6 + RANKS_COUNTED);
    model_remove(&model, 2 * BLOCK);
    model_remove(&model, 20 * BLOCK);
    count_for(&model, &ranks, 5 * BLOCK);
    assert_int_equal(ranks.valid, 6);
    assert_leads_home(&model, &ranks, 5 * BLOCK);
    assert_leads_home(&model, &ranks, 30 * BLOCK);
    count_for(&model, &ranks, 30 * BLOCK);
    assert_int_equal(ranks_find(&ranks, 30 * BLOCK).after, 30 * BLOCK - 1);
    assert_leads_home(&model, &ranks, 30 * BLOCK);
    free(model.there);
    ranks_fini(&ranks);
}

static void
what_may_still_get_new_ids_is_not_counted(void **state)
{
    struct model model;
    struct ranks ranks;

    (void)state;
    model_open(&model, 10 * BLOCK);
    ranks_init(&ranks, BLOCK, 3600 * WEIR_SECOND);
    for (int i = 0; i < 3; i++)
        count(&model, &ranks);
    assert_true(ranks_find(&ranks, 9 * BLOCK).version < 0);
    ranks.next_at -= 3601 * WEIR_SECOND; /* an hour later */
    model.last = 20 * BLOCK;
    memset(model.there, true, (size_t)model.last + 1);
    model.there[0] = false;
    count(&model, &ranks);
    count(&model, &ranks);
    assert_int_equal(ranks_find(&ranks, 15 * BLOCK).after, 10 * BLOCK - 1);
    assert_leads_home(&model, &ranks, 15 * BLOCK);
    ranks.forget_at -= RANKS_KEPT; /* and one more */
    assert_true(ranks_find(&ranks, 15 * BLOCK).version < 0);
    count(&model, &ranks);
    assert_int_equal(ranks_find(&ranks, 15 * BLOCK).after, 10 * BLOCK - 1);
    free(model.there);
    ranks_fini(&ranks);
}

static void
one_counts_at_a_time(void **state)
{
    struct ranks_update first, second;
    struct ranks ranks;

    (void)state;
    ranks_init(&ranks, BLOCK, 0);
    assert_true(ranks_begin_count(&ranks, 1, &first));
    assert_false(ranks_begin_count(&ranks, 1, &second));
    ranks_end_count(&ranks, &first, false);
    assert_true(ranks_begin_count(&ranks, 1, &second));
    ranks_end_count(&ranks, &second, false);
    assert_true(ranks_find(&ranks, 5000).version < 0);
    ranks_fini(&ranks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_counts_all_is_skipped),
        cmocka_unit_test(counts_lead_near_the_first_user),
        cmocka_unit_test(removals_are_counted),
        cmocka_unit_test(no_more_is_counted_than_a_list_needs),
        cmocka_unit_test(what_may_still_get_new_ids_is_not_counted),
        cmocka_unit_test(one_counts_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
