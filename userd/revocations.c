/* SPDX-License-Identifier: Apache-2.0 */
/* The list is kept in memory, so that a check costs a binary search and no query. A thread reads
 * new revocations: after a change by this userd, and at an interval for changes by others. What is
 * new is determined by the database's clock, which may be set, and by our own, which stops while
 * this machine is suspended. */
#include "userd/revocations.h"

#include <stdlib.h>
#include <time.h>

/* Seconds before the last reading that are read again, because a transaction may commit later than
 * its timestamp. */
#define OVERLAP 60

/* Pause between two readings, however often they are requested. */
#define REST (100 * WEIR_MILLISECOND)

/* ---- the list ---- */

struct reading {
    struct account_revocation *list;
    size_t count, size;
};

static weir_code
add(void *arg, const struct account_revocation *revocation)
{
    struct reading *reading = arg;

    if (reading->count == reading->size) {
        size_t size = reading->size == 0 ? 64 : reading->size * 2;
        struct account_revocation *list = realloc(reading->list, size * sizeof(*list));

        if (list == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        reading->list = list;
        reading->size = size;
    }
    reading->list[reading->count++] = *revocation;
    return WEIR_OK;
}

/* Both are sorted by id. If an id is in both, the greater epoch counts. False: no memory. */
static bool
merge(const struct reading *old, const struct reading *new, struct reading *out, bool *out_more)
{
    size_t i = 0, k = 0;

    while (i < old->count || k < new->count) {
        bool take_old = k == new->count || (i < old->count && old->list[i].id <= new->list[k].id);
        bool take_new = i == old->count || (k < new->count &&new->list[k].id <= old->list[i].id);
        struct account_revocation next = take_old ? old->list[i] : new->list[k];

        if (take_new && (!take_old || new->list[k].epoch > next.epoch)) {
            next = new->list[k];
            *out_more = true;
        }
        if (add(out, &next) != WEIR_OK)
            return false;
        i += take_old;
        k += take_new;
    }
    return true;
}

static weir_code
take_over(struct revocations *revocations, const struct reading *read, bool *out_more)
{
    const struct reading old = {revocations->list, revocations->count, 0};
    struct reading merged = {NULL, 0, 0};
    bool more = false;

    if (!merge(&old, read, &merged, &more)) {
        free(merged.list);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    pthread_mutex_lock(&revocations->lock);
    revocations->list = merged.list;
    revocations->count = merged.count;
    pthread_mutex_unlock(&revocations->lock);
    free(old.list);
    *out_more = more;
    return WEIR_OK;
}

/* Read the revocations since the last reading; *out_more: there are new ones. */
static weir_code
read_new(struct revocations *revocations, bool *out_more, struct store_cause *cause)
{
    struct store *store = revocations->store;
    struct reading reading = {NULL, 0, 0};
    int64_t until = 0, now = weir_now();
    const struct account_since since = {.moment = revocations->read_until,
        .age = (now - revocations->read_at) / WEIR_SECOND + OVERLAP};
    weir_code code = store->accounts->list_revoked(store, &since, add, &reading, &until, cause);

    if (code == WEIR_OK)
        code = take_over(revocations, &reading, out_more);
    if (code == WEIR_OK) {
        revocations->read_until = until - OVERLAP;
        revocations->read_at = now;
    }
    free(reading.list);
    return code;
}

/* ---- the thread ---- */

static void
wait_until(struct revocations *revocations, int64_t duration, bool in_any_case)
{
    struct timespec end;
    int64_t due;

    clock_gettime(CLOCK_MONOTONIC, &end);
    due = end.tv_sec * WEIR_SECOND + end.tv_nsec + duration;
    end = (struct timespec){due / WEIR_SECOND, (long)(due % WEIR_SECOND)};
    while (!revocations->ending && (in_any_case || !revocations->wanted)) {
        if (pthread_cond_timedwait(&revocations->changed, &revocations->lock, &end) != 0)
            return;
    }
}

/* False: the thread shall end. */
static bool
wait_for_turn(struct revocations *revocations)
{
    bool ending;

    pthread_mutex_lock(&revocations->lock);
    wait_until(revocations, REST, true);
    wait_until(revocations, revocations->interval, false);
    revocations->wanted = false;
    ending = revocations->ending;
    pthread_mutex_unlock(&revocations->lock);
    return !ending;
}

static void *
keep_reading(void *arg)
{
    struct revocations *revocations = arg;

    while (wait_for_turn(revocations)) {
        struct store_cause cause = {""};
        bool more = false;
        weir_code code = read_new(revocations, &more, &cause);

        if (code != WEIR_OK)
            log_line(revocations->log, LOG_ERROR, "cannot read which tokens are revoked",
                log_text("code", weir_code_name(code)), log_text("cause", cause.text));
        if (more)
            weir_auth_recheck(revocations->auth);
    }
    return NULL;
}

/* ---- opening and closing ---- */

bool
revocations_open(struct revocations *revocations, struct store *store, struct store_cause *cause)
{
    pthread_condattr_t monotonic;
    bool more;

    *revocations = (struct revocations){.store = store, .read_until = INT64_MIN};
    pthread_mutex_init(&revocations->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&revocations->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return read_new(revocations, &more, cause) == WEIR_OK;
}

bool
revocations_start(
    struct revocations *revocations, weir_auth *auth, int64_t interval, const struct log *log)
{
    revocations->auth = auth;
    revocations->interval = interval;
    revocations->log = log;
    revocations->started =
        pthread_create(&revocations->thread, NULL, keep_reading, revocations) == 0;
    return revocations->started;
}

static void
wake(struct revocations *revocations, bool ending)
{
    pthread_mutex_lock(&revocations->lock);
    revocations->wanted = true;
    revocations->ending = revocations->ending || ending;
    pthread_cond_signal(&revocations->changed);
    pthread_mutex_unlock(&revocations->lock);
}

void
revocations_close(struct revocations *revocations)
{
    if (revocations->store == NULL)
        return;
    if (revocations->started) {
        wake(revocations, true);
        pthread_join(revocations->thread, NULL);
    }
    free(revocations->list);
    pthread_cond_destroy(&revocations->changed);
    pthread_mutex_destroy(&revocations->lock);
}

void
revocations_refresh(struct revocations *revocations)
{
    if (revocations->started)
        wake(revocations, false);
}

/* ---- checking ---- */

static int
compare(const void *a, const void *b)
{
    const struct account_revocation *first = a, *second = b;

    return (first->id > second->id) - (first->id < second->id);
}

bool
revocations_hold(void *self, const struct weir_claims *claims)
{
    struct revocations *revocations = self;
    struct account_revocation wanted;
    const struct account_revocation *found = NULL;
    bool hold;

    if (claims->subject == NULL || !weir_claims_integer(claims, REVOCATIONS_EPOCH, &wanted.epoch))
        return false;
    wanted.id = (int32_t)strtol(claims->subject, NULL, 10);
    pthread_mutex_lock(&revocations->lock);
    if (revocations->count > 0)
        found = bsearch(&wanted, revocations->list, revocations->count, sizeof(wanted), compare);
    hold = found != NULL && wanted.epoch < found->epoch;
    pthread_mutex_unlock(&revocations->lock);
    return hold;
}
