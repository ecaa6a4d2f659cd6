/* SPDX-License-Identifier: Apache-2.0 */
/* Copying: what is there is compared first, and all of it again at the end. */
#include "userd/archive_copy.h"

#include "userd/archive_batch.h"
#include <stdio.h>
#include <stdlib.h>

struct copy {
    struct archive *from, *to;
    struct archive_batch source, target;
    int64_t done, all;
    archive_progress *progress;
    struct store_cause *cause;
};

static bool
take(void *arg, const struct account *account)
{
    return archive_batch_add(arg, account);
}

/* The next accounts of one side. False: cause says why. */
static bool
fetch(struct copy *copy, struct archive *archive, int32_t after, struct archive_batch *batch)
{
    archive_batch_clear(batch);
    snprintf(copy->cause->text, sizeof(copy->cause->text), "out of memory");
    return archive->ops->read(archive, after, ARCHIVE_BATCH, take, batch, copy->cause);
}

static bool
differ(struct copy *copy, int32_t id)
{
    snprintf(copy->cause->text, sizeof(copy->cause->text),
        "the target has another user %d than the source; give one that is empty", (int)id);
    return false;
}

/* What the target has must be what the source begins with, or with `whole` all of it. */
static bool
compare(struct copy *copy, bool whole, int32_t *out_last, int64_t *out_count)
{
    int32_t last = 0;
    int64_t count = 0;

    for (;;) {
        size_t have;

        if (!fetch(copy, copy->from, last, &copy->source) ||
            !fetch(copy, copy->to, last, &copy->target))
            return false;
        have = copy->target.count;
        if (have > copy->source.count || (whole && have < copy->source.count))
            return differ(copy, have > copy->source.count
                                    ? copy->target.accounts[copy->source.count].user.id
                                    : copy->source.accounts[have].user.id);
        for (size_t i = 0; i < have; i++) {
            if (!archive_same(&copy->source.accounts[i], &copy->target.accounts[i]))
                return differ(copy, copy->target.accounts[i].user.id);
        }
        count += (int64_t)have;
        *out_last = have == 0 ? last : copy->target.accounts[have - 1].user.id;
        *out_count = count;
        if (have < ARCHIVE_BATCH)
            return true;
        last = *out_last;
    }
}

static bool
copy_users(struct copy *copy, int32_t last)
{
    for (;;) {
        if (!fetch(copy, copy->from, last, &copy->source))
            return false;
        if (copy->source.count == 0)
            return true;
        if (!copy->to->ops->begin_write(copy->to, copy->cause) ||
            !copy->to->ops->add(copy->to, copy->source.accounts, copy->source.count, copy->cause) ||
            !copy->to->ops->commit(copy->to, copy->cause))
            return false;
        last = copy->source.accounts[copy->source.count - 1].user.id;
        copy->done += (int64_t)copy->source.count;
        copy->progress(copy->done, copy->all);
    }
}

static bool
copy_revocation(void *arg, const struct archive_revocation *revocation)
{
    struct copy *copy = arg;

    return copy->to->ops->add_revocation(copy->to, revocation, copy->cause);
}

static bool
copy_rest(struct copy *copy, int64_t last_id)
{
    return copy->to->ops->begin_write(copy->to, copy->cause) &&
           copy->from->ops->read_revocations(copy->from, copy_revocation, copy, copy->cause) &&
           copy->to->ops->reserve(copy->to, last_id, copy->cause) &&
           copy->to->ops->commit(copy->to, copy->cause);
}

static bool
copy_all(struct copy *copy)
{
    struct archive_counts counts;
    int32_t last;

    if (!copy->from->ops->begin_read(copy->from, copy->cause) ||
        !copy->from->ops->count(copy->from, &counts, copy->cause) ||
        !compare(copy, false, &last, &copy->done))
        return false;
    copy->all = counts.users;
    return copy_users(copy, last) && copy_rest(copy, counts.last_id) &&
           compare(copy, true, &last, &copy->done);
}

bool
archive_copy(struct archive *from, struct archive *to, archive_progress *progress,
    int64_t *out_users, struct store_cause *cause)
{
    struct copy *copy = calloc(1, sizeof(*copy));
    bool good;

    if (copy == NULL) {
        snprintf(cause->text, sizeof(cause->text), "out of memory");
        return false;
    }
    copy->from = from;
    copy->to = to;
    copy->progress = progress;
    copy->cause = cause;
    good = copy_all(copy);
    *out_users = copy->done;
    archive_batch_clear(&copy->source);
    archive_batch_clear(&copy->target);
    free(copy);
    return good;
}
