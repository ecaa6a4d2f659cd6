/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: tasks, messages, and which thread runs it.
 *
 * A turn is one iteration of libuv: timers, then tasks until none is left (in a prepare handle, so
 * nothing is queued when libuv goes to sleep), then polling, whose callbacks post the tasks of the
 * next turn.
 *
 * One thread at a time has the right to run the loop (`turned`). A thread that cannot get it waits
 * in `waiters`, those of weir_loop_run at the front; a thread that gives up the right wakes the
 * first waiter, and a waiter that was woken but leaves wakes the next. */

#include "loop/private.h"

#include "base/poison.h"
#include <assert.h>
#include <stdlib.h>

struct loop_waiter {
    struct list link;
    pthread_cond_t woken;
    const bool *done; /* NULL: in weir_loop_run */
};

static _Thread_local weir_loop *current;

/* Not inlined: a fiber may continue on another thread after a switch, so no caller may keep the
 * address of `current` across one. */
__attribute__((noinline)) weir_loop *
loop_current(void)
{
    __asm__ volatile("" ::: "memory");
    return current;
}

uv_loop_t *
loop_uv(weir_loop *loop)
{
    return &loop->uv;
}

void
loop_touch(weir_loop *loop)
{
    loop->touched = true;
}

/* Outside of a turn the clock is read each time, as nothing else would advance it. */
int64_t
loop_now(weir_loop *loop)
{
    if (!loop->inside)
        return weir_now();
    if (loop->now == 0)
        loop->now = weir_now();
    return loop->now;
}

uint8_t *
loop_scratch(weir_loop *loop)
{
    poison_lift(loop->scratch, LOOP_SCRATCH_SIZE);
    return loop->scratch;
}

void *
loop_local(weir_loop *loop, enum loop_local key)
{
    return loop->locals[key];
}

void
loop_set_local(weir_loop *loop, enum loop_local key, void *value, void (*free_value)(void *))
{
    assert(loop->locals[key] == NULL);
    loop->locals[key] = value;
    loop->local_order[loop->local_count++] = (struct loop_local_entry){key, free_value};
}

void
loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task))
{
    list_init(&task->link);
    task->run = run;
}

void
loop_post(weir_loop *loop, struct loop_task *task)
{
    if (list_empty(&task->link))
        list_push(&loop->tasks, &task->link);
}

void
loop_post_late(weir_loop *loop, struct loop_task *task)
{
    if (list_empty(&task->link))
        list_push(&loop->late, &task->link);
}

bool
loop_has_tasks(const weir_loop *loop)
{
    return !list_empty(&loop->tasks);
}

void
loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->link);
}

/* libuv is woken under the lock too: otherwise the loop's thread could see the task, act on it and
 * free the loop while this thread still uses it. */
static void
send_hurried(weir_loop *loop, struct loop_task *task)
{
    if (!loop->woken)
        uv_async_send(&loop->wakeup);
    loop->woken = true;
    list_push(&loop->inbox, &task->link);
}

void
loop_send(weir_loop *loop, struct loop_task *task)
{
    pthread_mutex_lock(&loop->lock);
    send_hurried(loop, task);
    pthread_mutex_unlock(&loop->lock);
}

void
loop_send_unhurried(weir_loop *loop, struct loop_task *task)
{
    pthread_mutex_lock(&loop->lock);
    list_push(&loop->inbox, &task->link);
    pthread_mutex_unlock(&loop->lock);
}

static void
run_tasks(weir_loop *loop)
{
    struct list *link;

    while ((link = list_shift(&loop->tasks)) != NULL || (link = list_shift(&loop->late)) != NULL) {
        struct loop_task *task = container_of(link, struct loop_task, link);

        task->run(task);
    }
}

static void
on_prepare(uv_prepare_t *prepare)
{
    weir_loop *loop = prepare->data;

    run_tasks(loop);
    loop_timers_arm(loop);
    loop->now = 0;
    loop->touched = false;
}

/* Under the lock: should the thread that runs the loop stop doing so? */
static bool
must_leave(const weir_loop *loop)
{
    if (loop->running)
        return atomic_load(&loop->stopping);
    return loop->awaited != NULL && loop->runners > 0;
}

