/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/loop/loop.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "loop/loop.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static weir_loop *
new_loop(void)
{
    weir_loop *loop = NULL;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    return loop;
}

/* ---- tasks ---- */

struct trace_task {
    struct loop_task task;
    weir_loop *loop;
    char name;
    struct trace_task *then, *then_late; /* posted when it runs */
    bool stop;
};

static char trace[64];
static size_t trace_len;

static void
run_trace(struct loop_task *task)
{
    struct trace_task *self = container_of(task, struct trace_task, task);

    assert_ptr_equal(loop_current(), self->loop);
    trace[trace_len++] = self->name;
    trace[trace_len] = '\0';
    if (self->then != NULL)
        loop_post(self->loop, &self->then->task);
    if (self->then_late != NULL)
        loop_post_late(self->loop, &self->then_late->task);
    if (self->stop)
        weir_loop_stop(self->loop);
}

static struct trace_task *
trace_task(struct trace_task *task, weir_loop *loop, char name)
{
    *task = (struct trace_task){.loop = loop, .name = name};
    loop_task_init(&task->task, run_trace);
    return task;
}

static void
reset_trace(void)
{
    trace_len = 0;
    trace[0] = '\0';
}

static void
tasks_run_in_order(void **state)
{
    weir_loop *loop = new_loop();
    struct trace_task a, b, c, late;

    (void)state;
    reset_trace();
    trace_task(&a, loop, 'a')->then = trace_task(&c, loop, 'c');
    trace_task(&b, loop, 'b');
    trace_task(&late, loop, 'z');
    loop_post_late(loop, &late.task);
    loop_post(loop, &a.task);
    loop_post(loop, &b.task);
    loop_post(loop, &a.task);
    weir_loop_turn(loop);
    assert_string_equal(trace, "abcz");
    assert_null(loop_current());
    weir_loop_free(loop);
}

static void
tasks_posted_by_late_tasks_run_before_the_next_late_one(void **state)
{
    weir_loop *loop = new_loop();
    struct trace_task a, y, z;

    (void)state;
    reset_trace();
    trace_task(&y, loop, 'y')->then = trace_task(&a, loop, 'a');
    trace_task(&z, loop, 'z');
    loop_post_late(loop, &y.task);
    loop_post_late(loop, &z.task);
    weir_loop_turn(loop);
    assert_string_equal(trace, "yaz");
    weir_loop_free(loop);
}

static void
a_task_may_post_itself_and_others_before_it_stops_the_loop(void **state)
{
    weir_loop *loop = new_loop();
    struct trace_task a, z;

    (void)state;
    reset_trace();
    trace_task(&a, loop, 'a')->then_late = trace_task(&z, loop, 'z');
    z.stop = true;
    loop_post(loop, &a.task);
    weir_loop_run(loop);
    assert_string_equal(trace, "az");
    weir_loop_free(loop);
}

static void
a_cancelled_task_stays_silent(void **state)
{
    weir_loop *loop = new_loop();
    struct trace_task a, b;

    (void)state;
    reset_trace();
    trace_task(&a, loop, 'a');
    trace_task(&b, loop, 'b');
    loop_post(loop, &a.task);
    loop_post(loop, &b.task);
    loop_task_cancel(&a.task);
    loop_task_cancel(&a.task);
    weir_loop_turn(loop);
    assert_string_equal(trace, "b");
    weir_loop_free(loop);
}

/* ---- run and stop ---- */

static void
an_early_stop_ends_the_next_run(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    weir_loop_stop(loop);
    weir_loop_run(loop);
    weir_loop_free(loop);
}

static void *
stop_soon(void *arg)
{
    usleep(20000);
    weir_loop_stop(arg);
    return NULL;
}

static void
an_empty_loop_runs_until_it_is_stopped(void **state)
{
    weir_loop *loop = new_loop();
    pthread_t thread;
    int64_t before = weir_now();

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, loop), 0);
    weir_loop_run(loop);
    assert_true(weir_now() - before >= 19 * WEIR_MILLISECOND);
    pthread_join(thread, NULL);
    weir_loop_free(loop);
}

static weir_loop *signalled;

static void
on_signal(int number)
{
    (void)number;
    weir_loop_stop(signalled);
}

static void
a_signal_handler_may_stop_the_loop(void **state)
{
    struct sigaction action = {.sa_handler = on_signal}, before;

    (void)state;
    signalled = new_loop();
    sigaction(SIGALRM, &action, &before);
    ualarm(20000, 0);
    weir_loop_run(signalled);
    sigaction(SIGALRM, &before, NULL);
    weir_loop_free(signalled);
}

/* ---- embedding ---- */

static bool
fd_readable(int fd, int timeout)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, timeout) == 1;
}

static void
settle(weir_loop *loop)
{
    for (int i = 0; i < 10 && weir_loop_timeout(loop) == 0; i++)
        weir_loop_turn(loop);
}

