/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers: starting, parking, waking, and the pool of their stacks.
 *
 * Control only passes between a loop's own context, the root, and one of its fibers. fiber_start
 * and the task posted by fiber_wake switch from the root to a fiber; parking and ending switch
 * back.
 *
 *   stack.bottom                                   stack.bottom + stack.size
 *   |  ... frames of fn <- frame of fiber_main  |  struct fiber  |
 *
 * A fiber whose fn has returned stays in fiber_main's loop and is put into the loop's pool; the
 * next start only gives it a new fn. The pool is last in, first out, so that recently used stacks,
 * which are in the cache, are reused first. Stacks unused for a second are unmapped, a limited
 * number per second. This also returns the memory touched by deep calls: returning it whenever a
 * fiber ends would cost a system call each time, and page faults in the next deep call. */

#include "fiber/fiber.h"
#include "base/counter.h"
#include "base/hint.h"
#include "fiber/announce.h"
#include "fiber/stack.h"
#include "fiber/switch.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define STACK_SIZE_DEFAULT (256 * 1024)

/* Pooled stacks that are always kept, and how many of the others are freed per second. */
#define POOL_KEPT 16
#define POOL_TRIM 128
#define POOL_TRIM_PERIOD WEIR_SECOND

struct fiber {
    struct fiber_context context;
    struct fibers *fibers;
    void (*fn)(void *arg);
    void *arg;
    struct loop_task resume;
    bool parked;
    bool awake; /* woken while not parked */
    struct list all;
    struct list pooled;
    struct stack stack;
    size_t stack_size; /* the size that was set when it was created */
    struct announced_stack announced;
};

/* The fibers of a loop. */
struct fibers {
    weir_loop *loop;
    struct fiber_context root;
    struct announced_stack announced_root;
    struct fiber *running;
    struct list all;
    struct list pool;              /* most recently used first */
    size_t pool_count, pool_least; /* least: minimum since the last trim */
    struct loop_timer trim;
    enum stack_guard guard;
    size_t stack_size;
    _Atomic uint64_t live, stacks, refused; /* for fiber_stats */
};

static _Thread_local struct fiber *current;

/* Not inlined: a fiber may be resumed by another thread, so no caller may keep the address of
 * `current` across a switch. */
__attribute__((noinline)) struct fiber *
fiber_current(void)
{
    __asm__ volatile("" ::: "memory");
    return current;
}

weir_loop *
fiber_loop(const struct fiber *fiber)
{
    return fiber->fibers->loop;
}

/* Not inlined for the same reason. */
__attribute__((noinline)) bool
fiber_is_on(const weir_loop *loop)
{
    return current != NULL && current->fibers->loop == loop;
}

/* Switch from the root into a fiber; returns when it parks or ends. */
static void
switch_into(struct fiber *fiber)
{
    struct fibers *fibers = fiber->fibers;

    assert(fibers->running == NULL && current == NULL);
    current = fibers->running = fiber;
    announce_leave(&fibers->announced_root, &fiber->announced);
    fiber_context_switch(&fibers->root, &fiber->context);
    announce_arrive(&fibers->announced_root, &fiber->announced);
    current = fibers->running = NULL;
}

/* Switch from a fiber back to the root. */
static inline __attribute__((always_inline)) void
switch_out(struct fiber *fiber)
{
    struct fibers *fibers = fiber->fibers;

    announce_leave(&fiber->announced, &fibers->announced_root);
    fiber_context_switch(&fiber->context, &fibers->root);
    announce_arrive(&fiber->announced, &fibers->announced_root);
}

/* ---- stacks ---- */

/* False: the stack could not be unmapped, see stack_unmap. */
static bool
free_fiber(struct fiber *fiber)
{
    struct fibers *fibers = fiber->fibers;
    struct stack stack = fiber->stack;

    list_remove(&fiber->all);
    announce_free(&fiber->announced);
    if (!stack_unmap(&stack)) {
        list_push(&fibers->all, &fiber->all);
        announce_new(&fiber->announced);
        return false;
    }
    counter_sub(&fibers->stacks, 1);
    return true;
}

