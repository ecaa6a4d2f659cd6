/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: a binary heap of pointers to the owners' timers, and a kernel timer (the alarm) set for
 * the earliest.
 *
 * A timer knows its slot, so it is moved and stopped without a search. The alarm is set right
 * before libuv polls, and only if the earliest due time has moved forward; stopping a timer leaves
 * the alarm as it is, at the cost of one idle wake-up. It is a timerfd polled by libuv rather than
 * a libuv timer, for which the kernel would arm and disarm a timer whenever the loop sleeps. */

#include "loop/private.h"
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define HEAP_SIZE_FIRST 16

static void
place(struct loop_timers *timers, size_t slot, struct loop_timer *timer)
{
    timers->heap[slot] = timer;
    timer->slot = slot;
}

static void
sift_up(struct loop_timers *timers, size_t slot, struct loop_timer *timer)
{
    for (; slot > 1 && timers->heap[slot / 2]->due > timer->due; slot /= 2)
        place(timers, slot, timers->heap[slot / 2]);
    place(timers, slot, timer);
}

static void
sift_down(struct loop_timers *timers, size_t slot, struct loop_timer *timer)
{
    for (size_t child; (child = 2 * slot) <= timers->count; slot = child) {
        if (child < timers->count && timers->heap[child + 1]->due < timers->heap[child]->due)
            child++;
        if (timers->heap[child]->due >= timer->due)
            break;
        place(timers, slot, timers->heap[child]);
    }
    place(timers, slot, timer);
}

/* Move a timer to its place in the heap, starting from a free slot. */
static void
settle(struct loop_timers *timers, size_t slot, struct loop_timer *timer)
{
    if (slot > 1 && timers->heap[slot / 2]->due > timer->due)
        sift_up(timers, slot, timer);
    else
        sift_down(timers, slot, timer);
}

static bool
grow(struct loop_timers *timers)
{
    size_t size = timers->size == 0 ? HEAP_SIZE_FIRST : timers->size * 2;
    struct loop_timer **heap = NULL;

    if (size <= SIZE_MAX / sizeof(*heap))
        heap = realloc(timers->heap, size * sizeof(struct loop_timer *));
    if (heap == NULL)
        return false;
    timers->heap = heap;
    timers->size = size;
    return true;
}

static void
take_out(struct loop_timers *timers, struct loop_timer *timer)
{
    size_t slot = timer->slot;
    struct loop_timer *last = timers->heap[timers->count--];

    counter_sub(&timers->live, 1);
    timer->slot = 0;
    if (last != timer)
        settle(timers, slot, last);
}

uint64_t
loop_timer_count(const weir_loop *loop)
{
    return counter_read(&loop->timers.live);
}

void
loop_timer_init(struct loop_timer *timer, void (*fire)(struct loop_timer *timer))
{
    *timer = (struct loop_timer){.fire = fire};
}

weir_code
loop_timer_start(weir_loop *loop, struct loop_timer *timer, int64_t due)
{
    struct loop_timers *timers = &loop->timers;

    if (due == WEIR_NEVER) {
        loop_timer_stop(loop, timer);
        return WEIR_OK;
    }
    timer->due = due;
    if (timer->slot != 0) {
        settle(timers, timer->slot, timer);
        return WEIR_OK;
    }
    if (timers->count + 1 >= timers->size && !grow(timers))
        return WEIR_RESOURCE_EXHAUSTED;
    timers->count++;
    counter_add(&timers->live, 1);
    sift_up(timers, timers->count, timer);
    return WEIR_OK;
}

void
loop_timer_stop(weir_loop *loop, struct loop_timer *timer)
{
    if (timer->slot != 0)
        take_out(&loop->timers, timer);
}

int64_t
loop_timers_next(const weir_loop *loop)
{
    return loop->timers.count == 0 ? WEIR_NEVER : loop->timers.heap[1]->due;
}

/* At most as many as were running at first, so that timers that restart themselves do not starve
 * I/O. */
void
loop_timers_fire(weir_loop *loop)
{
    struct loop_timers *timers = &loop->timers;
    int64_t now = timers->count == 0 ? 0 : loop_now(loop);

    for (size_t left = timers->count; left > 0 && timers->count > 0; left--) {
        struct loop_timer *timer = timers->heap[1];

        if (timer->due > now)
            break;
        take_out(timers, timer);
        timer->fire(timer);
    }
}

static void
on_alarm(uv_poll_t *alarm, int status, int events)
{
    weir_loop *loop = container_of(alarm, weir_loop, timers.alarm);
    uint64_t times;

    (void)status;
    (void)events;
    (void)!read(loop->timers.fd, &times, sizeof(times)); /* clears its readiness */
    loop->timers.armed = WEIR_NEVER;
    loop_timers_fire(loop);
}

/* Milliseconds; the limit of a 32-bit time_t. */
#define ALARM_LAST ((int64_t)INT32_MAX * 1000)

/* Rounded to milliseconds, so that timers due at about the same time share one alarm; without
 * delaying what is due already. */
void
loop_timers_arm(weir_loop *loop)
{
    int64_t due = loop_timers_next(loop), millis;
    struct itimerspec when = {.it_interval = {0}};

    if (due >= loop->timers.armed)
        return;
    loop->timers.armed = due;
    millis = due / WEIR_MILLISECOND + (due > loop_now(loop));
    if (millis < 1) /* 0 would disarm it */
        millis = 1;
    if (millis > ALARM_LAST)
        millis = ALARM_LAST;
    when.it_value.tv_sec = (time_t)(millis / 1000);
    when.it_value.tv_nsec = (long)(millis % 1000 * WEIR_MILLISECOND);
    timerfd_settime(loop->timers.fd, TFD_TIMER_ABSTIME, &when, NULL);
}

weir_code
loop_timers_init(weir_loop *loop)
{
    struct loop_timers *timers = &loop->timers;

    timers->armed = WEIR_NEVER;
    timers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timers->fd < 0)
        return WEIR_RESOURCE_EXHAUSTED;
    if (uv_poll_init(&loop->uv, &timers->alarm, timers->fd) != 0) {
        close(timers->fd);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    uv_poll_start(&timers->alarm, UV_READABLE, on_alarm);
    return WEIR_OK;
}

void
loop_timers_fini(weir_loop *loop)
{
    close(loop->timers.fd);
    free(loop->timers.heap);
}
