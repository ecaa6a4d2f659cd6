/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated work for calls of bench-echo. */
#include "work.h"
#include <stdlib.h>
#include <time.h>

/* A handler whose call was cancelled returns before the work is done, so the job has memory of its
 * own. */
struct job {
    int64_t time;
    weir_event *done;
};

weir_code
work_init(struct work *work, int64_t time, unsigned threads)
{
    work->time = time;
    return time == 0 ? WEIR_OK : weir_pool_new(threads, &work->pool);
}

void
work_fini(struct work *work)
{
    weir_pool_free(work->pool);
}

static void
run(void *arg)
{
    struct job *job = arg;
    struct timespec time = {job->time / WEIR_SECOND, (long)(job->time % WEIR_SECOND)};

    (void)nanosleep(&time, NULL);
    weir_event_set(job->done);
    weir_event_unref(job->done);
    free(job);
}

static weir_code
submit(const struct work *work, weir_event *done)
{
    struct job *job = malloc(sizeof(*job));

    if (job == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *job = (struct job){work->time, weir_event_ref(done)};
    if (weir_pool_submit(work->pool, run, job) == WEIR_OK)
        return WEIR_OK;
    weir_event_unref(done);
    free(job);
    return WEIR_RESOURCE_EXHAUSTED;
}

/* Not inlined, so that calls without work, the usual benchmark, save no registers for it. */
static __attribute__((noinline)) weir_code
wait_for(const struct work *work, weir_call *call)
{
    weir_event *done = weir_event_new();
    weir_code code;

    if (done == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = submit(work, done);
    if (code == WEIR_OK)
        code = weir_event_wait(done, call);
    weir_event_unref(done);
    return code;
}

weir_code
work_do(const struct work *work, weir_call *call)
{
    return work->pool == NULL ? WEIR_OK : wait_for(work, call);
}
