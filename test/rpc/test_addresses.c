/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of several addresses, some of which do not answer, or answer badly. */
#include "client/client.h"
#include "kinds.h"
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (100 * WEIR_SECOND)

/* ---- targets ---- */

static void
lists_are_read(void **state)
{
    static const char *const good[] = {"ipv4:1.2.3.4:5", "ipv4:1.2.3.4:5,6.7.8.9:10",
        "ipv6:[::1]:80,[fe80::2]:81", "1.2.3.4:80", "dns:///a.example:443", "unix:/a,b",
        "dns:a.example", "dns:[::1]", "dns://1.2.3.4/a.example", "dns://1.2.3.4:5353/a.example:80",
        "dns://[::1]/a.example:80", "dns://[::1]:5353/a.example", "dns:a.example,b.example:80",
        "unix-abstract:a", "1.2.3.4:80,[::1]:80,a.example:80,unix:/x,unix-abstract:y"};
    static const char *const bad[] = {"ipv4:", "ipv4:1.2.3.4:5,", "ipv4:,1.2.3.4:5",
        "ipv4:a.example:80", "ipv4:[::1]:80", "ipv6:1.2.3.4:80", "ipv6:[::1]:80,1.2.3.4:5",
        "ipv4:unix:/x", "ipv4:1.2.3.4", "1.2.3.4:80,", "1.2.3.4:80,5.6.7.8", "etcd://1.2.3.4:80/x",
        "unix:", "unix-abstract:", "a.example", "dns:", "dns://", "dns://1.2.3.4", "dns://1.2.3.4/",
        "dns://ns.example/a.example", "dns://1.2.3.4:x/a.example", "dns://unix:x/a.example",
        "dns:a.example:", "dns:a.example:99999", "dns:a.example:x"};
    struct client_target target;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(target_parse(good[i], NULL, &target), WEIR_OK);
        target_fini(&target);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(target_parse(bad[i], NULL, &target), WEIR_INVALID_ARGUMENT);
}

static void
authority_is_the_first(void **state)
{
    struct client_target target;

    (void)state;
    assert_int_equal(target_parse("ipv4:1.2.3.4:5,6.7.8.9:10", NULL, &target), WEIR_OK);
    assert_string_equal(target.authority, "1.2.3.4:5");
    assert_string_equal(target.text, "1.2.3.4:5,6.7.8.9:10");
    assert_int_equal(target.count, 2);
    assert_false(target.is_name);
    assert_string_equal(target.host, "1.2.3.4");
    target_fini(&target);
    assert_int_equal(target_parse("[::1]:80", NULL, &target), WEIR_OK);
    assert_string_equal(target.authority, "[::1]:80");
    assert_string_equal(target.host, "::1");
    target_fini(&target);
    assert_int_equal(target_parse("a.example:80", NULL, &target), WEIR_OK);
    assert_string_equal(target.host, "a.example");
    assert_true(target.is_name);
    target_fini(&target);
    assert_int_equal(target_parse("dns://[::1]:5353/a.example", NULL, &target), WEIR_OK);
    assert_string_equal(target.authority, "a.example");
    assert_string_equal(target.text, "a.example");
    assert_string_equal(target.pieces[0], "a.example:443");
    assert_int_equal(target.dns_server.any.sa_family, AF_INET6);
    assert_true(target.is_name);
    target_fini(&target);
    assert_int_equal(target_parse("dns:///a.example:80", NULL, &target), WEIR_OK);
    assert_int_equal(target.dns_server.len, 0);
    target_fini(&target);
    assert_int_equal(target_parse("unix:/a,b", NULL, &target), WEIR_OK);
    assert_string_equal(target.authority, "localhost");
    target_fini(&target);
}

/* ---- the order ---- */

static void
ignore_won(void *owner, struct net_conn *net)
{
    (void)owner;
    net_conn_close(net);
}

static void
ignore_lost(void *owner, const char *why)
{
    (void)owner;
    (void)why;
}

