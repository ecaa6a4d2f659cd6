/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of watchdog.c and notify.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "userd/notify.h"
#include "userd/watchdog.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What systemd would hear, "" for nothing. */
struct listener {
    int fd;
    char text[128];
};

static const char *
heard(struct listener *listener)
{
    ssize_t len = recv(listener->fd, listener->text, sizeof(listener->text) - 1, MSG_DONTWAIT);

    listener->text[len < 0 ? 0 : len] = '\0';
    return listener->text;
}

/* In the abstract namespace, as '@' says. */
static struct listener
listen_abstract(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct listener listener = {.fd = socket(AF_UNIX, SOCK_DGRAM, 0)};
    char name[64];
    int len = snprintf(name, sizeof(name), "@weir-notify-%ld", (long)getpid());

    memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
    assert_int_equal(bind(listener.fd, (struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
        0);
    setenv("NOTIFY_SOCKET", name, 1);
    return listener;
}

static void
states_are_sent(void **state)
{
    struct listener listener = listen_abstract();

    (void)state;
    notify_send("READY=1");
    assert_string_equal(heard(&listener), "READY=1");
    setenv("NOTIFY_SOCKET", "relative", 1);
    notify_send("READY=1");
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    notify_send("READY=1");
    unsetenv("NOTIFY_SOCKET");
    notify_send("READY=1");
    assert_string_equal(heard(&listener), "");
    close(listener.fd);
}

static int64_t
interval_of(const char *limit, const char *pid)
{
    struct watchdog watchdog;

    limit == NULL ? unsetenv("WATCHDOG_USEC") : setenv("WATCHDOG_USEC", limit, 1);
    pid == NULL ? unsetenv("WATCHDOG_PID") : setenv("WATCHDOG_PID", pid, 1);
    watchdog_init(&watchdog, NULL);
    return watchdog.interval;
}

static void
the_environment_says_how_often(void **state)
{
    char own[24];

    (void)state;
    snprintf(own, sizeof(own), "%ld", (long)getpid());
    assert_int_equal(interval_of(NULL, NULL), 0);
    assert_int_equal(interval_of("3000000", NULL), 1500 * WEIR_MILLISECOND);
    assert_int_equal(interval_of("3000000", own), 1500 * WEIR_MILLISECOND);
    assert_int_equal(interval_of("3000000", "1"), 0);
    assert_int_equal(interval_of("0", NULL), 0);
    assert_int_equal(interval_of("-5", NULL), 0);
    assert_int_equal(interval_of("5s", NULL), 0);
    assert_int_equal(interval_of("99999999999999999999", NULL), 0);
}

static void
turn_until(const weir_server *server, unsigned index, struct watchdog *watchdog, unsigned waiting)
{
    for (unsigned i = 0; i < 1000 && atomic_load(&watchdog->waiting) > waiting; i++)
        weir_loop_turn(weir_server_loop(server, index));
    assert_int_equal(atomic_load(&watchdog->waiting), waiting);
}

/* A server whose loops nobody turns is one that hangs. */
static void
a_loop_that_hangs_is_not_vouched_for(void **state)
{
    struct listener listener = listen_abstract();
    struct watchdog watchdog;
    weir_server *server = NULL;

    (void)state;
    assert_int_equal(weir_server_new(&(struct weir_server_options){.loops = 2}, &server), WEIR_OK);
    setenv("WATCHDOG_USEC", "1000000", 1);
    watchdog_init(&watchdog, server);
    watchdog_tick(&watchdog);
    assert_string_equal(heard(&listener), "WATCHDOG=1");
    watchdog_tick(&watchdog);
    assert_string_equal(heard(&listener), "");
    turn_until(server, 0, &watchdog, 1);
    watchdog_tick(&watchdog);
    assert_string_equal(heard(&listener), "");
    turn_until(server, 1, &watchdog, 0);
    watchdog_tick(&watchdog);
    assert_string_equal(heard(&listener), "WATCHDOG=1");
    assert_null(weir_server_loop(server, 2));
    weir_server_free(server);
    close(listener.fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_sent),
        cmocka_unit_test(the_environment_says_how_often),
        cmocka_unit_test(a_loop_that_hangs_is_not_vouched_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
