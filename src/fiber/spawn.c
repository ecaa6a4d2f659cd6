/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers started by the application, from any thread. */
#include "fiber/fiber.h"

#include <stdlib.h>

/* A start cannot fail any more: without a stack it is retried after this time. */
#define RETRY (10 * WEIR_MILLISECOND)

struct spawn {
    struct loop_task task;
    struct loop_timer timer;
    weir_loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

static void
run(void *arg)
{
    struct spawn spawn = *(struct spawn *)arg;

    free(arg);
    spawn.fn(spawn.arg);
}

static void
start(struct spawn *spawn)
{
    if (fiber_start(spawn->loop, run, spawn) == WEIR_OK)
        return;
    if (loop_timer_start(spawn->loop, &spawn->timer, loop_now(spawn->loop) + RETRY) != WEIR_OK)
        loop_send(spawn->loop, &spawn->task); /* after the tasks already queued */
}

static void
arrived(struct loop_task *task)
{
    start(container_of(task, struct spawn, task));
}

static void
try_again(struct loop_timer *timer)
{
    start(container_of(timer, struct spawn, timer));
}

weir_code
weir_loop_spawn(weir_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct spawn *spawn = malloc(sizeof(*spawn));

    if (spawn == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *spawn = (struct spawn){.loop = loop, .fn = fn, .arg = arg};
    loop_task_init(&spawn->task, arrived);
    loop_timer_init(&spawn->timer, try_again);
    loop_send(loop, &spawn->task);
    return WEIR_OK;
}
