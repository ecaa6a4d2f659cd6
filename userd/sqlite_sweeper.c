/* SPDX-License-Identifier: Apache-2.0 */
/* An idle snapshot keeps every process from restarting the WAL, which then grows with each write.
 * The writer in this process makes readers end theirs, but writers and checkpoints in other
 * processes cannot. So while snapshots are kept, a thread checks every TURN which readers were
 * borrowed since; while none is kept it sleeps, so that an idle server does nothing. */
#include "userd/sqlite_sweeper.h"

#include <stdio.h>
#include <time.h>
#include <weir/base.h>

/* Long enough that a busy server never loses its snapshot, and short compared to the growth of the
 * WAL. */
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
