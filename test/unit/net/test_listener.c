/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/listener.c. */

#include "support.h"

#include "net/private.h"
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* net.core.optmem_max before Linux 6.7. */
#define SOCKET_ROOM 20480

struct acceptor {
    struct net_listener *listener;
    unsigned count, close_after; /* close_after: how many; 0: never */
    char peer[NET_ADDRESS_TEXT]; /* of the last one */
};

static void
on_accepted(void *arg, struct net_conn *conn)
{
    struct acceptor *acceptor = arg;

    acceptor->count++;
    net_address_format(net_conn_peer(conn), true, acceptor->peer);
    net_conn_close(conn);
    if (acceptor->count == acceptor->close_after)
        net_listener_close(acceptor->listener);
}

static void
listen_on(weir_loop *loop, int fd, struct acceptor *acceptor)
{
    *acceptor = (struct acceptor){0};
    assert_int_equal(
        net_listener_new(loop, fd, on_accepted, acceptor, &acceptor->listener), WEIR_OK);
}

/* ---- accepting ---- */

static void
connections_are_accepted(void **state)
{
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound, local = {.len = sizeof(local.storage)};
    char text[NET_ADDRESS_TEXT];
    int peer;

    (void)state;
    listen_on(loop, bind_to("127.0.0.1:0", &bound), &acceptor);
    peer = plain_connect(&bound);
    turn_until(loop, acceptor.count == 1);
    assert_int_equal(getsockname(peer, &local.any, &local.len), 0);
    net_address_format(&local, true, text);
    assert_string_equal(acceptor.peer, text);
    close(peer);
    net_listener_close(acceptor.listener);
    net_listener_close(NULL);
    weir_loop_free(loop);
}

/* More than are accepted at once. */
static void
a_burst_is_accepted(void **state)
{
    enum { BURST = 300 };
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    int peers[BURST];

    (void)state;
    listen_on(loop, bind_to("[::1]:0", &bound), &acceptor);
    for (size_t i = 0; i < BURST; i++)
        peers[i] = plain_connect(&bound);
    turn_until(loop, acceptor.count == BURST);
    for (size_t i = 0; i < BURST; i++)
        close(peers[i]);
    net_listener_close(acceptor.listener);
    weir_loop_free(loop);
}

static void
a_wildcard_listener_takes_both_families(void **state)
{
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound, v4;
    char text[32];
    int peer;

    (void)state;
    listen_on(loop, bind_to("[::]:0", &bound), &acceptor);
    snprintf(text, sizeof(text), "127.0.0.1:%u",
        ntohs(((struct sockaddr_in6 *)(void *)&bound.storage)->sin6_port));
    v4 = address_of(text);
    peer = plain_connect(&v4);
    turn_until(loop, acceptor.count == 1);
    assert_memory_equal(acceptor.peer, "ipv4:127.0.0.1:", 15);
    close(peer);
    net_listener_close(acceptor.listener);
    weir_loop_free(loop);
}

/* ---- keeping some out ---- */

/* Begins to connect from an address to another one. */
static int
knock(const char *source, const struct net_address *to)
{
    struct net_address from = address_of(source);
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &from.any, from.len), 0);
    assert_true(connect(fd, &to->any, to->len) == 0 || errno == EINPROGRESS);
    return fd;
}

/* What is shut out comes in when it tries again later, since its kernel does. */
static void
some_origins_are_shut_out(void **state)
{
    struct net_origin out[] = {origin_of("[2001:db8::1]:1"), origin_of("192.0.2.1:1"),
        origin_of("127.0.0.2:1"), origin_of("127.0.0.4:1")};
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    int peers[3];

    (void)state;
    listen_on(loop, bind_to("127.0.0.1:0", &bound), &acceptor);
    net_listener_shut_out(acceptor.listener, out, 4);
    peers[0] = knock("127.0.0.2:0", &bound);
    peers[1] = knock("127.0.0.3:0", &bound);
    turn_until(loop, acceptor.count == 1);
    settle(loop);
    assert_int_equal(acceptor.count, 1);
    assert_memory_equal(acceptor.peer, "ipv4:127.0.0.3:", 15);
    net_listener_shut_out(acceptor.listener, NULL, 0);
    turn_until(loop, acceptor.count == 2);
    assert_memory_equal(acceptor.peer, "ipv4:127.0.0.2:", 15);
    peers[2] = knock("127.0.0.2:0", &bound);
    turn_until(loop, acceptor.count == 3);
    for (size_t i = 0; i < 3; i++)
        close(peers[i]);
    net_listener_close(acceptor.listener);
    weir_loop_free(loop);
}

