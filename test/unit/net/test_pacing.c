/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/pacing.c. On a kernel without BBR they show that nothing else is changed. */

#include "support.h"

#include "net/private.h"
#include <netinet/tcp.h>

static void
ask_for(int fd, const char *name)
{
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name));
}

static const char *
control_of(int fd)
{
    static char name[17];
    socklen_t len = sizeof(name) - 1;

    memset(name, 0, sizeof(name));
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    return name;
}

static void
a_connection_within_the_machine_is_not_paced(void **state)
{
    weir_loop *loop = new_loop();
    struct net_conn *conn;
    int ends[2];

    (void)state;
    tcp_pair(ends);
    ask_for(ends[0], "bbr");
    assert_int_equal(net_conn_adopt(loop, ends[0], &conn), WEIR_OK);
    assert_string_not_equal(control_of(ends[0]), "bbr");
    net_conn_close(conn);
    close(ends[1]);
    weir_loop_free(loop);
}

static void
another_control_stays(void **state)
{
    const struct net_address local = address_of("[::1]:1");
    int ends[2];

    (void)state;
    tcp_pair(ends);
    ask_for(ends[0], "reno");
    net_spare_pacing(ends[0], &local);
    assert_string_equal(control_of(ends[0]), "reno");
    ask_for(ends[0], "cubic");
    if (strcmp(control_of(ends[0]), "cubic") == 0) {
        net_spare_pacing(ends[0], &local);
        assert_string_equal(control_of(ends[0]), "cubic");
    }
    close(ends[0]);
    close(ends[1]);
}

static void
a_connection_to_elsewhere_stays_as_it_is(void **state)
{
    const struct net_address far = address_of("192.0.2.1:80");
    char before[17];
    int ends[2];

    (void)state;
    tcp_pair(ends);
    ask_for(ends[0], "bbr");
    memcpy(before, control_of(ends[0]), sizeof(before));
    net_spare_pacing(ends[0], &far);
    assert_string_equal(control_of(ends[0]), before);
    close(ends[0]);
    close(ends[1]);
}

static void
a_unix_socket_has_no_congestion(void **state)
{
    const struct net_address local = address_of("unix:/nowhere");
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    errno = 0;
    net_spare_pacing(ends[0], &local);
    assert_int_equal(errno, 0); /* nothing was asked */
    close(ends[0]);
    close(ends[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_within_the_machine_is_not_paced),
        cmocka_unit_test(another_control_stays),
        cmocka_unit_test(a_connection_to_elsewhere_stays_as_it_is),
        cmocka_unit_test(a_unix_socket_has_no_congestion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