static bool
free_coldest(struct fibers *fibers)
{
    struct list *link = fibers->pool.prev;
    struct fiber *fiber = container_of(link, struct fiber, pooled);

    list_remove(link);
    if (!free_fiber(fiber)) {
        list_push(&fibers->pool, link);
        return false;
    }
    fibers->pool_count--;
    return true;
}

static void
arm_trim(struct fibers *fibers)
{
    int64_t due = loop_now(fibers->loop) + POOL_TRIM_PERIOD;

    fibers->pool_least = fibers->pool_count;
    /* No memory for the timer: tried again when the next fiber ends. */
    if (loop_timer_start(fibers->loop, &fibers->trim, due) != WEIR_OK)
        return;
}

static void
on_trim(struct loop_timer *timer)
{
    struct fibers *fibers = container_of(timer, struct fibers, trim);
    size_t unused = fibers->pool_least;

    for (int i = 0; i < POOL_TRIM && unused > POOL_KEPT && free_coldest(fibers); i++)
        unused--;
    if (fibers->pool_count > POOL_KEPT)
        arm_trim(fibers);
}

static void
put_in_pool(struct fiber *fiber)
{
    struct fibers *fibers = fiber->fibers;

    list_push(fibers->pool.next, &fiber->pooled);
    fibers->pool_count++;
    counter_sub(&fibers->live, 1);
    if (fibers->pool_count > POOL_KEPT && fibers->trim.slot == 0)
        arm_trim(fibers);
}

/* Stacks whose size is not the current one are freed on the way. */
static struct fiber *
take_from_pool(struct fibers *fibers)
{
    struct list *link;

    while ((link = list_shift(&fibers->pool)) != NULL) {
        struct fiber *fiber = container_of(link, struct fiber, pooled);

        if (--fibers->pool_count < fibers->pool_least)
            fibers->pool_least = fibers->pool_count;
        if (fiber->stack_size == fibers->stack_size)
            return fiber;
        free_fiber(fiber);
    }
    return NULL;
}

static void
fiber_main(void *arg)
{
    struct fiber *self = arg;

    announce_arrive(&self->announced, &self->fibers->announced_root);
    for (;;) {
        self->fn(self->arg);
        put_in_pool(self);
        switch_out(self);
    }
}

static void
resume(struct loop_task *task)
{
    switch_into(container_of(task, struct fiber, resume));
}

static struct fiber *
new_fiber(struct fibers *fibers)
{
    struct stack stack;
    struct fiber *fiber;
    size_t room;

    if (fibers->stack_size > SIZE_MAX - sizeof(*fiber) ||
        !stack_map(fibers->stack_size + sizeof(*fiber), &fibers->guard, &stack))
        return NULL;
    room = (stack.size - sizeof(*fiber)) & ~(size_t)63;
    fiber = (struct fiber *)(void *)(stack.bottom + room);
    fiber->fibers = fibers;
    fiber->stack = stack;
    fiber->stack_size = fibers->stack_size;
    fiber->announced = (struct announced_stack){.bottom = stack.bottom, .size = room};
    announce_new(&fiber->announced);
    loop_task_init(&fiber->resume, resume);
    list_init(&fiber->pooled);
    list_push(&fibers->all, &fiber->all);
    fiber_context_init(&fiber->context, stack.bottom, room, fiber_main, fiber);
    counter_add(&fibers->stacks, 1);
    return fiber;
}

/* ---- the fibers of a loop ---- */

static void
free_fibers(void *value)
{
    struct fibers *fibers = value;

    loop_timer_stop(fibers->loop, &fibers->trim);
    list_each_safe (link, &fibers->all)
        free_fiber(container_of(link, struct fiber, all));
    free(fibers);
}

