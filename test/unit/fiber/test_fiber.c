/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/fiber/fiber.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fiber/fiber.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static weir_loop *
new_loop(void)
{
    weir_loop *loop = NULL;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    return loop;
}

/* Turn the loop until the task and everything that it started has parked or ended. */
struct in_loop {
    struct loop_task task;
    void (*fn)(weir_loop *loop, void *arg);
    weir_loop *loop;
    void *arg;
};

static void
run_in_loop(struct loop_task *task)
{
    struct in_loop *self = container_of(task, struct in_loop, task);

    self->fn(self->loop, self->arg);
    weir_loop_stop(self->loop);
}

static void
in_loop(weir_loop *loop, void (*fn)(weir_loop *loop, void *arg), void *arg)
{
    struct in_loop self = {.fn = fn, .loop = loop, .arg = arg};

    loop_task_init(&self.task, run_in_loop);
    loop_post(loop, &self.task);
    weir_loop_run(loop);
}

/* ---- starting ---- */

static char trace[64];
static size_t trace_len;

static void
note(char what)
{
    assert_true(trace_len + 1 < sizeof(trace));
    trace[trace_len++] = what;
    trace[trace_len] = '\0';
}

static void
reset_trace(void)
{
    trace_len = 0;
    trace[0] = '\0';
}

static void
note_arg(void *arg)
{
    assert_non_null(fiber_current());
    note(*(const char *)arg);
}

static void
start_one(weir_loop *loop, void *arg)
{
    note('<');
    assert_int_equal(fiber_start(loop, note_arg, arg), WEIR_OK);
    assert_null(fiber_current());
    note('>');
}

static void
a_fiber_starts_at_once_from_the_loop(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    reset_trace();
    in_loop(loop, start_one, "a");
    assert_string_equal(trace, "<a>");
    assert_int_equal(fiber_stats(loop).live, 0);
    assert_int_equal(fiber_stats(loop).stacks, 1);
    weir_loop_free(loop);
}

static void
start_inner(void *arg)
{
    note('(');
    assert_int_equal(fiber_start(fiber_loop(fiber_current()), note_arg, arg), WEIR_OK);
    note(')');
}

static void
start_nested(weir_loop *loop, void *arg)
{
    assert_int_equal(fiber_start(loop, start_inner, arg), WEIR_OK);
}

static void
a_fiber_starts_soon_from_a_fiber(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    reset_trace();
    in_loop(loop, start_nested, "b");
    assert_string_equal(trace, "()b");
    weir_loop_free(loop);
}

static void
a_fiber_starts_soon_before_the_loop_turns(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    reset_trace();
    assert_int_equal(fiber_start(loop, note_arg, "c"), WEIR_OK);
    assert_string_equal(trace, "");
    assert_int_equal(fiber_stats(loop).live, 1);
    weir_loop_turn(loop);
    assert_string_equal(trace, "c");
    weir_loop_free(loop);
}

/* ---- parking and waking ---- */

struct sleeper {
    struct fiber *fiber;
    bool ready;
    unsigned parks;
    bool ended;
};

static void
sleep_until_ready(void *arg)
{
    struct sleeper *self = arg;

    self->fiber = fiber_current();
    while (!self->ready) {
        self->parks++;
        fiber_park();
        assert_ptr_equal(fiber_current(), self->fiber);
    }
    self->ended = true;
}

static void
park_and_wake(weir_loop *loop, void *arg)
{
    struct sleeper *sleeper = arg;

    assert_int_equal(fiber_start(loop, sleep_until_ready, sleeper), WEIR_OK);
    assert_int_equal(sleeper->parks, 1);
    assert_ptr_equal(fiber_loop(sleeper->fiber), loop);
    sleeper->ready = true;
    fiber_wake(sleeper->fiber);
    assert_false(sleeper->ended);
}

static void
a_parked_fiber_is_woken_by_a_task(void **state)
{
    weir_loop *loop = new_loop();
    struct sleeper sleeper = {0};

    (void)state;
    in_loop(loop, park_and_wake, &sleeper);
    assert_true(sleeper.ended);
    weir_loop_free(loop);
}

/* The second of two wakes is remembered: the fiber looks again instead of parking. */
static void
wake_twice(weir_loop *loop, void *arg)
{
    struct sleeper *sleeper = arg;

    assert_int_equal(fiber_start(loop, sleep_until_ready, sleeper), WEIR_OK);
    fiber_wake(sleeper->fiber);
    fiber_wake(sleeper->fiber);
}

