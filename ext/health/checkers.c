/* SPDX-License-Identifier: Apache-2.0 */
/* Checkers. Each has a thread, so that it may block; another thread, the manager, schedules the
 * checks, processes the results, and counts a check that takes too long as failed while it is still
 * running.
 *
 *   manager -> go -> checker's thread: check() -> result -> manager: judge -> status */
#include "health/health.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

/* Minimum interval of checks caused by a suspicion. */
#define SUSPECT_PAUSE (50 * WEIR_MILLISECOND)

static int64_t
or_default(int64_t value, int64_t otherwise)
{
    return value == 0 ? otherwise : value;
}

weir_code
weir_health_add(weir_health *health, const struct weir_health_checker *options)
{
    struct health_checker *checker = calloc(1, sizeof(*checker));
    struct health_service *service = NULL;

    if (checker == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    pthread_mutex_lock(&health->lock);
    service = health_service_of(health, options->name);
    if (service != NULL) {
        service->optional = options->optional;
        service->own = WEIR_HEALTH_UNKNOWN;
        checker->health = health;
        checker->options = *options;
        checker->options.name = service->name;
        checker->options.interval = or_default(options->interval, 30 * WEIR_SECOND);
        checker->options.failing_interval = or_default(options->failing_interval, WEIR_SECOND);
        checker->options.timeout = or_default(options->timeout, 5 * WEIR_SECOND);
        pthread_cond_init(&checker->go, NULL);
        *health->last_checker = checker;
        health->last_checker = &checker->next;
        health_update(health);
    }
    pthread_mutex_unlock(&health->lock);
    if (service == NULL)
        free(checker);
    return service == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

void
weir_health_observe(weir_health *health,
    void (*changed)(void *self, const char *name, bool works, const char *why), void *self)
{
    health->observer = changed;
    health->observer_self = self;
}

/* Notify the manager, also if it is busy now. */
static void
stir(weir_health *health)
{
    health->stirred = true;
    pthread_cond_signal(&health->changed);
}

/* ---- a checker's thread ---- */

static void *
run_checks(void *arg)
{
    struct health_checker *checker = arg;
    weir_health *health = checker->health;
    char why[WEIR_HEALTH_WHY];

    pthread_mutex_lock(&health->lock);
    while (!health->ending) {
        if (!checker->running || checker->said) {
            pthread_cond_wait(&checker->go, &health->lock);
            continue;
        }
        pthread_mutex_unlock(&health->lock);
        why[0] = '\0';
        bool result = checker->options.check(checker->options.self, why);
        pthread_mutex_lock(&health->lock);
        checker->result = result;
        snprintf(checker->why, sizeof(checker->why), "%s", why);
        checker->said = true;
        stir(health);
    }
    pthread_mutex_unlock(&health->lock);
    return NULL;
}

/* ---- the manager ---- */

/* Report a change, with the lock released. */
static void
tell(struct health_checker *checker)
{
    weir_health *health = checker->health;
    char why[WEIR_HEALTH_WHY];
    bool works = checker->works;

    if (health->observer == NULL)
        return;
    snprintf(why, sizeof(why), "%s", checker->why);
    pthread_mutex_unlock(&health->lock);
    health->observer(health->observer_self, checker->options.name, works, why);
    pthread_mutex_lock(&health->lock);
}

/* Process a result: does it change the state? */
static void
judge(struct health_checker *checker, bool works)
{
    unsigned needed = works ? checker->options.successes : checker->options.failures;
    bool first = !checker->known;

    if (!first && works == checker->works) {
        checker->row = 0;
        return;
    }
    if (!first && ++checker->row < (needed == 0 ? 1 : needed))
        return;
    checker->row = 0;
    checker->known = true;
    checker->works = works;
    health_lookup(checker->health, checker->options.name)->own =
        works ? WEIR_HEALTH_SERVING : WEIR_HEALTH_NOT_SERVING;
    health_update(checker->health);
    pthread_cond_signal(&checker->health->first);
    if (!first || !works)
        tell(checker);
}

/* Plan the next check. Failing includes a series of failures that is not long enough yet. */
static void
plan(struct health_checker *checker, int64_t now)
{
    bool well = checker->works && checker->row == 0;

    checker->due = now + (well ? checker->options.interval : checker->options.failing_interval);
}

/* A check that started before the suspicion does not settle it. */
static int64_t
next_check(const struct health_checker *checker)
{
    int64_t soon = checker->begun + SUSPECT_PAUSE;

    return checker->suspected && soon < checker->due ? soon : checker->due;
}

/* Do what is due for a checker; returns when to look again. */
static int64_t
attend(struct health_checker *checker, int64_t now)
{
    if (checker->said) {
        bool late = checker->late;

        checker->running = checker->said = checker->late = false;
        if (!late || checker->result)
            judge(checker, checker->result);
        plan(checker, now);
    }
    if (!checker->running && now >= next_check(checker)) {
        checker->running = true;
        checker->suspected = false;
        checker->begun = now;
        pthread_cond_signal(&checker->go);
    }
    if (!checker->running)
        return next_check(checker);
    if (checker->late)
        return WEIR_NEVER;
    if (now - checker->begun < checker->options.timeout)
        return checker->begun + checker->options.timeout;
    checker->late = true;
    snprintf(checker->why, sizeof(checker->why), "no answer within %lld ms",
        (long long)(checker->options.timeout / WEIR_MILLISECOND));
    judge(checker, false);
    return WEIR_NEVER;
}

static void
wait_until(weir_health *health, int64_t due)
{
    struct timespec until = {due / WEIR_SECOND, (long)(due % WEIR_SECOND)};

    if (due == WEIR_NEVER)
        pthread_cond_wait(&health->changed, &health->lock);
    else
        pthread_cond_timedwait(&health->changed, &health->lock, &until);
}

static void *
manage(void *arg)
{
    weir_health *health = arg;

    pthread_mutex_lock(&health->lock);
    while (!health->ending) {
        int64_t now = weir_now(), next = WEIR_NEVER;

        health->stirred = false;
        for (struct health_checker *one = health->checkers; one != NULL; one = one->next) {
            int64_t due = attend(one, now);

            next = due < next ? due : next;
        }
        /* Reporting releases the lock, so there may be news. */
        if (!health->stirred)
            wait_until(health, next);
    }
    pthread_mutex_unlock(&health->lock);
    return NULL;
}

/* ---- life cycle ---- */

static bool
all_known(const weir_health *health)
{
    for (const struct health_checker *one = health->checkers; one != NULL; one = one->next) {
        if (!one->known)
            return false;
    }
    return true;
}

/* All signals are blocked: the application's handlers never run on these threads. */
static bool
start_threads(weir_health *health)
{
    sigset_t every, before;
    bool good = true;

    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    for (struct health_checker *one = health->checkers; good && one != NULL; one = one->next)
        good = one->started = pthread_create(&one->thread, NULL, run_checks, one) == 0;
    if (good)
        good = health->managed = pthread_create(&health->manager, NULL, manage, health) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

weir_code
weir_health_start(weir_health *health)
{
    if (!start_threads(health)) {
        health_checkers_stop(health);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    pthread_mutex_lock(&health->lock);
    while (!all_known(health))
        pthread_cond_wait(&health->first, &health->lock);
    pthread_mutex_unlock(&health->lock);
    return WEIR_OK;
}

void
health_checkers_stop(weir_health *health)
{
    pthread_mutex_lock(&health->lock);
    health->ending = true;
    stir(health);
    for (struct health_checker *one = health->checkers; one != NULL; one = one->next)
        pthread_cond_signal(&one->go);
    pthread_mutex_unlock(&health->lock);
    if (health->managed)
        pthread_join(health->manager, NULL);
    health->managed = false;
    for (struct health_checker *one = health->checkers; one != NULL; one = one->next) {
        if (one->started)
            pthread_join(one->thread, NULL);
        one->started = false;
    }
}

void
weir_health_suspect(weir_health *health, const char *name)
{
    pthread_mutex_lock(&health->lock);
    for (struct health_checker *one = health->checkers; one != NULL; one = one->next) {
        if (strcmp(one->options.name, name) != 0 || (one->known && !one->works) || one->suspected)
            continue;
        one->suspected = true;
        stir(health);
    }
    pthread_mutex_unlock(&health->lock);
}

/* ---- disks ---- */

bool
weir_health_disk_check(void *self, char why[WEIR_HEALTH_WHY])
{
    const struct weir_health_disk *disk = self;
    struct statvfs stats;
    uint64_t free_bytes;

    if (statvfs(disk->path, &stats) != 0) {
        snprintf(why, WEIR_HEALTH_WHY, "the disk cannot be looked at");
        return false;
    }
    free_bytes = (uint64_t)stats.f_bavail * stats.f_frsize;
    if (free_bytes >= disk->min_free)
        return true;
    snprintf(why, WEIR_HEALTH_WHY, "%llu bytes are free on the disk, %llu are needed",
        (unsigned long long)free_bytes, (unsigned long long)disk->min_free);
    return false;
}