/* Through a socket of both families, IPv6's and IPv4's. */
static void
networks_of_ipv6_are_shut_out(void **state)
{
    struct net_origin out[] = {origin_of("[::1]:1"), origin_of("127.0.0.2:1")};
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound, four, six;
    int peers[3];
    char text[32];
    unsigned port;

    (void)state;
    listen_on(loop, bind_to("[::]:0", &bound), &acceptor);
    port = ntohs(((const struct sockaddr_in6 *)(const void *)&bound.storage)->sin6_port);
    snprintf(text, sizeof(text), "[::1]:%u", port);
    six = address_of(text);
    snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    four = address_of(text);
    net_listener_shut_out(acceptor.listener, out, 2);
    peers[0] = knock("[::1]:0", &six);
    peers[1] = knock("127.0.0.2:0", &four);
    peers[2] = knock("127.0.0.1:0", &four);
    turn_until(loop, acceptor.count == 1);
    settle(loop);
    assert_int_equal(acceptor.count, 1);
    assert_memory_equal(acceptor.peer, "ipv4:127.0.0.1:", 15);
    net_listener_shut_out(acceptor.listener, out + 1, 1);
    turn_until(loop, acceptor.count == 2);
    assert_memory_equal(acceptor.peer, "ipv6:[::1]:", 11);
    for (size_t i = 0; i < 3; i++)
        close(peers[i]);
    net_listener_close(acceptor.listener);
    weir_loop_free(loop);
}

/* What the kernel counts for the filter. */
static uint32_t
option_memory(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(info);

    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len), 0);
    return len < sizeof(info) ? 1 : info[SK_MEMINFO_OPTMEM]; /* an emulator tells one number */
}

/* As many as there may be, all of the kind that takes most room, where a socket has little. */
static void
many_are_shut_out(void **state)
{
    static struct net_origin out[NET_SHUT_OUT_MAX];
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    int fd = bind_to("[::1]:0", &bound), peers[2];

    (void)state;
    for (unsigned i = 0; i < NET_SHUT_OUT_MAX; i++) {
        out[i] = origin_of("[2001:db8::1]:1");
        out[i].bytes[7] = (uint8_t)i;
    }
    out[NET_SHUT_OUT_MAX - 1] = origin_of("[::1]:1");
    listen_on(loop, fd, &acceptor);
    net_listener_shut_out(acceptor.listener, out, NET_SHUT_OUT_MAX);
    assert_in_range(option_memory(fd), 1, SOCKET_ROOM - 1);
    peers[0] = knock("[::1]:0", &bound);
    settle(loop);
    assert_int_equal(acceptor.count, 0);
    net_listener_shut_out(acceptor.listener, out, NET_SHUT_OUT_MAX - 1);
    turn_until(loop, acceptor.count == 1);
    peers[1] = knock("[::1]:0", &bound);
    turn_until(loop, acceptor.count == 2);
    close(peers[0]);
    close(peers[1]);
    net_listener_close(acceptor.listener);
    weir_loop_free(loop);
}

/* Whoever has the socket as well goes on without the filter. */
static void
a_closed_listener_shuts_out_nobody(void **state)
{
    struct net_origin out = origin_of("127.0.0.2:1");
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    int fd = bind_to("127.0.0.1:0", &bound), other = dup(fd), peer;

    (void)state;
    listen_on(loop, fd, &acceptor);
    net_listener_shut_out(acceptor.listener, &out, 1);
    peer = knock("127.0.0.2:0", &bound);
    settle(loop);
    net_listener_close(acceptor.listener);
    settle(loop);
    listen_on(loop, other, &acceptor);
    turn_until(loop, acceptor.count == 1);
    close(peer);
    net_listener_close(acceptor.listener);
    weir_loop_free(loop);
}