static void
waking_twice_runs_a_fiber_twice_at_most(void **state)
{
    weir_loop *loop = new_loop();
    struct sleeper sleeper = {0};

    (void)state;
    in_loop(loop, wake_twice, &sleeper);
    assert_int_equal(sleeper.parks, 3);
    assert_false(sleeper.ended);
    sleeper.ready = true;
    fiber_wake(sleeper.fiber);
    weir_loop_turn(loop);
    assert_true(sleeper.ended);
    weir_loop_free(loop);
}

static void
wake_self(void *arg)
{
    (void)arg;
    fiber_wake(fiber_current());
    fiber_park();
    note('w');
}

static void
a_wake_before_parking_is_remembered(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    reset_trace();
    assert_int_equal(fiber_start(loop, wake_self, NULL), WEIR_OK);
    weir_loop_turn(loop);
    assert_string_equal(trace, "w");
    weir_loop_free(loop);
}

static void
a_loop_with_parked_fibers_can_be_freed(void **state)
{
    weir_loop *loop = new_loop();
    struct sleeper sleeper = {0};

    (void)state;
    assert_int_equal(fiber_start(loop, sleep_until_ready, &sleeper), WEIR_OK);
    weir_loop_turn(loop);
    weir_loop_free(loop);
    assert_false(sleeper.ended);
}

/* ---- what a switch must keep ---- */

struct yield {
    struct loop_task task;
    struct fiber *fiber;
    bool over;
};

static void
end_yield(struct loop_task *task)
{
    struct yield *self = container_of(task, struct yield, task);

    self->over = true;
    fiber_wake(self->fiber);
}

/* Let every other fiber that is awake run first. */
static void
yield(void)
{
    struct yield self = {.fiber = fiber_current()};

    loop_task_init(&self.task, end_yield);
    loop_post(fiber_loop(self.fiber), &self.task);
    while (!self.over)
        fiber_park();
}

static unsigned
deep(unsigned depth)
{
    volatile char frame[256];

    memset((char *)frame, (int)depth, sizeof(frame));
    if (depth % 16 == 0)
        yield();
    return depth == 0 ? 0 : 1 + deep(depth - 1) + (frame[255] != (char)depth);
}

/* Locals, callee-saved registers and floating point live on across switches in deep calls. */
static void
compute(void *arg)
{
    double *factor = arg, sum = 0;

    for (int i = 1; i <= 100; i++) {
        sum += *factor * i;
        assert_int_equal(deep(100), 100);
    }
    *factor = sum;
}

static void
fibers_do_not_disturb_each_other(void **state)
{
    weir_loop *loop = new_loop();
    double factors[20];

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        factors[i] = (double)i;
        assert_int_equal(fiber_start(loop, compute, &factors[i]), WEIR_OK);
    }
    weir_loop_turn(loop);
    assert_int_equal(fiber_stats(loop).live, 0);
    for (size_t i = 0; i < 20; i++)
        assert_true(factors[i] == (double)i * 5050);
    weir_loop_free(loop);
}

static void
is_aligned(void *arg)
{
    _Alignas(16) volatile char local = 0;

    (void)arg;
    assert_int_equal((uintptr_t)&local % 16, 0);
    (void)local;
    note('k');
}

static void
stacks_are_aligned(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    reset_trace();
    assert_int_equal(fiber_start(loop, is_aligned, NULL), WEIR_OK);
    weir_loop_turn(loop);
    assert_string_equal(trace, "k");
    weir_loop_free(loop);
}

/* ---- stacks ---- */

static void
nothing(void *arg)
{
    (void)arg;
}

static void
start_often(weir_loop *loop, void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fiber_start(loop, nothing, NULL), WEIR_OK);
    assert_int_equal(fiber_stats(loop).stacks, 1);
}

static void
a_stack_is_used_again(void **state)
{
    weir_loop *loop = new_loop();

    (void)state;
    in_loop(loop, start_often, NULL);
    weir_loop_free(loop);
}

/* Touches most of a stack of 1 MiB. */
static void
use_a_large_stack(void *arg)
{
    volatile char large[900 * 1024];

    for (size_t i = 0; i < sizeof(large); i += 1024)
        large[i] = 1;
    *(bool *)arg = large[1024] == 1;
}

static void
the_stack_size_can_be_set(void **state)
{
    weir_loop *loop = new_loop();
    bool done = false;

    (void)state;
    assert_int_equal(fiber_start(loop, nothing, NULL), WEIR_OK);
    weir_loop_turn(loop);
    fiber_set_stack_size(loop, 1024 * 1024);
    assert_int_equal(fiber_start(loop, use_a_large_stack, &done), WEIR_OK);
    weir_loop_turn(loop);
    assert_true(done);
    assert_int_equal(fiber_stats(loop).stacks, 1);
    weir_loop_free(loop);
}