static void
an_embedded_loop_tells_of_tasks_and_messages(void **state)
{
    weir_loop *loop = new_loop();
    struct trace_task a;

    (void)state;
    reset_trace();
    trace_task(&a, loop, 'a');
    settle(loop);
    assert_true(weir_loop_timeout(loop) == WEIR_NEVER);
    assert_false(fd_readable(weir_loop_fd(loop), 0));

    loop_post(loop, &a.task);
    assert_true(weir_loop_timeout(loop) == 0);
    weir_loop_turn(loop);
    assert_string_equal(trace, "a");
    assert_true(weir_loop_timeout(loop) == WEIR_NEVER);

    loop_send(loop, &a.task);
    assert_true(fd_readable(weir_loop_fd(loop), 10000));
    weir_loop_turn(loop);
    settle(loop);
    assert_string_equal(trace, "aa");

    loop_touch(loop);
    assert_true(weir_loop_timeout(loop) == 0);
    weir_loop_turn(loop);
    assert_true(weir_loop_timeout(loop) == WEIR_NEVER);
    weir_loop_free(loop);
}

/* ---- the clock ---- */

struct clock_task {
    struct loop_task task;
    weir_loop *loop;
    int64_t first, second;
};

static void
read_clock_twice(struct loop_task *task)
{
    struct clock_task *self = container_of(task, struct clock_task, task);

    self->first = loop_now(self->loop);
    usleep(2000);
    self->second = loop_now(self->loop);
}

static void
the_clock_stands_still_during_a_turn(void **state)
{
    weir_loop *loop = new_loop();
    struct clock_task task = {.loop = loop};
    int64_t outside = loop_now(loop);

    (void)state;
    loop_task_init(&task.task, read_clock_twice);
    loop_post(loop, &task.task);
    weir_loop_turn(loop);
    assert_true(task.first >= outside);
    assert_true(task.first == task.second);
    assert_true(loop_now(loop) > task.second);
    weir_loop_free(loop);
}

/* ---- loop_wait ---- */

struct request {
    struct loop_task task;
    weir_loop *loop;
    bool done;
};

static void
answer(struct loop_task *task)
{
    struct request *self = container_of(task, struct request, task);

    assert_ptr_equal(loop_current(), self->loop);
    loop_done(self->loop, &self->done);
}

static void
ask(weir_loop *loop)
{
    struct request request = {.loop = loop};

    loop_task_init(&request.task, answer);
    loop_ask(loop, &request.task, &request.done);
}

static void *run_loop(void *arg);

/* While this thread turns the loop, and while another one sleeps in it. */
static void
what_is_not_hurried_runs_along(void **state)
{
    weir_loop *loop = new_loop();
    struct trace_task a, b;
    pthread_t runner;

    (void)state;
    reset_trace();
    trace_task(&a, loop, 'a');
    trace_task(&b, loop, 'b')->stop = true;
    loop_send_unhurried(loop, &a.task);
    ask(loop);
    assert_string_equal(trace, "a");
    assert_int_equal(pthread_create(&runner, NULL, run_loop, loop), 0);
    ask(loop);
    loop_send_unhurried(loop, &a.task);
    loop_send(loop, &b.task);
    pthread_join(runner, NULL);
    assert_string_equal(trace, "aab");
    loop_send_unhurried(loop, &a.task);
    weir_loop_free(loop);
    assert_string_equal(trace, "aaba");
}

static void
a_waiting_thread_turns_the_loop(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    for (int i = 0; i < 100; i++)
        ask(loop);
    weir_loop_free(loop);
}

#define ASKS 2000

static void *
ask_often(void *arg)
{
    for (int i = 0; i < ASKS; i++)
        ask(arg);
    return NULL;
}

static void *
run_loop(void *arg)
{
    weir_loop_run(arg);
    return NULL;
}

static void
many_threads_wait_on_one_loop(void **state)
{
    weir_loop *loop = new_loop();
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, loop), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    weir_loop_free(loop);
}

/* Runners come and go while others wait: the right to turn changes hands all the time. */
static void
runners_and_waiters_hand_over(void **state)
{
    weir_loop *loop = new_loop();
    pthread_t threads[3], runner;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, loop), 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(pthread_create(&runner, NULL, run_loop, loop), 0);
        ask(loop);
        weir_loop_stop(loop);
        pthread_join(runner, NULL);
    }
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    weir_loop_free(loop);
}

/* A thread that waits for something far off leaves the turning to a runner. */
struct far_wait {
    weir_loop *loop;
    bool done;
};

static void *
wait_for_far(void *arg)
{
    struct far_wait *self = arg;

    loop_wait(self->loop, &self->done);
    return NULL;
}

struct far_task {
    struct loop_task task;
    struct far_wait *far;
};

static void
finish_far(struct loop_task *task)
{
    struct far_task *self = container_of(task, struct far_task, task);

    loop_done(self->far->loop, &self->far->done);
    weir_loop_stop(self->far->loop);
}

