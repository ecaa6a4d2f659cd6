/* SPDX-License-Identifier: Apache-2.0 */
/* Events: set before, while and after somebody waits, on fibers and threads, with calls that end.
 */
#include "fiber/fiber.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct client {
    weir_loop *loop;
    weir_channel *channel;
};

/* Its calls are never made: a call is something to wait with. */
static void
open_client(struct client *client)
{
    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(client->loop, "127.0.0.1:1", NULL, &client->channel), WEIR_OK);
}

static void
close_client(struct client *client)
{
    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
}

struct waiter {
    weir_event *event; /* its own reference */
    weir_call *call;
    weir_code code;
    int seen; /* of what the setter wrote before */
    int *wrote;
};

static void
wait_here(void *arg)
{
    struct waiter *waiter = arg;

    waiter->code = weir_event_wait(waiter->event, waiter->call);
    waiter->seen = *waiter->wrote;
    weir_event_unref(waiter->event);
}

static void *
wait_on_thread(void *arg)
{
    wait_here(arg);
    return NULL;
}

struct setter {
    pthread_t thread;
    weir_event *event; /* its own reference */
    unsigned wait;     /* microseconds */
    int *wrote;
};

static void *
set(void *arg)
{
    struct setter *setter = arg;

    usleep(setter->wait);
    *setter->wrote = 42;
    weir_event_set(setter->event);
    weir_event_unref(setter->event);
    return NULL;
}

/* A setter on another thread, and somebody who waits, a little before or after it. */
static void
check_meeting(unsigned wait, void (*run)(struct waiter *waiter, weir_loop *loop), weir_loop *loop,
    weir_call *call)
{
    int wrote = 0;
    weir_event *event = weir_event_new();
    struct waiter waiter = {.event = event, .call = call, .wrote = &wrote};
    struct setter setter = {.event = weir_event_ref(event), .wait = wait, .wrote = &wrote};

    assert_int_equal(pthread_create(&setter.thread, NULL, set, &setter), 0);
    run(&waiter, loop);
    assert_int_equal(waiter.code, WEIR_OK);
    assert_int_equal(waiter.seen, 42);
    pthread_join(setter.thread, NULL);
}

static void
run_on_thread(struct waiter *waiter, weir_loop *loop)
{
    (void)loop;
    wait_here(waiter);
}

static void
run_on_fiber(struct waiter *waiter, weir_loop *loop)
{
    assert_int_equal(fiber_run_on(loop, wait_here, waiter), WEIR_OK);
}

static void
setter_and_waiter_meet(void **state)
{
    struct client client;

    (void)state;
    open_client(&client);
    for (unsigned i = 0; i < 300; i++) {
        weir_call *call = weir_call_new(client.channel, NULL);
        unsigned wait = i % 3 == 0 ? 0 : i * 7 % 300;

        check_meeting(wait, run_on_thread, NULL, NULL);
        check_meeting(wait, run_on_fiber, client.loop, NULL);
        check_meeting(wait, run_on_thread, NULL, call);
        check_meeting(wait, run_on_fiber, client.loop, call);
        weir_call_free(call);
    }
    close_client(&client);
}

static void
set_is_kept(void **state)
{
    weir_event *event = weir_event_new();
    struct client client;
    weir_call *call;

    (void)state;
    open_client(&client);
    call = weir_call_new(client.channel, NULL);
    weir_event_set(event);
    weir_event_set(event);
    assert_int_equal(weir_event_wait(event, NULL), WEIR_OK);
    assert_int_equal(weir_event_wait(event, call), WEIR_OK);
    /* Even for a call that has ended. */
    weir_call_cancel(call);
    assert_int_equal(weir_call_sleep(call, INT64_MAX), WEIR_CANCELLED);
    assert_int_equal(weir_event_wait(event, call), WEIR_OK);
    weir_call_free(call);
    weir_event_unref(event);
    weir_event_unref(NULL);
    close_client(&client);
}

struct ender {
    pthread_t thread;
    weir_call *call;
    unsigned wait;
};

static void *
cancel(void *arg)
{
    struct ender *ender = arg;

    usleep(ender->wait);
    weir_call_cancel(ender->call);
    return NULL;
}

/* The call is cancelled at about the time at which the event is set: one of both is told, and the
 * other does no harm to who waits for something else by then. */
static void
end_and_setter_meet(void **state)
{
    struct client client;
    int wrote = 0;

    (void)state;
    open_client(&client);
    for (unsigned i = 0; i < 500; i++) {
        weir_call *call = weir_call_new(client.channel, NULL);
        weir_event *event = weir_event_new();
        struct waiter waiter = {.event = event, .call = call, .wrote = &(int){0}};
        struct setter setter = {
            .event = weir_event_ref(event), .wait = i * 3 % 200, .wrote = &wrote};
        struct ender ender = {.call = call, .wait = i * 5 % 200};

        assert_int_equal(pthread_create(&setter.thread, NULL, set, &setter), 0);
        assert_int_equal(pthread_create(&ender.thread, NULL, cancel, &ender), 0);
        if (i % 2 == 0)
            run_on_fiber(&waiter, client.loop);
        else
            wait_here(&waiter);
        assert_true(waiter.code == WEIR_OK || waiter.code == WEIR_CANCELLED);
        pthread_join(ender.thread, NULL);
        assert_int_equal(weir_call_sleep(call, WEIR_MILLISECOND), WEIR_CANCELLED);
        pthread_join(setter.thread, NULL);
        weir_call_free(call);
    }
    close_client(&client);
}