/* More address space than there is: refused, counted, and no harm done. */
static void
running_out_of_stacks_is_an_error(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, (size_t)1 << (8 * sizeof(size_t) - 17)};
    const size_t count = sizeof(size_t) == 8 ? 3 : 1; /* of 32 bits half may be free */
    weir_loop *loop = new_loop();

    (void)state;
    for (size_t i = 0; i < count; i++) {
        fiber_set_stack_size(loop, sizes[i]);
        assert_int_equal(fiber_start(loop, nothing, NULL), WEIR_RESOURCE_EXHAUSTED);
        assert_int_equal(fiber_stats(loop).refused, i + 1);
    }
    assert_int_equal(fiber_stats(loop).live, 0);
    fiber_set_stack_size(loop, 64 * 1024);
    assert_int_equal(fiber_start(loop, nothing, NULL), WEIR_OK);
    weir_loop_turn(loop);
    weir_loop_free(loop);
}

static int
exit_status(pid_t child)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* How many mappings there is room for; negative: as many as the kernel gives. Linked with
 * --wrap=mmap, since an emulator needs mappings itself and passes no limit of address space on to
 * the kernel. */
static long mappings_left = -1;

#ifdef _FILE_OFFSET_BITS
#define __real_mmap __real_mmap64
#define __wrap_mmap __wrap_mmap64
#endif
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

void *
__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (mappings_left == 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (mappings_left > 0)
        mappings_left--;
    return __real_mmap(address, size, protection, flags, fd, offset);
}

/* The pool says when there is no room for more, and works on after some have ended. */
static void
the_pool_ends_where_address_space_ends(void **state)
{
    weir_loop *loop = new_loop();
    struct sleeper sleepers[4] = {{0}};

    (void)state;
    mappings_left = 4;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(fiber_start(loop, sleep_until_ready, &sleepers[i]), WEIR_OK);
    assert_int_equal(fiber_start(loop, nothing, NULL), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(fiber_stats(loop).refused, 1);
    assert_int_equal(fiber_stats(loop).live, 4);
    weir_loop_turn(loop);
    for (size_t i = 0; i < 4; i++) {
        sleepers[i].ready = true;
        fiber_wake(sleepers[i].fiber);
    }
    weir_loop_turn(loop);
    assert_int_equal(fiber_stats(loop).live, 0);
    assert_int_equal(fiber_start(loop, nothing, NULL), WEIR_OK);
    weir_loop_turn(loop);
    mappings_left = -1;
    weir_loop_free(loop);
}

static unsigned
overflow(unsigned depth)
{
    volatile char frame[1024];

    frame[0] = frame[1023] = (char)depth;
    return depth == UINT_MAX ? 0 : overflow(depth + 1) + (unsigned)frame[0];
}

static void
overflow_stack(void *arg)
{
    *(volatile unsigned *)arg = overflow(0);
}

/* The stack above and the one below are another fiber's: without a guard this would go on for long.
 */
static void
overflow_in_child(weir_loop *loop)
{
    struct sleeper sleepers[8] = {{0}};
    struct rlimit no_core = {0};
    unsigned result = 0;

    signal(SIGSEGV, SIG_DFL);
    setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = 0; i < 8; i++)
        if (fiber_start(loop, sleep_until_ready, &sleepers[i]) != WEIR_OK)
            _exit(2);
    weir_loop_turn(loop);
    if (fiber_start(loop, overflow_stack, &result) != WEIR_OK)
        _exit(3);
    weir_loop_turn(loop);
    _exit(4);
}

static void
an_overflow_hits_the_guard(void **state)
{
    weir_loop *loop = new_loop();
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0)
        overflow_in_child(loop);
    status = exit_status(child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    weir_loop_free(loop);
}

/* After a burst the stacks that lie unused go, in time. */
static void
unused_stacks_are_given_back(void **state)
{
    weir_loop *loop = new_loop();
    struct sleeper sleepers[40] = {{0}};

    (void)state;
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(fiber_start(loop, sleep_until_ready, &sleepers[i]), WEIR_OK);
    weir_loop_turn(loop);
    assert_int_equal(fiber_stats(loop).stacks, 40);
    for (size_t i = 0; i < 40; i++) {
        sleepers[i].ready = true;
        fiber_wake(sleepers[i].fiber);
    }
    weir_loop_turn(loop);
    assert_int_equal(fiber_stats(loop).live, 0);
    while (fiber_stats(loop).stacks > 16) {
        usleep(10000);
        weir_loop_turn(loop);
    }
    weir_loop_free(loop);
}