static struct net_address
address_of(int family, unsigned number)
{
    struct net_address address = {.len = sizeof(struct sockaddr_in)};

    address.any.sa_family = (sa_family_t)family;
    if (family == AF_INET6) {
        address.len = sizeof(struct sockaddr_in6);
        ((struct sockaddr_in6 *)&address.storage)->sin6_port = htons((uint16_t)number);
    } else {
        ((struct sockaddr_in *)&address.storage)->sin_port = htons((uint16_t)number);
    }
    return address;
}

/* RFC 8305, section 4 */
static void
families_take_turns(void **state)
{
    static const int families[] = {AF_INET6, AF_INET6, AF_INET6, AF_INET, AF_INET},
                     expected[] = {AF_INET6, AF_INET, AF_INET6, AF_INET, AF_INET6};
    static const unsigned numbers[] = {1, 4, 2, 5, 3};
    struct net_address addresses[COUNT(families)];
    struct client_race race;
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    race_init(&race, loop, NULL, NULL, ignore_won, ignore_lost);
    for (unsigned i = 0; i < COUNT(families); i++)
        addresses[i] = address_of(families[i], i + 1);
    race_start(&race, addresses, COUNT(families), weir_now() + PATIENCE);
    for (size_t i = 0; i < COUNT(expected); i++) {
        const struct net_address *address = &addresses[i];

        assert_int_equal(address->any.sa_family, expected[i]);
        assert_int_equal(ntohs(expected[i] == AF_INET6
                                   ? ((const struct sockaddr_in6 *)&address->storage)->sin6_port
                                   : ((const struct sockaddr_in *)&address->storage)->sin_port),
            numbers[i]);
    }
    race_fini(&race);
    weir_loop_free(loop);
}

/* ---- servers that are none ---- */

/* An address that nobody listens on. */
static void
find_closed(char out_address[32])
{
    close(raw_listen(out_address));
}

/* One that takes no connection and refuses none: its queue is full. */
struct silent {
    int listener;
    int fillers[64];
    size_t count;
    char address[32];
};

static void
open_silent(struct silent *silent)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    silent->count = 0;
    silent->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(silent->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(silent->listener, 0), 0);
    assert_int_equal(getsockname(silent->listener, (struct sockaddr *)&address, &len), 0);
    snprintf(silent->address, sizeof(silent->address), "127.0.0.1:%u", ntohs(address.sin_port));
    for (; silent->count < COUNT(silent->fillers); silent->count++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        (void)!connect(fd, (struct sockaddr *)&address, sizeof(address));
        silent->fillers[silent->count] = fd;
    }
}

static void
close_silent(struct silent *silent)
{
    for (size_t i = 0; i < silent->count; i++)
        close(silent->fillers[i]);
    close(silent->listener);
}

static struct kinds_outcome
call_target(const char *target)
{
    struct kinds_outcome outcome;
    weir_channel *channel;
    weir_loop *loop;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, target, NULL, &channel), WEIR_OK);
    outcome = kinds_call(channel, WEIR_UNARY, PATIENCE);
    weir_channel_free(channel);
    weir_loop_free(loop);
    return outcome;
}

static void
dead_addresses_are_passed_over(void **state)
{
    struct running running;
    char target[128], closed[32];

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    find_closed(closed);
    snprintf(target, sizeof(target), "ipv4:%s,%s,%s", closed, closed, running.address);
    assert_int_equal(call_target(target).code, WEIR_OK);
    running_stop(&running, PATIENCE);
}

/* Without this a call would wait for as long as connecting may take, 20 s. */
static void
silent_addresses_hold_nobody_up(void **state)
{
    struct silent silent;
    struct running running;
    char target[128];
    int64_t begun;

    (void)state;
    open_silent(&silent);
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    snprintf(
        target, sizeof(target), "ipv4:%s,%s,%s", silent.address, silent.address, running.address);
    begun = weir_now();
    assert_int_equal(call_target(target).code, WEIR_OK);
    assert_true(weir_now() - begun < 15 * WEIR_SECOND);
    running_stop(&running, PATIENCE);
    close_silent(&silent);
}

static void
no_address_answers(void **state)
{
    struct kinds_outcome outcome;
    char target[128], closed[32];

    (void)state;
    find_closed(closed);
    snprintf(target, sizeof(target), "ipv4:%s,%s", closed, closed);
    outcome = call_target(target);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    assert_non_null(strstr(outcome.message, target + strlen("ipv4:")));
    assert_non_null(strstr(outcome.message, "refused"));
}