/* An emulator does not. */
static bool
kernel_tells_of_filters(int fd)
{
    struct sock_filter ops[4096];
    socklen_t count = sizeof(ops) / sizeof(ops[0]);

    return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, ops, &count) == 0;
}

/* As a predecessor's and its successor's, which may have the same pid, each in a container. */
static void
who_ends_leaves_the_filter_of_another(void **state)
{
    struct net_origin own = origin_of("127.0.0.2:1"), other = origin_of("127.0.0.3:1");
    weir_loop *loop = new_loop();
    struct acceptor before, after;
    struct net_address bound;
    int fd = bind_to("127.0.0.1:0", &bound), inherited = dup(fd), peers[2];

    (void)state;
    listen_on(loop, inherited, &after);
    listen_on(loop, fd, &before);
    net_listener_shut_out(before.listener, &own, 1);
    net_listener_shut_out(after.listener, &other, 1);
    if (!kernel_tells_of_filters(inherited))
        skip();
    net_listener_shut_out(before.listener, NULL, 0);
    assert_true(option_memory(inherited) > 0);
    net_listener_shut_out(before.listener, &own, 1);
    net_listener_shut_out(after.listener, &other, 1);
    net_listener_close(before.listener);
    peers[0] = knock("127.0.0.3:0", &bound);
    peers[1] = knock("127.0.0.2:0", &bound);
    turn_until(loop, after.count == 1);
    settle(loop);
    assert_int_equal(after.count, 1);
    assert_memory_equal(after.peer, "ipv4:127.0.0.2:", 15);
    net_listener_close(after.listener);
    close(peers[0]);
    close(peers[1]);
    weir_loop_free(loop);
}

static bool
comes_from_elsewhere(void *owner, const struct net_address *peer)
{
    char text[NET_ADDRESS_TEXT];

    (void)owner;
    net_address_format(peer, false, text);
    return strncmp(text, "127.0.0.2:", 10) != 0;
}