static void
a_waiter_yields_to_a_runner(void **state)
{
    struct far_wait far = {.loop = new_loop()};
    struct far_task task = {.far = &far};
    pthread_t waiter, stopper;

    (void)state;
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_far, &far), 0);
    usleep(10000);
    assert_int_equal(pthread_create(&stopper, NULL, stop_soon, far.loop), 0);
    weir_loop_run(far.loop);
    pthread_join(stopper, NULL);

    loop_task_init(&task.task, finish_far);
    loop_send(far.loop, &task.task);
    weir_loop_run(far.loop);
    pthread_join(waiter, NULL);
    weir_loop_free(far.loop);
}

/* ---- several loops ---- */

#define LOOPS 4
#define BALLS 32
#define HOPS 500

static weir_loop *ring[LOOPS];
static uv_sem_t landed;

struct ball {
    struct loop_task task;
    unsigned hops;
};

static void
hop(struct loop_task *task)
{
    struct ball *self = container_of(task, struct ball, task);
    unsigned here = self->hops % LOOPS;

    assert_ptr_equal(loop_current(), ring[here]);
    if (++self->hops == HOPS)
        uv_sem_post(&landed);
    else
        loop_send(ring[self->hops % LOOPS], &self->task);
}

static void
loops_send_tasks_round_and_round(void **state)
{
    static struct ball balls[BALLS];
    pthread_t threads[LOOPS];

    (void)state;
    assert_int_equal(uv_sem_init(&landed, 0), 0);
    for (size_t i = 0; i < LOOPS; i++)
        ring[i] = new_loop();
    for (size_t i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_loop, ring[i]), 0);
    for (size_t i = 0; i < BALLS; i++) {
        loop_task_init(&balls[i].task, hop);
        loop_send(ring[0], &balls[i].task);
    }
    for (size_t i = 0; i < BALLS; i++)
        uv_sem_wait(&landed);
    for (size_t i = 0; i < LOOPS; i++) {
        weir_loop_stop(ring[i]);
        pthread_join(threads[i], NULL);
        weir_loop_free(ring[i]);
    }
    uv_sem_destroy(&landed);
}

/* ---- freeing ---- */

static void
note_free(void *arg)
{
    trace[trace_len++] = *(const char *)arg;
    trace[trace_len] = '\0';
}

static void
locals_are_freed_in_reverse_order(void **state)
{
    static char calls[] = "c", fibers[] = "f";
    weir_loop *loop = new_loop();

    (void)state;
    reset_trace();
    assert_null(loop_local(loop, LOOP_LOCAL_CALLS));
    loop_set_local(loop, LOOP_LOCAL_CALLS, calls, note_free);
    loop_set_local(loop, LOOP_LOCAL_FIBERS, fibers, note_free);
    assert_ptr_equal(loop_local(loop, LOOP_LOCAL_CALLS), calls);
    weir_loop_free(loop);
    assert_string_equal(trace, "fc");
    weir_loop_free(NULL);
}

static void
handles_left_behind_are_closed(void **state)
{
    weir_loop *loop = new_loop();
    uv_timer_t timer;

    (void)state;
    assert_int_equal(uv_timer_init(loop_uv(loop), &timer), 0);
    assert_int_equal(uv_timer_start(&timer, (uv_timer_cb)abort, 1000000, 0), 0);
    weir_loop_turn(loop);
    weir_loop_free(loop);
    assert_true(uv_is_closing((uv_handle_t *)&timer));
}

static void
scratch_memory_is_all_there(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    memset(loop_scratch(loop), 1, LOOP_SCRATCH_SIZE);
    weir_loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_in_order),
        cmocka_unit_test(tasks_posted_by_late_tasks_run_before_the_next_late_one),
        cmocka_unit_test(a_task_may_post_itself_and_others_before_it_stops_the_loop),
        cmocka_unit_test(a_cancelled_task_stays_silent),
        cmocka_unit_test(an_early_stop_ends_the_next_run),
        cmocka_unit_test(an_empty_loop_runs_until_it_is_stopped),
        cmocka_unit_test(a_signal_handler_may_stop_the_loop),
        cmocka_unit_test(an_embedded_loop_tells_of_tasks_and_messages),
        cmocka_unit_test(the_clock_stands_still_during_a_turn),
        cmocka_unit_test(what_is_not_hurried_runs_along),
        cmocka_unit_test(a_waiting_thread_turns_the_loop),
        cmocka_unit_test(many_threads_wait_on_one_loop),
        cmocka_unit_test(runners_and_waiters_hand_over),
        cmocka_unit_test(a_waiter_yields_to_a_runner),
        cmocka_unit_test(loops_send_tasks_round_and_round),
        cmocka_unit_test(locals_are_freed_in_reverse_order),
        cmocka_unit_test(handles_left_behind_are_closed),
        cmocka_unit_test(scratch_memory_is_all_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