/* Under the lock: wake the first waiter. */
static void
wake_first(weir_loop *loop)
{
    if (!list_empty(&loop->waiters)) {
        struct loop_waiter *first = container_of(loop->waiters.next, struct loop_waiter, link);

        pthread_cond_signal(&first->woken);
    }
}

/* Under the lock: post the sent tasks. */
static void
take_inbox(weir_loop *loop)
{
    struct list *link;

    while ((link = list_shift(&loop->inbox)) != NULL)
        list_push(&loop->tasks, link);
    loop->woken = false;
}

static void
on_wakeup(uv_async_t *wakeup)
{
    weir_loop *loop = wakeup->data;
    bool leave;

    pthread_mutex_lock(&loop->lock);
    take_inbox(loop);
    leave = must_leave(loop);
    pthread_mutex_unlock(&loop->lock);
    if (leave)
        uv_stop(&loop->uv);
}

static void
turn(weir_loop *loop, uv_run_mode mode)
{
    weir_loop *outer = current;

    current = loop;
    loop->inside = true;
    loop->now = 0;
    loop_timers_fire(loop);
    loop->polls = true;
    uv_run(&loop->uv, mode);
    loop->polls = false;
    if (mode == UV_RUN_ONCE)
        run_tasks(loop);
    loop->inside = false;
    current = outer;
}

/* Called with the lock held, which is released meanwhile. UV_RUN_DEFAULT: until uv_stop is called.
 */
static void
turn_unlocked(weir_loop *loop, uv_run_mode mode)
{
    pthread_mutex_unlock(&loop->lock);
    turn(loop, mode);
    pthread_mutex_lock(&loop->lock);
}

static void
give_up_turning(weir_loop *loop)
{
    loop->turned = false;
    wake_first(loop);
}

/* Under the lock: sleep until woken. Runners, which wait for nothing else, go to the front. */
static void
wait_in_line(weir_loop *loop, const bool *done)
{
    struct loop_waiter self = {.done = done};

    pthread_cond_init(&self.woken, NULL);
    list_push(done == NULL ? loop->waiters.next : &loop->waiters, &self.link);
    pthread_cond_wait(&self.woken, &loop->lock);
    list_remove(&self.link);
    pthread_cond_destroy(&self.woken);
}

/* Under the lock: take the right to run the loop from threads in loop_wait. */
static void
await_turning(weir_loop *loop)
{
    loop->runners++;
    while (loop->turned) {
        uv_async_send(&loop->wakeup);
        wait_in_line(loop, NULL);
    }
    loop->runners--;
    loop->turned = true;
}

void
weir_loop_run(weir_loop *loop)
{
    assert(loop_current() != loop);
    pthread_mutex_lock(&loop->lock);
    await_turning(loop);
    loop->running = true;
    while (!atomic_exchange(&loop->stopping, false))
        turn_unlocked(loop, UV_RUN_DEFAULT);
    loop->running = false;
    give_up_turning(loop);
    pthread_mutex_unlock(&loop->lock);
}

/* Without the lock: a signal handler may call this. */
void
weir_loop_stop(weir_loop *loop)
{
    atomic_store(&loop->stopping, true);
    uv_async_send(&loop->wakeup);
}

/* Under the lock, with no thread running the loop. One turn at a time, and its tasks are run right
 * after it: they usually include the awaited one, which saves a useless poll. */
static void
turn_for(weir_loop *loop, const bool *done)
{
    loop->turned = true;
    loop->awaited = done;
    while (!*done && loop->runners == 0)
        turn_unlocked(loop, UV_RUN_ONCE);
    loop->awaited = NULL;
    give_up_turning(loop);
}

/* Under the lock: no thread runs the loop or is about to. */
static bool
is_free(const weir_loop *loop)
{
    return !loop->turned && loop->runners == 0;
}

/* Under the lock. */
static void
wait_for(weir_loop *loop, const bool *done)
{
    assert(loop_current() != loop);
    while (!*done) {
        if (is_free(loop))
            turn_for(loop, done);
        else
            wait_in_line(loop, done);
    }
    if (!loop->turned)
        wake_first(loop);
}

void
loop_wait(weir_loop *loop, const bool *done)
{
    pthread_mutex_lock(&loop->lock);
    wait_for(loop, done);
    pthread_mutex_unlock(&loop->lock);
}