/* Nobody turns the loop any more when its waiter is woken; then it is freed. */
static void
set_after_the_waiter_gave_up(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct client client;
        weir_event *event = weir_event_new();
        weir_call *call;

        open_client(&client);
        call = weir_call_new(client.channel, NULL);
        weir_call_cancel(call);
        assert_int_equal(weir_event_wait(event, call), WEIR_CANCELLED);
        weir_event_set(event);
        weir_call_free(call);
        close_client(&client);
        assert_int_equal(weir_event_wait(event, NULL), WEIR_OK);
        weir_event_unref(event);
    }
}

/* The wake-up for a fiber of one loop is under way while a fiber of another loop looks. */
static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static void
waiters_of_two_loops(void **state)
{
    struct client clients[2];
    pthread_t turners[2];
    int wrote = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(clients); i++) {
        open_client(&clients[i]);
        assert_int_equal(pthread_create(&turners[i], NULL, turn, clients[i].loop), 0);
    }
    for (unsigned i = 0; i < 300; i++) {
        weir_call *call = weir_call_new(clients[0].channel, NULL);
        weir_event *event = weir_event_new();
        struct waiter first = {.event = weir_event_ref(event), .call = call, .wrote = &(int){0}};
        struct waiter second = {.event = weir_event_ref(event), .wrote = &(int){0}};
        struct setter setter = {.event = event, .wait = 100, .wrote = &wrote};
        struct ender ender = {.call = call, .wait = 100};

        assert_int_equal(pthread_create(&setter.thread, NULL, set, &setter), 0);
        assert_int_equal(pthread_create(&ender.thread, NULL, cancel, &ender), 0);
        run_on_fiber(&first, clients[0].loop);
        run_on_fiber(&second, clients[1].loop);
        assert_int_equal(second.code, WEIR_OK);
        pthread_join(ender.thread, NULL);
        pthread_join(setter.thread, NULL);
        weir_call_free(call);
    }
    for (size_t i = 0; i < COUNT(clients); i++) {
        weir_channel_free(clients[i].channel);
        weir_loop_stop(clients[i].loop);
        pthread_join(turners[i], NULL);
        weir_loop_free(clients[i].loop);
    }
}

/* One thread waits, plainly. */
static void
threads_wait_without_a_loop(void **state)
{
    int wrote = 0;
    weir_event *event = weir_event_new();
    struct waiter waiter = {.event = weir_event_ref(event), .wrote = &wrote};
    struct setter setter = {.event = event, .wait = 1000, .wrote = &wrote};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wait_on_thread, &waiter), 0);
    set(&setter);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.code, WEIR_OK);
    assert_int_equal(waiter.seen, 42);
}

/* ---- not for ever ---- */

struct patience {
    weir_event *event;
    weir_call *call;
    int64_t deadline;
    weir_code code;
};

static void
wait_until(void *arg)
{
    struct patience *patience = arg;

    patience->code = weir_event_wait_until(patience->event, patience->call, patience->deadline);
}

static weir_code
wait_until_on(weir_loop *loop, struct patience *patience, int64_t duration)
{
    patience->deadline = weir_now() + duration;
    if (loop == NULL)
        wait_until(patience);
    else
        assert_int_equal(fiber_run_on(loop, wait_until, patience), WEIR_OK);
    if (patience->code == WEIR_DEADLINE_EXCEEDED)
        assert_true(weir_now() >= patience->deadline);
    return patience->code;
}

static void
time_runs_out(void **state)
{
    struct client client;
    struct patience patience = {.event = weir_event_new()};

    (void)state;
    open_client(&client);
    for (int i = 0; i < 20; i++) {
        int64_t duration = i % 4 * WEIR_MILLISECOND;
        weir_loop *loop = i % 2 == 0 ? NULL : client.loop;

        patience.call = i < 10 ? NULL : weir_call_new(client.channel, NULL);
        assert_int_equal(wait_until_on(loop, &patience, duration), WEIR_DEADLINE_EXCEEDED);
        if (patience.call != NULL) {
            weir_call_cancel(patience.call);
            assert_int_equal(wait_until_on(loop, &patience, WEIR_SECOND * 100), WEIR_CANCELLED);
        }
        weir_event_set(patience.event);
        assert_int_equal(wait_until_on(loop, &patience, 0), WEIR_OK);
        weir_event_clear(patience.event);
        weir_call_free(patience.call);
    }
    weir_event_unref(patience.event);
    close_client(&client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setter_and_waiter_meet),
        cmocka_unit_test(set_is_kept),
        cmocka_unit_test(end_and_setter_meet),
        cmocka_unit_test(set_after_the_waiter_gave_up),
        cmocka_unit_test(waiters_of_two_loops),
        cmocka_unit_test(threads_wait_without_a_loop),
        cmocka_unit_test(time_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