static struct fibers *
fibers_of(weir_loop *loop)
{
    struct fibers *fibers = loop_local(loop, LOOP_LOCAL_FIBERS);

    if (fibers != NULL)
        return fibers;
    if ((fibers = calloc(1, sizeof(*fibers))) == NULL)
        return NULL;
    fibers->loop = loop;
    fibers->stack_size = STACK_SIZE_DEFAULT;
    list_init(&fibers->all);
    list_init(&fibers->pool);
    loop_timer_init(&fibers->trim, on_trim);
    loop_set_local(loop, LOOP_LOCAL_FIBERS, fibers, free_fibers);
    return fibers;
}

void
fiber_set_stack_size(weir_loop *loop, size_t bytes)
{
    struct fibers *fibers = fibers_of(loop);

    if (fibers != NULL)
        fibers->stack_size = bytes;
}

struct fiber_stats
fiber_stats(weir_loop *loop)
{
    struct fibers *fibers = loop_local(loop, LOOP_LOCAL_FIBERS);

    if (fibers == NULL)
        return (struct fiber_stats){0};
    return (struct fiber_stats){(size_t)counter_read(&fibers->live),
        (size_t)counter_read(&fibers->stacks), (size_t)counter_read(&fibers->refused)};
}

/* ---- starting, parking, waking ---- */

weir_code
fiber_start(weir_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct fibers *fibers = fibers_of(loop);
    struct fiber *fiber;

    if (fibers == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if ((fiber = take_from_pool(fibers)) == NULL && (fiber = new_fiber(fibers)) == NULL) {
        counter_add(&fibers->refused, 1);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->awake = false;
    counter_add(&fibers->live, 1);
    if (fibers->running == NULL && loop_current() == loop)
        switch_into(fiber);
    else
        loop_post(loop, &fiber->resume);
    return WEIR_OK;
}

void
fiber_park(void)
{
    struct fiber *self = fiber_current();

    if (self->awake) {
        self->awake = false;
        return;
    }
    self->parked = true;
    switch_out(self);
}

void
fiber_wake(struct fiber *fiber)
{
    if (!fiber->parked) {
        fiber->awake = true;
        return;
    }
    fiber->parked = false;
    loop_post(fiber->fibers->loop, &fiber->resume);
}

/* ---- running on another loop ---- */

/* Lives on the waiter's stack. */
struct run_on {
    struct loop_task task; /* sent to the other loop to start, and back to finish */
    weir_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    struct fiber *waiter; /* NULL: a plain thread */
    weir_code code;
    bool done;
};

static void
run_on_woken(struct loop_task *task)
{
    struct run_on *run = container_of(task, struct run_on, task);

    run->done = true;
    fiber_wake(run->waiter);
}

static void
run_on_finish(struct run_on *run)
{
    if (run->waiter == NULL) {
        loop_done(run->loop, &run->done);
        return;
    }
    run->task.run = run_on_woken;
    loop_send(fiber_loop(run->waiter), &run->task);
}

static void
run_on_main(void *arg)
{
    struct run_on *run = arg;

    run->fn(run->arg);
    run_on_finish(run);
}

static void
run_on_arrived(struct loop_task *task)
{
    struct run_on *run = container_of(task, struct run_on, task);
    weir_code code = fiber_start(run->loop, run_on_main, run);

    if (code != WEIR_OK) {
        run->code = code;
        run_on_finish(run);
    }
}

static APART weir_code
run_elsewhere(struct fiber *self, weir_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct run_on run = {.loop = loop, .fn = fn, .arg = arg, .waiter = self};

    loop_task_init(&run.task, run_on_arrived);
    if (self == NULL) {
        loop_ask(loop, &run.task, &run.done);
        return run.code;
    }
    loop_send(loop, &run.task);
    while (!run.done)
        fiber_park();
    return run.code;
}

weir_code
fiber_run_on(weir_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct fiber *self = fiber_current();

    if (self == NULL || fiber_loop(self) != loop)
        return run_elsewhere(self, loop, fn, arg);
    fn(arg);
    return WEIR_OK;
}