/* A thread that will run the loop itself need not wake it. */
void
loop_ask(weir_loop *loop, struct loop_task *task, const bool *done)
{
    pthread_mutex_lock(&loop->lock);
    if (is_free(loop)) {
        take_inbox(loop);
        list_push(&loop->tasks, &task->link);
    } else {
        send_hurried(loop, task);
    }
    wait_for(loop, done);
    pthread_mutex_unlock(&loop->lock);
}

void
loop_done(weir_loop *loop, bool *done)
{
    if (loop->awaited == done) { /* by this same thread */
        *done = true;
        if (loop->polls)
            uv_stop(&loop->uv);
        return;
    }
    pthread_mutex_lock(&loop->lock);
    *done = true;
    list_each (link, &loop->waiters) {
        struct loop_waiter *waiter = container_of(link, struct loop_waiter, link);

        if (waiter->done == done)
            pthread_cond_signal(&waiter->woken);
    }
    pthread_mutex_unlock(&loop->lock);
}

int
weir_loop_fd(const weir_loop *loop)
{
    return uv_backend_fd(&loop->uv);
}

int64_t
weir_loop_timeout(const weir_loop *loop)
{
    int64_t due = loop_timers_next(loop), now;

    if (loop->touched || !list_empty(&loop->tasks) || !list_empty(&loop->late))
        return 0;
    if (due == WEIR_NEVER)
        return WEIR_NEVER;
    now = weir_now();
    return due > now ? due - now : 0;
}

void
weir_loop_turn(weir_loop *loop)
{
    bool mine;

    pthread_mutex_lock(&loop->lock);
    mine = !loop->turned;
    loop->turned = true;
    pthread_mutex_unlock(&loop->lock);
    if (!mine)
        return;
    turn(loop, UV_RUN_NOWAIT);
    pthread_mutex_lock(&loop->lock);
    give_up_turning(loop);
    pthread_mutex_unlock(&loop->lock);
}

static weir_code
init_handles(weir_loop *loop)
{
    if (uv_prepare_init(&loop->uv, &loop->prepare) != 0 ||
        uv_async_init(&loop->uv, &loop->wakeup, on_wakeup) != 0)
        return WEIR_RESOURCE_EXHAUSTED;
    WEIR_TRY(loop_timers_init(loop));
    loop->prepare.data = loop->wakeup.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    return WEIR_OK;
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void
close_handles(weir_loop *loop)
{
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
}

weir_code
weir_loop_new(weir_loop **out_loop)
{
    weir_loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    list_init(&loop->tasks);
    list_init(&loop->late);
    list_init(&loop->inbox);
    list_init(&loop->waiters);
    loop->touched = true;
    if ((loop->scratch = malloc(LOOP_SCRATCH_SIZE)) == NULL)
        goto no_scratch;
    if (pthread_mutex_init(&loop->lock, NULL) != 0)
        goto no_lock;
    if (uv_loop_init(&loop->uv) != 0)
        goto no_uv;
    if (init_handles(loop) != WEIR_OK)
        goto no_handles;
    *out_loop = loop;
    return WEIR_OK;

no_handles:
    close_handles(loop);
no_uv:
    pthread_mutex_destroy(&loop->lock);
no_lock:
    free(loop->scratch);
no_scratch:
    free(loop);
    return WEIR_RESOURCE_EXHAUSTED;
}

/* Run the tasks still queued, so that they free their memory. */
static void
run_last_tasks(weir_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    take_inbox(loop);
    pthread_mutex_unlock(&loop->lock);
    run_tasks(loop);
}

/* The loop is current meanwhile, so that the last tasks and the destructors of locals may still use
 * it. */
void
weir_loop_free(weir_loop *loop)
{
    weir_loop *outer = current;

    if (loop == NULL)
        return;
    assert(!loop->turned);
    current = loop;
    run_last_tasks(loop);
    while (loop->local_count > 0) {
        struct loop_local_entry *last = &loop->local_order[--loop->local_count];

        if (last->free_value != NULL)
            last->free_value(loop->locals[last->key]);
    }
    current = outer;
    close_handles(loop);
    loop_timers_fini(loop);
    pthread_mutex_destroy(&loop->lock);
    free(loop->scratch);
    free(loop);
}
