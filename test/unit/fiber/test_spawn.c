/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/fiber/spawn.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fiber/fiber.h"
#include <pthread.h>
#include <sched.h>

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

/* Of the loop's timers, which alone grow by it. */
static bool no_memory;

void *
__wrap_realloc(void *memory, size_t size)
{
    return no_memory ? NULL : __real_realloc(memory, size);
}

struct errand {
    weir_loop *loop;
    struct fiber *fiber; /* parked */
    int runs;
};

static void
run(void *arg)
{
    struct errand *errand = arg;

    assert_non_null(fiber_current());
    assert_ptr_equal(fiber_loop(fiber_current()), errand->loop);
    errand->runs++;
    weir_loop_stop(errand->loop);
}

static void *
spawn_on_thread(void *arg)
{
    struct errand *errand = arg;

    assert_int_equal(weir_loop_spawn(errand->loop, run, errand), WEIR_OK);
    return NULL;
}

static void
from_any_thread(void **state)
{
    struct errand errand = {.runs = 0};
    pthread_t thread;

    (void)state;
    assert_int_equal(weir_loop_new(&errand.loop), WEIR_OK);
    assert_int_equal(weir_loop_spawn(errand.loop, run, &errand), WEIR_OK);
    assert_int_equal(errand.runs, 0);
    weir_loop_run(errand.loop);
    assert_int_equal(errand.runs, 1);
    assert_int_equal(pthread_create(&thread, NULL, spawn_on_thread, &errand), 0);
    weir_loop_run(errand.loop);
    assert_int_equal(errand.runs, 2);
    pthread_join(thread, NULL);
    weir_loop_free(errand.loop);
}

/* Parks, and lets the one that it starts wake it. */
static void
wake(void *arg)
{
    struct errand *errand = arg;

    errand->runs++;
    fiber_wake(errand->fiber);
}

static void
spawn_and_park(void *arg)
{
    struct errand *errand = arg;

    errand->fiber = fiber_current();
    assert_int_equal(weir_loop_spawn(errand->loop, wake, errand), WEIR_OK);
    assert_int_equal(errand->runs, 0);
    while (errand->runs == 0)
        fiber_park();
    weir_loop_stop(errand->loop);
}

static void
from_a_fiber(void **state)
{
    struct errand errand = {.runs = 0};

    (void)state;
    assert_int_equal(weir_loop_new(&errand.loop), WEIR_OK);
    assert_int_equal(weir_loop_spawn(errand.loop, spawn_and_park, &errand), WEIR_OK);
    weir_loop_run(errand.loop);
    assert_int_equal(errand.runs, 1);
    assert_int_equal(fiber_stats(errand.loop).live, 0);
    weir_loop_free(errand.loop);
}

/* Once one was refused. */
static void
make_stacks_possible(struct loop_timer *timer)
{
    weir_loop *loop = loop_current();

    if (fiber_stats(loop).refused == 0)
        assert_int_equal(loop_timer_start(loop, timer, loop_now(loop)), WEIR_OK);
    else
        fiber_set_stack_size(loop, (size_t)64 * 1024);
}

/* What was accepted runs as soon as there is a stack for it. */
static void
waits_for_a_stack(void **state)
{
    struct errand errand = {.runs = 0};
    struct loop_timer later;

    (void)state;
    assert_int_equal(weir_loop_new(&errand.loop), WEIR_OK);
    fiber_set_stack_size(errand.loop, SIZE_MAX / 2);
    assert_int_equal(weir_loop_spawn(errand.loop, run, &errand), WEIR_OK);
    loop_timer_init(&later, make_stacks_possible);
    assert_int_equal(
        loop_timer_start(errand.loop, &later, weir_now() + 30 * WEIR_MILLISECOND), WEIR_OK);
    weir_loop_run(errand.loop);
    assert_int_equal(errand.runs, 1);
    assert_true(fiber_stats(errand.loop).refused > 0);
    weir_loop_free(errand.loop);
}

struct relief {
    struct loop_task task;
    weir_loop *loop;
};

static void
relieve(struct loop_task *task)
{
    struct relief *relief = container_of(task, struct relief, task);

    fiber_set_stack_size(relief->loop, (size_t)64 * 1024);
}

/* Comes from outside, once there was no stack. */
static void *
relieve_from_thread(void *arg)
{
    struct relief *relief = arg;

    while (fiber_stats(relief->loop).refused == 0)
        sched_yield();
    loop_send(relief->loop, &relief->task);
    return NULL;
}

/* The loop goes on hearing of other things, although there is no timer either to try again by. */
static void
waits_for_a_stack_without_a_timer(void **state)
{
    struct errand errand = {.runs = 0};
    struct relief relief;
    pthread_t thread;

    (void)state;
    assert_int_equal(weir_loop_new(&errand.loop), WEIR_OK);
    fiber_set_stack_size(errand.loop, SIZE_MAX / 2);
    relief.loop = errand.loop;
    loop_task_init(&relief.task, relieve);
    no_memory = true;
    assert_int_equal(weir_loop_spawn(errand.loop, run, &errand), WEIR_OK);
    assert_int_equal(pthread_create(&thread, NULL, relieve_from_thread, &relief), 0);
    weir_loop_run(errand.loop);
    no_memory = false;
    assert_int_equal(errand.runs, 1);
    pthread_join(thread, NULL);
    weir_loop_free(errand.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_any_thread),
        cmocka_unit_test(from_a_fiber),
        cmocka_unit_test(waits_for_a_stack),
        cmocka_unit_test(waits_for_a_stack_without_a_timer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