/* ---- servers that hang ---- */

/* The kernel takes the connection, and the process never looks at it. Without this a call would
 * wait for SETTINGS until its deadline, and so would every call after it. */
static void
servers_that_hang_hold_nobody_up(void **state)
{
    struct raw_frame frame;
    struct running running;
    struct raw raw;
    char target[128], address[32];
    int listener = raw_listen(address);
    int64_t begun;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    snprintf(target, sizeof(target), "ipv4:%s,%s", address, running.address);
    begun = weir_now();
    assert_int_equal(call_target(target).code, WEIR_OK);
    assert_true(weir_now() - begun < 15 * WEIR_SECOND); /* connecting may take 20 s */
    raw_accept(&raw, listener);
    while (raw_next(&raw, &frame)) /* and it is let go */
        continue;
    raw_close(&raw);
    close(listener);
    running_stop(&running, PATIENCE);
}

/* None of them is better than the others. */
static void
all_servers_hang(void **state)
{
    const struct weir_channel_options hasty = {.connect_timeout = WEIR_SECOND};
    struct kinds_outcome outcome;
    weir_channel *channel;
    weir_loop *loop;
    char target[128], first[32], second[32];
    int listeners[] = {raw_listen(first), raw_listen(second)};

    (void)state;
    snprintf(target, sizeof(target), "ipv4:%s,%s", first, second);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, target, &hasty, &channel), WEIR_OK);
    outcome = kinds_call(channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    assert_non_null(strstr(outcome.message, "SETTINGS"));
    weir_channel_free(channel);
    weir_loop_free(loop);
    close(listeners[0]);
    close(listeners[1]);
}

/* Who was passed over for being slow is still in the race when the one that was faster fails. */
static void *
answer_late(void *arg)
{
    struct raw_frame frame;
    struct raw raw;

    raw_accept(&raw, *(int *)arg);
    usleep(800000);
    raw_greet(&raw, false, 0, 0);
    if (raw_await(&raw, RAW_HEADERS, 0, &frame)) {
        raw_response(&raw, frame.id);
        raw_text(&raw, 0, frame.id, "late");
        raw_trailers(&raw, frame.id, "0");
        while (raw_next(&raw, &frame))
            continue;
    }
    raw_close(&raw);
    return NULL;
}

static void *
hang_up(void *arg)
{
    struct raw raw;

    raw_accept(&raw, *(int *)arg);
    raw_break(&raw);
    return NULL;
}

static void
slow_servers_stay_in_the_race(void **state)
{
    char target[128], slow[32], broken[32];
    int listeners[] = {raw_listen(slow), raw_listen(broken)};
    pthread_t threads[2];

    (void)state;
    assert_int_equal(pthread_create(&threads[0], NULL, answer_late, &listeners[0]), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, hang_up, &listeners[1]), 0);
    snprintf(target, sizeof(target), "ipv4:%s,%s", slow, broken);
    assert_int_equal(call_target(target).code, WEIR_OK);
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
        close(listeners[i]);
    }
}

/* ---- servers that hang up ---- */

/* Before its SETTINGS a server has not been reached. */
static void
servers_that_hang_up_are_passed_over(void **state)
{
    struct running running;
    char target[128], address[32];
    int listener = raw_listen(address);
    pthread_t thread;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(pthread_create(&thread, NULL, hang_up, &listener), 0);
    snprintf(target, sizeof(target), "ipv4:%s,%s", address, running.address);
    assert_int_equal(call_target(target).code, WEIR_OK);
    pthread_join(thread, NULL);
    close(listener);
    running_stop(&running, PATIENCE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(authority_is_the_first),
        cmocka_unit_test(families_take_turns),
        cmocka_unit_test(dead_addresses_are_passed_over),
        cmocka_unit_test(silent_addresses_hold_nobody_up),
        cmocka_unit_test(no_address_answers),
        cmocka_unit_test(servers_that_hang_hold_nobody_up),
        cmocka_unit_test(all_servers_hang),
        cmocka_unit_test(slow_servers_stay_in_the_race),
        cmocka_unit_test(servers_that_hang_up_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
