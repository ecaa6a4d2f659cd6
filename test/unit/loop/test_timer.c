/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/loop/timer.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "loop/loop.h"
#include <poll.h>
#include <stdlib.h>

struct test_timer {
    struct loop_timer timer;
    weir_loop *loop;
    int64_t due, fired; /* fired: 0 while it has not */
    unsigned *left;     /* stops the loop at 0 */
    struct test_timer *kill;
};

static int64_t last_due;

static void
on_fire(struct loop_timer *timer)
{
    struct test_timer *self = container_of(timer, struct test_timer, timer);

    assert_int_equal(self->fired, 0);
    self->fired = loop_now(self->loop);
    assert_true(self->fired >= self->due);
    assert_true(self->due >= last_due);
    last_due = self->due;
    if (self->kill != NULL)
        loop_timer_stop(self->loop, &self->kill->timer);
    if (self->left != NULL && --*self->left == 0)
        weir_loop_stop(self->loop);
}

static void
start(struct test_timer *timer, weir_loop *loop, int64_t due)
{
    timer->loop = loop;
    timer->due = due;
    assert_int_equal(loop_timer_start(loop, &timer->timer, due), WEIR_OK);
}

static weir_loop *
new_loop(void)
{
    weir_loop *loop = NULL;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    last_due = 0;
    return loop;
}

#define TIMERS 5000

/* Random deadlines; every third timer is stopped, every fourth moved: the rest fire, in order, not
 * early. */
static void
random_timers_fire_in_order(void **state)
{
    struct test_timer *timers = calloc(TIMERS, sizeof(*timers));
    weir_loop *loop = new_loop();
    unsigned left = 0, seed = 7;
    int64_t now = weir_now();

    (void)state;
    assert_non_null(timers);
    for (size_t i = 0; i < TIMERS; i++) {
        loop_timer_init(&timers[i].timer, on_fire);
        timers[i].left = &left;
        start(&timers[i], loop, now + rand_r(&seed) % (50 * WEIR_MILLISECOND));
    }
    for (size_t i = 0; i < TIMERS; i++) {
        if (i % 3 == 0)
            loop_timer_stop(loop, &timers[i].timer);
        else if (i % 4 == 0)
            start(&timers[i], loop, now + rand_r(&seed) % (50 * WEIR_MILLISECOND));
        left += i % 3 != 0;
    }
    weir_loop_run(loop);
    for (size_t i = 0; i < TIMERS; i++)
        assert_int_equal(timers[i].fired != 0, i % 3 != 0);
    weir_loop_free(loop);
    free(timers);
}

static void
a_stopped_timer_is_silent(void **state)
{
    weir_loop *loop = new_loop();
    struct test_timer first = {0}, second = {0}, last = {0};
    unsigned left = 2;

    (void)state;
    loop_timer_init(&first.timer, on_fire);
    loop_timer_init(&second.timer, on_fire);
    loop_timer_init(&last.timer, on_fire);
    first.left = last.left = &left;
    first.kill = &second;
    start(&first, loop, 1);
    start(&second, loop, 2);
    start(&last, loop, weir_now() + 5 * WEIR_MILLISECOND);
    weir_loop_run(loop);
    assert_int_equal(second.fired, 0);
    loop_timer_stop(loop, &second.timer);
    weir_loop_free(loop);
}

static void
never_stops_a_timer(void **state)
{
    weir_loop *loop = new_loop();
    struct test_timer timer = {0};

    (void)state;
    loop_timer_init(&timer.timer, on_fire);
    start(&timer, loop, 1);
    start(&timer, loop, WEIR_NEVER);
    weir_loop_turn(loop);
    assert_int_equal(timer.fired, 0);
    assert_true(weir_loop_timeout(loop) == WEIR_NEVER);
    weir_loop_free(loop);
}

struct repeating {
    struct loop_timer timer;
    weir_loop *loop;
    unsigned times;
};

static void
fire_again(struct loop_timer *timer)
{
    struct repeating *self = container_of(timer, struct repeating, timer);

    if (++self->times == 100)
        weir_loop_stop(self->loop);
    assert_int_equal(loop_timer_start(self->loop, timer, loop_now(self->loop)), WEIR_OK);
}

/* A timer that is always due leaves the loop able to see that it was stopped. */
static void
a_timer_that_starts_itself_does_not_starve_the_loop(void **state)
{
    struct repeating timer = {.loop = new_loop()};

    (void)state;
    loop_timer_init(&timer.timer, fire_again);
    assert_int_equal(loop_timer_start(timer.loop, &timer.timer, 0), WEIR_OK);
    weir_loop_run(timer.loop);
    assert_true(timer.times >= 100);
    weir_loop_free(timer.loop);
}

