/* SPDX-License-Identifier: Apache-2.0 */
/* Internals shared by the files of src/loop: the loop. */
/* Threads: fields below `lock` are guarded by it; the others belong to the thread that runs the
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

/* Running timers in a binary heap, the earliest `due` in slot 1; slot 0 stays empty. */
struct loop_timers {
    struct loop_timer **heap;
    size_t count, size;    /* size of the array: 0 or a power of two */
    _Atomic uint64_t live; /* the count, for any thread */
    int64_t armed;         /* time that the alarm below is set for, WEIR_NEVER: none */
    int fd;                /* timerfd_create */
    uv_poll_t alarm;
};

struct weir_loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* runs tasks, right before libuv polls */
    uv_async_t wakeup;
    struct list tasks, late;
    struct loop_timers timers;
    int64_t now;  /* 0: not yet read in this turn */
    bool inside;  /* a thread is in a turn */
    bool polls;   /* and inside uv_run */
    bool touched; /* handles have changed since libuv last polled */
    uint8_t *scratch;
    void *locals[LOOP_LOCAL_COUNT];
    struct loop_local_entry local_order[LOOP_LOCAL_COUNT];
    unsigned local_count;
    const bool *awaited; /* by the thread in loop_wait that runs the loop; NULL: another one does */
    bool running;        /* the thread that runs the loop is in weir_loop_run */
    atomic_bool stopping;

    pthread_mutex_t lock;
    struct list inbox; /* sent tasks not yet received */
    bool woken;        /* and the loop was woken for them */
    struct list
        waiters; /* struct loop_waiter: threads that wait for *done or for the right to run it */
    bool turned; /* a thread has the right to run the loop */
    unsigned runners; /* threads in weir_loop_run that wait for that right */
};

weir_code loop_timers_init(weir_loop *loop);
void loop_timers_fini(weir_loop *loop);

/* Fire all due timers. */
void loop_timers_fire(weir_loop *loop);

/* Set the alarm for the earliest timer. */
void loop_timers_arm(weir_loop *loop);

/* When the next timer is due; WEIR_NEVER: none is running. */
int64_t loop_timers_next(const weir_loop *loop);