static void
who_is_not_admitted_is_reset(void **state)
{
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    int peers[2];
    char byte;

    (void)state;
    listen_on(loop, bind_to("127.0.0.1:0", &bound), &acceptor);
    net_listener_screen(acceptor.listener, comes_from_elsewhere);
    peers[0] = knock("127.0.0.2:0", &bound);
    peers[1] = knock("127.0.0.3:0", &bound);
    turn_until(loop, acceptor.count == 1);
    settle(loop);
    assert_int_equal(acceptor.count, 1);
    assert_memory_equal(acceptor.peer, "ipv4:127.0.0.3:", 15);
    assert_int_equal(recv(peers[0], &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(peers[0]);
    close(peers[1]);
    net_listener_close(acceptor.listener);
    weir_loop_free(loop);
}

static void
a_listener_can_be_closed_while_it_accepts(void **state)
{
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    int peers[3];

    (void)state;
    listen_on(loop, bind_to("127.0.0.1:0", &bound), &acceptor);
    acceptor.close_after = 1;
    for (size_t i = 0; i < 3; i++)
        peers[i] = plain_connect(&bound);
    turn_until(loop, acceptor.count == 1);
    settle(loop);
    assert_int_equal(acceptor.count, 1);
    for (size_t i = 0; i < 3; i++)
        close(peers[i]);
    weir_loop_free(loop);
}

/* Without a descriptor left, accepting pauses; it goes on by itself when there are some. */
static void
running_out_of_descriptors_is_waited_out(void **state)
{
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    struct rlimit before, limit;
    int peer;

    (void)state;
    listen_on(loop, bind_to("127.0.0.1:0", &bound), &acceptor);
    peer = plain_connect(&bound);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = (struct rlimit){.rlim_cur = (rlim_t)peer, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 5; i++)
        turn_once(loop, 10000);
    assert_int_equal(acceptor.count, 0);
    assert_true(weir_loop_timeout(loop) <= WEIR_SECOND);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    turn_until(loop, acceptor.count == 1);
    close(peer);
    net_listener_close(acceptor.listener);
    weir_loop_free(loop);
}

static void
a_descriptor_that_does_not_listen_is_refused(void **state)
{
    weir_loop *loop = new_loop();
    struct acceptor acceptor = {0};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(net_listener_new(loop, fd, on_accepted, &acceptor, &acceptor.listener),
        WEIR_RESOURCE_EXHAUSTED);
    assert_null(acceptor.listener);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    weir_loop_free(loop);
}

/* ---- sharing a port ---- */

static int
bind_result(const struct net_address *address, bool join, int *out_fd)
{
    struct net_address bound;
    int error = 0;

    return net_bind(address, join, out_fd, &bound, &error) == WEIR_OK ? 0 : error;
}

static void
a_port_is_shared_only_with_who_joins(void **state)
{
    struct net_address bound;
    int first = bind_to("127.0.0.1:0", &bound), second = -1, third = -1;

    (void)state;
    assert_int_equal(bind_result(&bound, false, &second), EADDRINUSE);
    assert_int_equal(second, -1);
    assert_int_equal(bind_result(&bound, true, &second), 0);
    assert_int_equal(bind_result(&bound, true, &third), 0);
    close(third);
    assert_int_equal(bind_result(&bound, false, &third), EADDRINUSE);
    close(first);
    close(second);
    assert_int_equal(bind_result(&bound, false, &third), 0);
    close(third);
}

static void
two_loops_share_a_port(void **state)
{
    enum { PEERS = 64 };
    weir_loop *loops[2] = {new_loop(), new_loop()};
    struct acceptor acceptors[2];
    struct net_address bound;
    int peers[PEERS], fd = bind_to("127.0.0.1:0", &bound);

    (void)state;
    listen_on(loops[0], fd, &acceptors[0]);
    assert_int_equal(bind_result(&bound, true, &fd), 0);
    listen_on(loops[1], fd, &acceptors[1]);
    for (size_t i = 0; i < PEERS; i++)
        peers[i] = plain_connect(&bound);
    for (int64_t until = weir_now() + 60 * WEIR_SECOND;
         acceptors[0].count + acceptors[1].count < PEERS;) {
        assert_true(weir_now() < until);
        turn_once(loops[0], 1);
        turn_once(loops[1], 1);
    }
    assert_true(acceptors[0].count > 0 && acceptors[1].count > 0);
    for (size_t i = 0; i < PEERS; i++)
        close(peers[i]);
    for (size_t i = 0; i < 2; i++) {
        net_listener_close(acceptors[i].listener);
        weir_loop_free(loops[i]);
    }
}

static void
a_bound_socket_is_private(void **state)
{
    struct net_address bound;
    int fd = bind_to("127.0.0.1:0", &bound);

    (void)state;
    assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
}

static void
an_address_that_is_not_ours_is_an_error(void **state)
{
    struct net_address address = address_of("192.0.2.1:1"), nothing = {.len = 16};
    int fd = -1;

    (void)state;
    assert_int_equal(bind_result(&address, false, &fd), EADDRNOTAVAIL);
    assert_int_equal(bind_result(&nothing, false, &fd), EAFNOSUPPORT);
    assert_int_equal(fd, -1);
}

/* ---- Unix sockets ---- */

static char where[64];
static const char *path = where + sizeof("unix:") - 1;

static int
choose_path(void **state)
{
    (void)state;
    snprintf(where, sizeof(where), "unix:/tmp/weir-listener-%d.sock", (int)getpid());
    unlink(path);
    return 0;
}

static bool
exists(const char *name)
{
    struct stat stat;

    return lstat(name, &stat) == 0;
}

static void
a_unix_path_goes_with_its_listener(void **state)
{
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    int peer;

    (void)state;
    listen_on(loop, bind_to(where, &bound), &acceptor);
    assert_true(exists(path));
    peer = plain_connect(&bound);
    turn_until(loop, acceptor.count == 1);
    assert_string_equal(acceptor.peer, "unix:");
    close(peer);
    net_listener_close(acceptor.listener);
    assert_false(exists(path));
    weir_loop_free(loop);
}

static void
a_stale_unix_path_is_taken_over(void **state)
{
    struct net_address bound;
    int fd;

    (void)state;
    close(bind_to(where, &bound));
    assert_true(exists(path));
    assert_int_equal(bind_result(&bound, false, &fd), 0);
    close(plain_connect(&bound));
    close(fd);
    unlink(path);
}

static void
a_unix_path_that_answers_is_left_alone(void **state)
{
    struct net_address bound;
    int first = bind_to(where, &bound), second = -1;

    (void)state;
    assert_int_equal(bind_result(&bound, false, &second), EADDRINUSE);
    assert_true(exists(path));
    close(first);
    unlink(path);
}

static void
a_unix_path_with_a_full_queue_is_left_alone(void **state)
{
    struct net_address bound;
    int first = bind_to(where, &bound), second = -1, filler;

    (void)state;
    assert_int_equal(listen(first, 0), 0);
    filler = plain_connect(&bound);
    assert_int_equal(bind_result(&bound, false, &second), EADDRINUSE);
    assert_true(exists(path));
    close(filler);
    close(first);
    unlink(path);
}

static void
a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct net_address address = address_of(where);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600), fd = -1;

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(bind_result(&address, false, &fd), EADDRINUSE);
    assert_true(exists(path));
    close(file);
    unlink(path);
}

