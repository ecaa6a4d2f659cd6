/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for descriptors, on fibers and threads, with calls that end. */
#include "fiber/fiber.h"
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <weir/fd.h>

#include <cmocka.h>

#define ROUNDS 2000

/* One end of a socket pair, what it is waited for, and what came of it. */
struct waiter {
    weir_call *call;
    int fd;
    unsigned events;
    unsigned ready;
    weir_code code;
};

static void
wait_here(void *arg)
{
    struct waiter *waiter = arg;

    waiter->code = weir_fd_wait(waiter->call, waiter->fd, waiter->events, &waiter->ready);
}

static void
make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

/* On a plain thread, on a fiber, and with a call, which never begins. */
static void
check_everywhere(int fd, unsigned events, weir_code code, unsigned ready)
{
    struct waiter waiter = {.fd = fd, .events = events};
    weir_channel *channel;
    weir_loop *loop;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, "127.0.0.1:1", NULL, &channel), WEIR_OK);
    for (int i = 0; i < 3; i++) {
        waiter.ready = 0;
        waiter.call = i == 2 ? weir_call_new(channel, NULL) : NULL;
        if (i == 0)
            wait_here(&waiter);
        else
            assert_int_equal(fiber_run_on(loop, wait_here, &waiter), WEIR_OK);
        assert_int_equal(waiter.code, code);
        assert_int_equal(waiter.ready, ready);
        weir_call_free(waiter.call);
    }
    weir_channel_free(channel);
    weir_loop_free(loop);
}

static void
what_is_ready_is_told(void **state)
{
    const unsigned both = WEIR_FD_READABLE | WEIR_FD_WRITABLE;
    int fds[2];

    (void)state;
    make_pair(fds);
    check_everywhere(fds[0], both, WEIR_OK, WEIR_FD_WRITABLE);
    assert_int_equal(write(fds[1], "x", 1), 1);
    check_everywhere(fds[0], WEIR_FD_READABLE, WEIR_OK, WEIR_FD_READABLE);
    check_everywhere(fds[0], both, WEIR_OK, both);
    close(fds[1]);
    check_everywhere(fds[0], WEIR_FD_READABLE, WEIR_OK, WEIR_FD_READABLE);
    close(fds[0]);
}

static void
what_cannot_be_waited_for(void **state)
{
    struct waiter waiter = {.fd = -1, .events = WEIR_FD_READABLE};
    weir_loop *loop;
    FILE *file = tmpfile();

    (void)state;
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    waiter.fd = fileno(file); /* the kernel polls no files */
    assert_int_equal(fiber_run_on(loop, wait_here, &waiter), WEIR_OK);
    assert_int_equal(waiter.code, WEIR_INVALID_ARGUMENT);
    weir_loop_free(loop);
    fclose(file);
}

/* ---- across threads ---- */

struct echoer {
    int fd;
    pthread_t thread;
};

/* Sends back each byte, of which it is sent one at a time. */
static void *
echo_bytes(void *arg)
{
    struct echoer *echoer = arg;
    char byte;

    while (read(echoer->fd, &byte, 1) == 1) {
        if (write(echoer->fd, &byte, 1) != 1)
            abort();
    }
    return NULL;
}

struct talk {
    int fd;
    int rounds;
};

/* A round trip: nothing is there to read before the other end has answered. */
static void
talk(void *arg)
{
    struct talk *talk = arg;
    unsigned ready;
    char byte = 'a', answer;

    for (; talk->rounds < ROUNDS; talk->rounds++) {
        if (write(talk->fd, &byte, 1) != 1)
            return;
        if (weir_fd_wait(NULL, talk->fd, WEIR_FD_READABLE, &ready) != WEIR_OK ||
            read(talk->fd, &answer, 1) != 1 || answer != byte)
            return;
        byte = byte == 'z' ? 'a' : (char)(byte + 1);
    }
}

static void
many_round_trips_on_one_descriptor(void **state)
{
    struct echoer echoer;
    struct talk back_and_forth = {0};
    weir_loop *loop;
    int fds[2];

    (void)state;
    make_pair(fds);
    echoer.fd = fds[1];
    back_and_forth.fd = fds[0];
    assert_int_equal(pthread_create(&echoer.thread, NULL, echo_bytes, &echoer), 0);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(fiber_run_on(loop, talk, &back_and_forth), WEIR_OK);
    assert_int_equal(back_and_forth.rounds, ROUNDS);
    weir_loop_free(loop);
    close(fds[0]);
    pthread_join(echoer.thread, NULL);
    close(fds[1]);
}

/* ---- a call that ends ---- */

static struct running running;
static int silent[2];
static atomic_bool begun;
static atomic_int ended_with = -1;

static weir_code
wait_in_vain(void *self, weir_call *call, weir_next *next)
{
    unsigned ready;
    weir_code code;

    (void)self;
    (void)next;
    atomic_store(&begun, true);
    code = weir_fd_wait(call, silent[0], WEIR_FD_READABLE, &ready);
    atomic_store(&ended_with, (int)code);
    return code;
}

static void
a_deadline_ends_the_wait(void **state)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    int64_t timeout = 50 * WEIR_MILLISECOND;
    weir_channel *channel;
    weir_loop *loop;

    (void)state;
    make_pair(silent);
    running_start(&running, "127.0.0.1:0", NULL, wait_in_vain);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    do { /* until the time was enough for the handler to begin */
        weir_call *call = weir_call_new(channel, NULL);

        weir_call_set_timeout(call, timeout);
        assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_DEADLINE_EXCEEDED);
        weir_call_free(call);
        timeout *= 2;
    } while (!atomic_load(&begun));
    EVENTUALLY(atomic_load(&ended_with) != -1);
    assert_true(ended_with == WEIR_DEADLINE_EXCEEDED || ended_with == WEIR_CANCELLED);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, 10 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
    close(silent[0]);
    close(silent[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ready_is_told),
        cmocka_unit_test(what_cannot_be_waited_for),
        cmocka_unit_test(many_round_trips_on_one_descriptor),
        cmocka_unit_test(a_deadline_ends_the_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