/* ---- running on another loop ---- */

static void *
run_loop(void *arg)
{
    weir_loop_run(arg);
    return NULL;
}

struct visit {
    weir_loop *loop;
    unsigned count;
};

static void
visit(void *arg)
{
    struct visit *self = arg;

    assert_ptr_equal(fiber_loop(fiber_current()), self->loop);
    assert_ptr_equal(loop_current(), self->loop);
    yield();
    assert_ptr_equal(loop_current(), self->loop);
    self->count++;
}

#define VISITS 500

static void *
visit_often(void *arg)
{
    struct visit *self = arg;

    for (int i = 0; i < VISITS; i++)
        assert_int_equal(fiber_run_on(self->loop, visit, self), WEIR_OK);
    return NULL;
}

/* Nobody else turns the loop: fibers are resumed by whichever thread turns it just then. */
static void
many_threads_run_on_one_loop(void **state)
{
    struct visit self = {.loop = new_loop()};
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit_often, &self), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(self.count, 4 * VISITS);
    assert_int_equal(fiber_stats(self.loop).live, 0);
    weir_loop_free(self.loop);
}

static void
visit_in_place(void *arg)
{
    visit_often(arg);
}

static void
on_its_own_loop_it_runs_in_place(void **state)
{
    struct visit self = {.loop = new_loop()};

    (void)state;
    assert_int_equal(fiber_run_on(self.loop, visit_in_place, &self), WEIR_OK);
    assert_int_equal(self.count, VISITS);
    assert_int_equal(fiber_stats(self.loop).stacks, 1);
    weir_loop_free(self.loop);
}

#define TRAVELLERS 8

static struct visit there[2];

static void
travel(void *arg)
{
    struct visit *here = arg, *other = here == &there[0] ? &there[1] : &there[0];

    for (int i = 0; i < VISITS / 10; i++)
        assert_int_equal(fiber_run_on(other->loop, visit, other), WEIR_OK);
    assert_ptr_equal(loop_current(), here->loop);
}

static void *
send_traveller(void *arg)
{
    struct visit *self = arg;

    assert_int_equal(fiber_run_on(self->loop, travel, self), WEIR_OK);
    return NULL;
}

static void
fibers_of_two_loops_run_on_each_other(void **state)
{
    pthread_t threads[TRAVELLERS], runners[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        there[i] = (struct visit){.loop = new_loop()};
        assert_int_equal(pthread_create(&runners[i], NULL, run_loop, there[i].loop), 0);
    }
    for (size_t i = 0; i < TRAVELLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_traveller, &there[i % 2]), 0);
    for (size_t i = 0; i < TRAVELLERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 2; i++) {
        weir_loop_stop(there[i].loop);
        pthread_join(runners[i], NULL);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(there[i].count, TRAVELLERS / 2 * (VISITS / 10));
        weir_loop_free(there[i].loop);
    }
}

static void
run_without_a_stack(void **state)
{
    struct visit self = {.loop = new_loop()};

    (void)state;
    fiber_set_stack_size(self.loop, SIZE_MAX);
    assert_int_equal(fiber_run_on(self.loop, visit, &self), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(self.count, 0);
    weir_loop_free(self.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fiber_starts_at_once_from_the_loop),
        cmocka_unit_test(a_fiber_starts_soon_from_a_fiber),
        cmocka_unit_test(a_fiber_starts_soon_before_the_loop_turns),
        cmocka_unit_test(a_parked_fiber_is_woken_by_a_task),
        cmocka_unit_test(waking_twice_runs_a_fiber_twice_at_most),
        cmocka_unit_test(a_wake_before_parking_is_remembered),
        cmocka_unit_test(a_loop_with_parked_fibers_can_be_freed),
        cmocka_unit_test(fibers_do_not_disturb_each_other),
        cmocka_unit_test(stacks_are_aligned),
        cmocka_unit_test(a_stack_is_used_again),
        cmocka_unit_test(the_stack_size_can_be_set),
        cmocka_unit_test(running_out_of_stacks_is_an_error),
        cmocka_unit_test(the_pool_ends_where_address_space_ends),
        cmocka_unit_test(an_overflow_hits_the_guard),
        cmocka_unit_test(unused_stacks_are_given_back),
        cmocka_unit_test(many_threads_run_on_one_loop),
        cmocka_unit_test(on_its_own_loop_it_runs_in_place),
        cmocka_unit_test(fibers_of_two_loops_run_on_each_other),
        cmocka_unit_test(run_without_a_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