/* Somebody removed the path and put another socket there: that one is not ours to unlink. */
static void
another_s_unix_path_is_left_alone(void **state)
{
    weir_loop *loop = new_loop();
    struct acceptor acceptor;
    struct net_address bound;
    char moved[sizeof(where) + 8];
    int other;

    (void)state;
    snprintf(moved, sizeof(moved), "%s.moved", path);
    listen_on(loop, bind_to(where, &bound), &acceptor);
    assert_int_equal(rename(path, moved), 0);
    other = bind_to(where, &bound);
    net_listener_close(acceptor.listener);
    assert_true(exists(path));
    close(other);
    unlink(path);
    unlink(moved);
    weir_loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_accepted),
        cmocka_unit_test(a_burst_is_accepted),
        cmocka_unit_test(a_wildcard_listener_takes_both_families),
        cmocka_unit_test(some_origins_are_shut_out),
        cmocka_unit_test(networks_of_ipv6_are_shut_out),
        cmocka_unit_test(many_are_shut_out),
        cmocka_unit_test(a_closed_listener_shuts_out_nobody),
        cmocka_unit_test(who_ends_leaves_the_filter_of_another),
        cmocka_unit_test(who_is_not_admitted_is_reset),
        cmocka_unit_test(a_listener_can_be_closed_while_it_accepts),
        cmocka_unit_test(running_out_of_descriptors_is_waited_out),
        cmocka_unit_test(a_descriptor_that_does_not_listen_is_refused),
        cmocka_unit_test(a_port_is_shared_only_with_who_joins),
        cmocka_unit_test(two_loops_share_a_port),
        cmocka_unit_test(a_bound_socket_is_private),
        cmocka_unit_test(an_address_that_is_not_ours_is_an_error),
        cmocka_unit_test_setup(a_unix_path_goes_with_its_listener, choose_path),
        cmocka_unit_test_setup(a_stale_unix_path_is_taken_over, choose_path),
        cmocka_unit_test_setup(a_unix_path_that_answers_is_left_alone, choose_path),
        cmocka_unit_test_setup(a_unix_path_with_a_full_queue_is_left_alone, choose_path),
        cmocka_unit_test_setup(a_file_that_is_no_socket_is_left_alone, choose_path),
        cmocka_unit_test_setup(another_s_unix_path_is_left_alone, choose_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
