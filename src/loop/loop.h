/* SPDX-License-Identifier: Apache-2.0 */
/* An event loop on libuv: tasks, timers, messages from other threads, and which thread runs it. */
/* Threads: loop_send, loop_send_unhurried, loop_wait, loop_ask and weir_loop_stop may be called by
 * any; everything else belongs to the thread that runs the loop. */
#pragma once

#include "base/list.h"
#include <uv.h>
#include <weir/loop.h>

/* The loop that this thread is running, or NULL. */
weir_loop *loop_current(void);

uv_loop_t *loop_uv(weir_loop *loop);

/* Call it after starting or stopping a libuv handle: libuv registers the change only when it polls
 * next, so an embedded loop must run one more turn before it sleeps. */
void loop_touch(weir_loop *loop);

/* weir_now, read once per turn. */
int64_t loop_now(weir_loop *loop);

/* ---- tasks: run on the loop's thread before it waits again ---- */

struct loop_task {
    struct list link; /* the loop's; list_init before first use */
    void (*run)(struct loop_task *task);
};

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task));

/* Is it queued? */
static inline bool
loop_task_is_posted(const struct loop_task *task)
{
    return !list_empty(&task->link);
}

/* Queue a task, unless it is queued already. Tasks may post tasks. */
void loop_post(weir_loop *loop, struct loop_task *task);

/* The same, but it runs after all tasks posted with loop_post: for writing out the output of a
 * turn. */
void loop_post_late(weir_loop *loop, struct loop_task *task);

/* Are tasks of loop_post queued? */
bool loop_has_tasks(const weir_loop *loop);

/* Remove a posted task from the queue; one passed to loop_send must have arrived. */
void loop_task_cancel(struct loop_task *task);

/* Post a task from any thread. It must not be queued anywhere. */
void loop_send(weir_loop *loop, struct loop_task *task);

/* The same without waking the loop: the task runs with the next one that wakes it. */
void loop_send_unhurried(weir_loop *loop, struct loop_task *task);

/* ---- timers ---- */

struct loop_timer {
    int64_t due;
    size_t slot; /* for the loop: index in the heap, 0 while stopped */
    void (*fire)(struct loop_timer *timer);
};

void loop_timer_init(struct loop_timer *timer, void (*fire)(struct loop_timer *timer));

/* Fire once at a time of loop_now's clock, never early. Restarts a running timer; WEIR_NEVER stops
 * it. RESOURCE_EXHAUSTED: no memory, the timer is stopped. */
WEIR_CHECK weir_code loop_timer_start(weir_loop *loop, struct loop_timer *timer, int64_t due);
void loop_timer_stop(weir_loop *loop, struct loop_timer *timer);

/* The number of running timers. Safe from any thread. */
uint64_t loop_timer_count(const weir_loop *loop);

/* ---- waiting from a plain thread ---- */

/* Wait until *done is true, set with loop_done by a task on the loop. Meanwhile this thread runs
 * the loop if no other does; when several threads wait, one runs it and hands over when it returns.
 * Must not be called by the thread that is running the loop. */
void loop_wait(weir_loop *loop, const bool *done);

/* loop_send a task, which leads to *done, and loop_wait. */
void loop_ask(weir_loop *loop, struct loop_task *task, const bool *done);

/* On the loop's thread: set *done and wake its waiter. */
void loop_done(weir_loop *loop, bool *done);

/* ---- scratch memory ---- */

/* One buffer per loop for reading sockets; its contents are valid until the next read on this loop,
 * or until the reader poisons it. */
#define LOOP_SCRATCH_SIZE (128 * 1024)
uint8_t *loop_scratch(weir_loop *loop);

/* ---- per-loop state of other layers ---- */

enum loop_local { LOOP_LOCAL_FIBERS, LOOP_LOCAL_NET, LOOP_LOCAL_CALLS, LOOP_LOCAL_COUNT };

/* A pointer of another layer, set once, and its destructor. Destructors run when the loop is freed,
 * in reverse order. */
void *loop_local(weir_loop *loop, enum loop_local key);
void loop_set_local(weir_loop *loop, enum loop_local key, void *value, void (*free_value)(void *));
