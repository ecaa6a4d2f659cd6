/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of src/loop share: the loop itself. */
/* Threads: fields below `lock` are guarded by it; the others belong to the thread that turns the
 * loop. */
#pragma once

#include "base/counter.h"
#include "loop/loop.h"
#include <pthread.h>
#include <stdatomic.h>

struct loop_local_entry {
    enum loop_local key;
    void (*free_value)(void *);
};

/* Armed timers in a binary heap, least `due` at slot 1; slot 0 stays empty. */
struct loop_timers {
    struct loop_timer **heap;
    size_t count, size;    /* size: of the array, 0 or a power of two */
    _Atomic uint64_t live; /* the count, for any thread */
    int64_t armed;         /* what the alarm below is set for, WEIR_NEVER: nothing */
    int fd;                /* timerfd_create */
    uv_poll_t alarm;
};

struct weir_loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* runs tasks, right before libuv polls */
    uv_async_t wakeup;
    struct list tasks, late;
    struct loop_timers timers;
    int64_t now;  /* 0: not read yet in this turn */
    bool inside;  /* some thread is in a turn */
    bool polls;   /* and inside of uv_run */
    bool touched; /* handles have changed since libuv last polled */
    uint8_t *scratch;
    void *locals[LOOP_LOCAL_COUNT];
    struct loop_local_entry local_order[LOOP_LOCAL_COUNT];
    unsigned local_count;
    const bool *awaited; /* of the thread in loop_wait that turns, NULL when another one turns */
    bool running;        /* the thread that turns is in weir_loop_run */
    atomic_bool stopping;

    pthread_mutex_t lock;
    struct list inbox; /* sent tasks on their way */
    bool woken;        /* and libuv was told of them */
    struct list
        waiters; /* struct loop_waiter: threads that wait for *done or for their chance to turn */
    bool turned; /* some thread has the right to turn */
    unsigned runners; /* threads in weir_loop_run that wait for it */
};

weir_code loop_timers_init(weir_loop *loop);
void loop_timers_fini(weir_loop *loop);

/* Fire what is due. */
void loop_timers_fire(weir_loop *loop);

/* Set the alarm for the earliest timer. */
void loop_timers_arm(weir_loop *loop);

/* When the next timer is due, WEIR_NEVER: no timer runs. */
int64_t loop_timers_next(const weir_loop *loop);
