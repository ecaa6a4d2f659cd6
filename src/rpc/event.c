/* SPDX-License-Identifier: Apache-2.0 */
/* An event that one fiber or thread waits for and any thread sets.
 *
 * The setter may outlive the waiter (a call's deadline passed), so each holds a reference, and the
 * wake-up task sent to the waiter's loop holds another one. There is only one such task: while it
 * is in flight, the waiter may have continued, cleared the event and started to wait again, even on
 * another loop. The task wakes whatever waiter it finds when it runs. */
#include "rpc/call.h"
#include <pthread.h>
#include <stdlib.h>
#include <weir/pool.h>

struct weir_event {
    atomic_uint refs;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool set;
    struct fiber *fiber; /* parked in wait; NULL: none */
    bool travelling;     /* `wake` is in flight */
    struct loop_task wake;
};

/* Under the lock: send the wake-up task if a fiber is parked. */
static void
send_wake(struct weir_event *event)
{
    if (event->fiber == NULL || event->travelling)
        return;
    event->travelling = true;
    loop_send(fiber_loop(event->fiber), &weir_event_ref(event)->wake);
}

static void
wake_waiter(struct loop_task *task)
{
    struct weir_event *event = container_of(task, struct weir_event, wake);

    pthread_mutex_lock(&event->lock);
    event->travelling = false;
    if (event->fiber != NULL && fiber_loop(event->fiber) == loop_current())
        fiber_wake(event->fiber);
    else if (event->set)
        send_wake(event);
    pthread_mutex_unlock(&event->lock);
    weir_event_unref(event);
}

weir_event *
weir_event_new(void)
{
    struct weir_event *event = calloc(1, sizeof(*event));
    pthread_condattr_t attributes;

    if (event == NULL)
        return NULL;
    atomic_init(&event->refs, 1);
    pthread_mutex_init(&event->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* the clock of weir_now */
    pthread_cond_init(&event->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    loop_task_init(&event->wake, wake_waiter);
    return event;
}

weir_event *
weir_event_ref(weir_event *event)
{
    atomic_fetch_add(&event->refs, 1);
    return event;
}

void
weir_event_unref(weir_event *event)
{
    if (event == NULL || atomic_fetch_sub(&event->refs, 1) != 1)
        return;
    pthread_cond_destroy(&event->changed);
    pthread_mutex_destroy(&event->lock);
    free(event);
}

void
weir_event_set(weir_event *event)
{
    pthread_mutex_lock(&event->lock);
    if (!event->set) {
        event->set = true;
        pthread_cond_broadcast(&event->changed);
        send_wake(event);
    }
    pthread_mutex_unlock(&event->lock);
}

void
weir_event_clear(weir_event *event)
{
    pthread_mutex_lock(&event->lock);
    event->set = false;
    pthread_mutex_unlock(&event->lock);
}

/* Register the fiber to be woken. True: the event is set already; nothing is registered. */
static bool
is_set(struct weir_event *event, struct fiber *fiber)
{
    bool set;

    pthread_mutex_lock(&event->lock);
    set = event->set;
    event->fiber = set ? NULL : fiber;
    pthread_mutex_unlock(&event->lock);
    return set;
}

/* False: the deadline has passed. */
static bool
wait_on_thread(struct weir_event *event, int64_t deadline)
{
    const struct timespec until = {deadline / WEIR_SECOND, (long)(deadline % WEIR_SECOND)};
    int error = 0;
    bool set;

    pthread_mutex_lock(&event->lock);
    while (!event->set && error == 0) { /* EINVAL: a negative time */
        if (deadline == WEIR_NEVER)
            pthread_cond_wait(&event->changed, &event->lock);
        else
            error = pthread_cond_timedwait(&event->changed, &event->lock, &until);
    }
    set = event->set;
    pthread_mutex_unlock(&event->lock);
    return set;
}

struct wait {
    struct weir_event *event;
    struct weir_call *call;
    bool (*over)(struct weir_call *call); /* a further end condition; not used without a call */
    int64_t deadline;                     /* WEIR_NEVER: none */
    struct fiber *fiber;
    struct loop_timer timer;
    bool set;
    bool late; /* the deadline has passed */
    weir_code code;
};

static void
deadline_passed(struct loop_timer *timer)
{
    struct wait *wait = container_of(timer, struct wait, timer);

    wait->late = true;
    fiber_wake(wait->fiber);
}

static bool
is_over(const struct wait *wait)
{
    return wait->late || (wait->call != NULL && wait->over(wait->call));
}

static void
wait_on_fiber(void *arg)
{
    struct wait *wait = arg;
    weir_loop *loop;

    wait->fiber = fiber_current();
    loop = fiber_loop(wait->fiber);
    loop_timer_init(&wait->timer, deadline_passed);
    wait->code = loop_timer_start(loop, &wait->timer, wait->deadline);
    if (wait->code != WEIR_OK)
        return;
    while (!(wait->set = is_set(wait->event, wait->fiber)) && !is_over(wait)) {
        if (wait->call != NULL)
            call_park(wait->call);
        else
            fiber_park();
    }
    is_set(wait->event, NULL);
    loop_timer_stop(loop, &wait->timer);
}

static bool
has_ended(struct weir_call *call)
{
    return call->ended;
}

weir_code
weir_event_wait_until(weir_event *event, weir_call *call, int64_t deadline)
{
    struct wait wait = {.event = event, .call = call, .over = has_ended, .deadline = deadline};

    if (call != NULL)
        WEIR_TRY(fiber_run_on(call->loop, wait_on_fiber, &wait));
    else if (fiber_current() != NULL)
        wait_on_fiber(&wait);
    else
        wait.set = wait_on_thread(event, deadline);
    if (wait.set || wait.code != WEIR_OK)
        return wait.code;
    return call != NULL && call->ended ? call->code : WEIR_DEADLINE_EXCEEDED;
}

weir_code
weir_event_wait(weir_event *event, weir_call *call)
{
    return weir_event_wait_until(event, call, WEIR_NEVER);
}

static void
wait_to_receive(void *arg)
{
    struct wait *wait = arg;

    wait_on_fiber(wait);
    wait->set = !call_receivable(wait->call);
}

bool
weir_call_receivable(weir_call *call, weir_event *event)
{
    struct wait wait = {
        .event = event, .call = call, .over = call_receivable, .deadline = WEIR_NEVER};

    /* Without memory for a fiber, the receive that follows fails as well and has the reason. */
    if (fiber_run_on(call->loop, wait_to_receive, &wait) != WEIR_OK)
        return true;
    return !wait.set;
}