/* A timer started while the loop already waits for a later one. */
static void
an_earlier_timer_moves_the_alarm(void **state)
{
    weir_loop *loop = new_loop();
    struct test_timer late = {0}, soon = {0};
    unsigned left = 1;

    (void)state;
    loop_timer_init(&late.timer, on_fire);
    loop_timer_init(&soon.timer, on_fire);
    start(&late, loop, weir_now() + 3600 * WEIR_SECOND);
    weir_loop_turn(loop);
    assert_true(weir_loop_timeout(loop) > 3000 * WEIR_SECOND);
    soon.left = &left;
    start(&soon, loop, weir_now() + WEIR_MILLISECOND);
    assert_true(weir_loop_timeout(loop) <= WEIR_MILLISECOND);
    weir_loop_run(loop);
    assert_int_equal(late.fired, 0);
    weir_loop_free(loop);
}

/* Turning when weir_loop_timeout says so fires the timer, without libuv's clock having moved on. */
static void
an_embedded_loop_fires_when_its_timeout_is_over(void **state)
{
    weir_loop *loop = new_loop();
    struct test_timer timer = {0};

    (void)state;
    loop_timer_init(&timer.timer, on_fire);
    start(&timer, loop, weir_now() + 2 * WEIR_MILLISECOND + 1);
    weir_loop_turn(loop);
    while (timer.fired == 0 && weir_loop_timeout(loop) > 0) /* fired: the machine took its time */
        continue;
    weir_loop_turn(loop);
    assert_true(timer.fired >= timer.due);
    weir_loop_free(loop);
}

static bool
is_readable(const weir_loop *loop, int timeout)
{
    struct pollfd pollfd = {.fd = weir_loop_fd(loop), .events = POLLIN};

    return poll(&pollfd, 1, timeout) == 1;
}

/* A loop that is waited for hears of a timer by its descriptor as well, and of one that was stopped
 * once at most. */
static void
the_descriptor_tells_of_a_timer(void **state)
{
    weir_loop *loop = new_loop();
    struct test_timer timer = {0}, stopped = {0};

    (void)state;
    loop_timer_init(&timer.timer, on_fire);
    loop_timer_init(&stopped.timer, on_fire);
    start(&timer, loop, weir_now() + WEIR_MILLISECOND);
    while (timer.fired == 0) {
        weir_loop_turn(loop);
        assert_true(timer.fired != 0 || is_readable(loop, 10000));
    }
    do { /* again where the machine took its time */
        stopped.fired = 0;
        start(&stopped, loop, weir_now() + 20 * WEIR_MILLISECOND);
        weir_loop_turn(loop);
    } while (stopped.fired != 0);
    loop_timer_stop(loop, &stopped.timer);
    assert_true(is_readable(loop, 10000));
    weir_loop_turn(loop);
    assert_false(is_readable(loop, 0));
    weir_loop_free(loop);
}

struct extremes {
    struct loop_task task;
    struct test_timer past, ages;
};

/* Behind the look at what is due, so that it is up to the alarm. */
static void
start_extremes(struct loop_task *task)
{
    struct extremes *extremes = container_of(task, struct extremes, task);

    start(&extremes->ages, extremes->ages.loop, WEIR_NEVER - 1);
    start(&extremes->past, extremes->past.loop, INT64_MIN + 1);
}

static void
what_is_long_past_fires_and_what_is_ages_away_does_not(void **state)
{
    struct extremes extremes = {.task = {.run = NULL}};
    weir_loop *loop = new_loop();
    unsigned left = 1;

    (void)state;
    last_due = INT64_MIN;
    loop_task_init(&extremes.task, start_extremes);
    loop_timer_init(&extremes.past.timer, on_fire);
    loop_timer_init(&extremes.ages.timer, on_fire);
    extremes.past.loop = extremes.ages.loop = loop;
    extremes.past.left = &left;
    loop_post(loop, &extremes.task);
    weir_loop_run(loop);
    weir_loop_turn(loop);
    assert_true(extremes.past.fired != 0);
    assert_int_equal(extremes.ages.fired, 0);
    assert_false(is_readable(loop, 0));
    weir_loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_timers_fire_in_order),
        cmocka_unit_test(a_stopped_timer_is_silent),
        cmocka_unit_test(never_stops_a_timer),
        cmocka_unit_test(a_timer_that_starts_itself_does_not_starve_the_loop),
        cmocka_unit_test(an_earlier_timer_moves_the_alarm),
        cmocka_unit_test(an_embedded_loop_fires_when_its_timeout_is_over),
        cmocka_unit_test(the_descriptor_tells_of_a_timer),
        cmocka_unit_test(what_is_long_past_fires_and_what_is_ages_away_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
