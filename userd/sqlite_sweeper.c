/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot that nobody reads keeps every process from beginning the WAL anew, which then grows
 * with all that they write. The writer here makes readers let go of theirs; a writer elsewhere, or
 * a checkpoint there, cannot. So while snapshots are kept a thread looks every TURN who was
 * borrowed since; when none is kept any more it sleeps until one is, so that a server without calls
 * does nothing. */
#include "userd/sqlite_sweeper.h"

#include <stdio.h>
#include <time.h>
#include <weir/base.h>

/* Long enough that a server with calls never misses its snapshot, and short for a WAL. */
#define TURN (100 * WEIR_MILLISECOND)

static struct timespec
end_of_turn(void)
{
    int64_t end = weir_now() + TURN;

    return (struct timespec){end / WEIR_SECOND, (long)(end % WEIR_SECOND)};
}

static void
wait_for_turn(struct sqlite_sweeper *sweeper)
{
    struct sqlite_readers *readers = sweeper->readers;
    struct timespec end = end_of_turn();

    while (!sweeper->ending && pthread_cond_timedwait(&readers->keeping, &readers->lock, &end) == 0)
        ;
}

static void *
sweep(void *arg)
{
    struct sqlite_sweeper *sweeper = arg;
    struct sqlite_readers *readers = sweeper->readers;

    pthread_mutex_lock(&readers->lock);
    while (!sweeper->ending) {
        if (!readers->kept) {
            pthread_cond_wait(&readers->keeping, &readers->lock);
            continue;
        }
        wait_for_turn(sweeper);
        sqlite_readers_sweep(readers);
    }
    pthread_mutex_unlock(&readers->lock);
    return NULL;
}

bool
sqlite_sweeper_init(
    struct sqlite_sweeper *sweeper, struct sqlite_readers *readers, struct store_cause *cause)
{
    sweeper->readers = readers;
    sweeper->ending = false;
    sweeper->started = pthread_create(&sweeper->thread, NULL, sweep, sweeper) == 0;
    if (!sweeper->started)
        snprintf(cause->text, sizeof(cause->text), "out of memory or of threads");
    return sweeper->started;
}

void
sqlite_sweeper_fini(struct sqlite_sweeper *sweeper)
{
    if (!sweeper->started)
        return;
    pthread_mutex_lock(&sweeper->readers->lock);
    sweeper->ending = true;
    pthread_cond_signal(&sweeper->readers->keeping);
    pthread_mutex_unlock(&sweeper->readers->lock);
    pthread_join(sweeper->thread, NULL);
}
