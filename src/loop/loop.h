/* SPDX-License-Identifier: Apache-2.0 */
/* One event loop on libuv: tasks, timers, messages from other threads, and who turns it. */
/* Threads: all but loop_send and loop_send_unhurried, loop_wait, loop_ask and weir_loop_stop belong
 * to the thread that turns the loop. */
#pragma once

#include "base/list.h"
#include <uv.h>
#include <weir/loop.h>

/* The loop that this thread is turning, NULL on a thread that turns none. */
weir_loop *loop_current(void);

uv_loop_t *loop_uv(weir_loop *loop);

/* A handle of libuv was started or stopped: libuv tells the kernel only when it polls next, so a
 * loop that is embedded asks for one more turn before it sleeps. */
void loop_touch(weir_loop *loop);

/* The clock of weir_now, read once a turn. */
int64_t loop_now(weir_loop *loop);

/* ---- tasks: run on the loop's thread before it waits again ---- */

struct loop_task {
    struct list link; /* the loop's; list_init before first use */
    void (*run)(struct loop_task *task);
};

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task));

/* It is on its way. */
static inline bool
loop_task_is_posted(const struct loop_task *task)
{
    return !list_empty(&task->link);
}

/* Run it soon; one that is already queued stays where it is. Tasks may post tasks. */
void loop_post(weir_loop *loop, struct loop_task *task);

/* The same, after every task posted with loop_post has run: for writing out what a turn has
 * produced. */
void loop_post_late(weir_loop *loop, struct loop_task *task);

/* Is one queued that was posted, not late? */
bool loop_has_tasks(const weir_loop *loop);

/* Take a posted task back; one that was sent must have arrived. */
void loop_task_cancel(struct loop_task *task);

/* Hand a task over from any thread: it runs as if posted. It must not be queued anywhere. */
void loop_send(weir_loop *loop, struct loop_task *task);

/* The same, but nobody is woken for it: it runs along with the next one that somebody is. */
void loop_send_unhurried(weir_loop *loop, struct loop_task *task);

/* ---- timers ---- */

struct loop_timer {
    int64_t due;
    size_t slot; /* the loop's: place in the heap, 0 while stopped */
    void (*fire)(struct loop_timer *timer);
};

void loop_timer_init(struct loop_timer *timer, void (*fire)(struct loop_timer *timer));

/* Fire once at a point of loop_now's clock; never early. Moves a timer that is running. WEIR_NEVER
 * stops it. WEIR_RESOURCE_EXHAUSTED: no memory, the timer is stopped. */
WEIR_CHECK weir_code loop_timer_start(weir_loop *loop, struct loop_timer *timer, int64_t due);
void loop_timer_stop(weir_loop *loop, struct loop_timer *timer);

/* How many timers run. Safe from any thread. */
uint64_t loop_timer_count(const weir_loop *loop);

/* ---- waiting from a plain thread ---- */

/* Return once *done is true, which a task on the loop sets with loop_done. This thread turns the
 * loop meanwhile if nobody else does; when several wait, one turns and hands over when it leaves.
 * Not from the loop's own thread while it turns. */
void loop_wait(weir_loop *loop, const bool *done);

/* loop_send the task, which brings it about, and loop_wait. */
void loop_ask(weir_loop *loop, struct loop_task *task, const bool *done);

/* On the loop's thread: set *done and wake who waits for it. */
void loop_done(weir_loop *loop, bool *done);

/* ---- scratch memory ---- */

/* One buffer per loop for reading sockets: what is in it lives until the next read on this loop, or
 * until the reader poisons it. */
#define LOOP_SCRATCH_SIZE (128 * 1024)
uint8_t *loop_scratch(weir_loop *loop);

/* ---- what other layers keep per loop ---- */

enum loop_local { LOOP_LOCAL_FIBERS, LOOP_LOCAL_NET, LOOP_LOCAL_CALLS, LOOP_LOCAL_COUNT };

/* A pointer of another layer, set once, and what frees it when the loop is freed, in reverse order
 * of setting. */
void *loop_local(weir_loop *loop, enum loop_local key);
void loop_set_local(weir_loop *loop, enum loop_local key, void *value, void (*free_value)(void *));
