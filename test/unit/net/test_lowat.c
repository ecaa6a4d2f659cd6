/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are expected: read in large pieces, and never waited for too long. */

#include "support.h"

/* An owner that expects as much at each read. */
struct owner {
    weir_loop *loop;
    struct net_conn *conn;
    int fd;
    size_t total, expect;
    unsigned reads, closes;
    int error;
};

static void
on_read(void *arg, const uint8_t *data, size_t len, size_t *out_keep)
{
    struct owner *owner = arg;

    (void)data;
    owner->reads++;
    owner->total += len;
    *out_keep = 0;
    if (owner->expect > 0)
        net_conn_expect(owner->conn, owner->expect);
}

static void
on_writable(void *arg)
{
    (void)arg;
}

static void
on_closed(void *arg, int errno_code)
{
    struct owner *owner = arg;

    owner->closes++;
    owner->error = errno_code;
    net_conn_close(owner->conn);
    owner->conn = NULL;
}

static const struct net_conn_events events = {on_read, on_writable, on_closed};

static int
set_up(struct owner *owner)
{
    int ends[2];

    *owner = (struct owner){.loop = new_loop()};
    tcp_pair(ends);
    owner->fd = ends[0];
    assert_int_equal(net_conn_adopt(owner->loop, ends[0], &owner->conn), WEIR_OK);
    net_conn_open(owner->conn, &events, owner);
    return ends[1];
}

static void
put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static char run[200 * 1024];

static int
lowat_of(const struct owner *owner)
{
    int value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(owner->fd, SOL_SOCKET, SO_RCVLOWAT, &value, &len), 0);
    return value;
}

/* A run that came fast is read in large pieces: less is told of later, and then every byte. */
static void
a_run_is_read_in_large_pieces(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    owner.expect = 100 * 1024;
    assert_int_equal(write(peer, run, 32 * 1024), 32 * 1024);
    turn_until(owner.loop, owner.total == 32 * 1024);
    settle(owner.loop);
    owner.reads = 0;
    owner.expect = 0;
    assert_int_equal(write(peer, run, 50 * 1024), 50 * 1024);
    assert_int_equal(write(peer, run, 50 * 1024), 50 * 1024);
    turn_until(owner.loop, owner.total == 132 * 1024);
    assert_true(owner.reads <= 2);
    assert_int_equal(lowat_of(&owner), 1);
    put(peer, "x");
    turn_until(owner.loop, owner.total == 132 * 1024 + 1);
    net_conn_close(owner.conn);
    close(peer);
    weir_loop_free(owner.loop);
}

static void
what_does_not_come_is_not_waited_for(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    owner.expect = 100 * 1024;
    assert_int_equal(write(peer, run, 32 * 1024), 32 * 1024);
    turn_until(owner.loop, owner.total == 32 * 1024);
    put(peer, "less");
    turn_until(owner.loop, owner.total == 32 * 1024 + 4);
    turn_until(owner.loop, lowat_of(&owner) == 1);
    close(peer);
    turn_until(owner.loop, owner.closes == 1);
    weir_loop_free(owner.loop);
}

/* What came before was little, so nobody waits for much. */
static void
a_slow_run_is_read_as_it_comes(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    owner.expect = 100 * 1024;
    for (size_t i = 1; i < 10; i++) {
        assert_int_equal(write(peer, run, 1000), 1000);
        turn_until(owner.loop, owner.total == i * 1000);
        assert_int_equal(lowat_of(&owner), 1);
    }
    close(peer);
    turn_until(owner.loop, owner.closes == 1);
    weir_loop_free(owner.loop);
}

/* A good part of what was expected, but late: it has piled up while nobody looked, and is no reason
 * to look away again. */
static void
what_comes_late_is_slow(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    size_t sent = 0;

    (void)state;
    owner.expect = 100 * 1024;
    do {
        assert_int_equal(write(peer, run, 32 * 1024), 32 * 1024);
        sent += 32 * 1024;
        turn_until(owner.loop, owner.total == sent);
    } while (lowat_of(&owner) == 1);
    assert_int_equal(write(peer, run, 20 * 1024), 20 * 1024);
    turn_until(owner.loop, owner.total == sent + 20 * 1024);
    assert_int_equal(lowat_of(&owner), 1);
    close(peer);
    turn_until(owner.loop, owner.closes == 1);
    weir_loop_free(owner.loop);
}

static void
the_end_is_told_whatever_is_expected(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    owner.expect = 100 * 1024;
    assert_int_equal(write(peer, run, 32 * 1024), 32 * 1024);
    turn_until(owner.loop, owner.total == 32 * 1024);
    close(peer);
    turn_until(owner.loop, owner.closes == 1);
    assert_int_equal(owner.error, 0);
    weir_loop_free(owner.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_read_in_large_pieces),
        cmocka_unit_test(what_does_not_come_is_not_waited_for),
        cmocka_unit_test(a_slow_run_is_read_as_it_comes),
        cmocka_unit_test(what_comes_late_is_slow),
        cmocka_unit_test(the_end_is_told_whatever_is_expected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
