/* SPDX-License-Identifier: Apache-2.0 */
/* Copying: what is there is compared first, and all of it again at the end. */
#include "userd/archive_copy.h"

#include "userd/archive_batch.h"
#include <stdio.h>
#include <stdlib.h>

struct revocation_list {
    struct archive_revocation *items;
    size_t count, size;
};

struct copy {
    struct archive *from, *to;
    struct archive_batch source, target;
    struct revocation_list revocations; /* of the source */
    int64_t done;
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

/* done: with the step. */
static void
tell(const struct copy *copy, const char *what, int64_t done, size_t step, int64_t all)
{
    if (step > 0)
        copy->progress(&(struct archive_step){what, done - (int64_t)step, done, all});
}

/* What the target has, `all` users, must be what the source begins with, or with `whole` all of it.
 */
static bool
compare(struct copy *copy, bool whole, int64_t all, int32_t *out_last)
{
    int32_t last = 0;

    for (copy->done = 0;;) {
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
        copy->done += (int64_t)have;
        tell(copy, "compared", copy->done, have, all);
        *out_last = have == 0 ? last : copy->target.accounts[have - 1].user.id;
        if (have < ARCHIVE_BATCH)
            return true;
        last = *out_last;
    }
}

static bool
copy_users(struct copy *copy, int64_t all, int32_t last)
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
        tell(copy, "copied", copy->done, copy->source.count, all);
    }
}

/* ---- revocations, which are few ---- */

static bool
keep_revocation(void *arg, const struct archive_revocation *revocation)
{
    struct revocation_list *list = arg;

    if (list->count == list->size) {
        size_t size = list->size == 0 ? 64 : list->size * 2;
        struct archive_revocation *items = realloc(list->items, size * sizeof(*items));

        if (items == NULL)
            return false;
        list->items = items;
        list->size = size;
    }
    list->items[list->count++] = *revocation;
    return true;
}

static bool
read_revocations(struct copy *copy)
{
    snprintf(copy->cause->text, sizeof(copy->cause->text), "out of memory");
    return copy->from->ops->read_revocations(
        copy->from, keep_revocation, &copy->revocations, copy->cause);
}

static bool
copy_revocations(struct copy *copy)
{
    const struct revocation_list *list = &copy->revocations;

    for (size_t i = 0; i < list->count; i++) {
        if (!copy->to->ops->add_revocation(copy->to, &list->items[i], copy->cause))
            return false;
    }
    return true;
}

/* Those of the source that were found in the target. */
struct finding {
    const struct revocation_list *wanted;
    size_t found;
};

/* Both are in the order of ids. */
static bool
find_revocation(void *arg, const struct archive_revocation *revocation)
{
    struct finding *finding = arg;
    const struct archive_revocation *next;

    if (finding->found == finding->wanted->count)
        return true;
    next = &finding->wanted->items[finding->found];
    finding->found += next->id == revocation->id && next->epoch == revocation->epoch &&
                      next->changed_at == revocation->changed_at;
    return true;
}

/* The target may have more of them, of its own. */
static bool
compare_revocations(struct copy *copy)
{
    struct finding finding = {&copy->revocations, 0};

    if (!copy->to->ops->read_revocations(copy->to, find_revocation, &finding, copy->cause))
        return false;
    if (finding.found == finding.wanted->count)
        return true;
    snprintf(copy->cause->text, sizeof(copy->cause->text),
        "the target does not end the tokens of user %d as the source does",
        (int)finding.wanted->items[finding.found].id);
    return false;
}

/* ---- all ---- */

static bool
copy_rest(struct copy *copy, int64_t last_id)
{
    return copy->to->ops->begin_write(copy->to, copy->cause) && copy_revocations(copy) &&
           copy->to->ops->reserve(copy->to, last_id, copy->cause) &&
           copy->to->ops->commit(copy->to, copy->cause);
}

static bool
copy_all(struct copy *copy)
{
    struct archive_counts source, target;
    int32_t last;

    if (!copy->from->ops->begin_read(copy->from, copy->cause) ||
        !copy->from->ops->count(copy->from, &source, copy->cause) ||
        !copy->to->ops->count(copy->to, &target, copy->cause) ||
        !compare(copy, false, target.users, &last))
        return false;
    return copy_users(copy, source.users, last) && read_revocations(copy) &&
           copy_rest(copy, source.last_id) && compare(copy, true, source.users, &last) &&
           compare_revocations(copy);
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
    free(copy->revocations.items);
    free(copy);
    return good;
}
