/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/connect.c. */

#include "support.h"

struct attempt {
    struct net_conn *conn;
    unsigned calls;
    int error;
};

static void
on_connected(void *owner, struct net_conn *conn, int errno_code)
{
    struct attempt *attempt = owner;

    attempt->calls++;
    attempt->conn = conn;
    attempt->error = errno_code;
}

static struct net_connect *
start(weir_loop *loop, const struct net_address *address, int64_t timeout, struct attempt *attempt)
{
    struct net_connect *connect = NULL;

    assert_int_equal(net_connect(loop, address, timeout, on_connected, attempt, &connect), WEIR_OK);
    assert_int_equal(attempt->calls, 0);
    return connect;
}

static void
on_read(void *owner, const uint8_t *data, size_t len, size_t *out_keep)
{
    (void)out_keep;
    snprintf(owner, 16, "%.*s", (int)len, (const char *)data);
}

static void
on_writable(void *owner)
{
    (void)owner;
}

static void
on_closed(void *owner, int errno_code)
{
    (void)owner;
    (void)errno_code;
}

static const struct net_conn_events events = {on_read, on_writable, on_closed};

static void
connects_and_talks_to(const char *where)
{
    weir_loop *loop = new_loop();
    struct net_address bound;
    int listener = bind_to(where, &bound), peer;
    struct attempt attempt = {0};
    char got[16] = "";
    struct net_span span = {"ping", 4};

    start(loop, &bound, WEIR_NEVER, &attempt);
    turn_until(loop, attempt.calls > 0);
    assert_int_equal(attempt.error, 0);
    assert_non_null(attempt.conn);
    assert_memory_equal(&net_conn_peer(attempt.conn)->storage, &bound.storage, bound.len);
    set_blocking(listener);
    peer = accept(listener, NULL, NULL);
    assert_int_equal(write(peer, "hello", 5), 5);
    net_conn_open(attempt.conn, &events, got);
    turn_until(loop, strcmp(got, "hello") == 0);
    assert_int_equal(net_conn_write(attempt.conn, &span, 1), 4);
    assert_int_equal(read(peer, got, sizeof(got)), 4);
    net_conn_close(attempt.conn);
    weir_loop_turn(loop);
    assert_int_equal(read(peer, got, sizeof(got)), 0);
    close(peer);
    close(listener);
    assert_int_equal(attempt.calls, 1);
    weir_loop_free(loop);
}

static void
connects_over_ipv4(void **state)
{
    (void)state;
    connects_and_talks_to("127.0.0.1:0");
}

static void
connects_over_ipv6(void **state)
{
    (void)state;
    connects_and_talks_to("[::1]:0");
}

static void
temporary_path(char out_path[64])
{
    snprintf(out_path, 64, "unix:/tmp/weir-connect-%d.sock", (int)getpid());
}

static void
connects_over_unix(void **state)
{
    char where[64];

    (void)state;
    temporary_path(where);
    connects_and_talks_to(where);
    unlink(where + strlen("unix:"));
}

static void
a_refusal_is_told_later(void **state)
{
    weir_loop *loop = new_loop();
    struct net_address bound, nowhere = address_of("unix:/tmp/weir-no-such-socket");
    struct attempt tcp = {0}, local = {0};

    (void)state;
    close(bind_to("127.0.0.1:0", &bound));
    start(loop, &bound, WEIR_NEVER, &tcp);
    start(loop, &nowhere, WEIR_NEVER, &local);
    turn_until(loop, tcp.calls > 0 && local.calls > 0);
    assert_null(tcp.conn);
    assert_int_equal(tcp.error, ECONNREFUSED);
    assert_null(local.conn);
    assert_int_equal(local.error, ENOENT);
    weir_loop_free(loop);
}

/* A full queue of a Unix listener is tried again until there is room, or time is up. */
static void
a_full_unix_queue_is_tried_again(void **state)
{
    weir_loop *loop = new_loop();
    struct attempt patient = {0}, hasty = {0};
    struct net_address address;
    char where[64];
    int listener, filler, error;

    (void)state;
    temporary_path(where);
    listener = bind_to(where, &address);
    set_blocking(listener);
    assert_int_equal(listen(listener, 0), 0);
    filler = plain_connect(&address);
    start(loop, &address, 50 * WEIR_MILLISECOND, &hasty);
    start(loop, &address, WEIR_NEVER, &patient);
    turn_until(loop, hasty.calls > 0);
    assert_int_equal(hasty.error, ETIMEDOUT);
    assert_int_equal(patient.calls, 0);
    error = accept(listener, NULL, NULL);
    turn_until(loop, patient.calls > 0);
    assert_int_equal(patient.error, 0);
    net_conn_close(patient.conn);
    close(error);
    close(filler);
    close(listener);
    unlink(where + strlen("unix:"));
    weir_loop_free(loop);
}

static void
no_time_at_all_is_a_timeout(void **state)
{
    weir_loop *loop = new_loop();
    struct net_address bound;
    struct attempt attempt = {0};
    int listener = bind_to("127.0.0.1:0", &bound);

    (void)state;
    start(loop, &bound, -1, &attempt);
    turn_until(loop, attempt.calls > 0);
    assert_null(attempt.conn);
    assert_int_equal(attempt.error, ETIMEDOUT);
    close(listener);
    weir_loop_free(loop);
}

static void
a_cancelled_attempt_is_silent(void **state)
{
    weir_loop *loop = new_loop();
    struct net_address bound, nowhere = address_of("unix:/tmp/weir-no-such-socket");
    struct attempt waiting = {0}, answered = {0};
    int listener = bind_to("127.0.0.1:0", &bound);

    (void)state;
    net_connect_cancel(start(loop, &bound, WEIR_SECOND, &waiting));
    net_connect_cancel(start(loop, &nowhere, WEIR_SECOND, &answered));
    net_connect_cancel(NULL);
    settle(loop);
    assert_int_equal(waiting.calls, 0);
    assert_int_equal(answered.calls, 0);
    close(listener);
    weir_loop_free(loop);
}

static void
an_address_of_no_family_is_an_error(void **state)
{
    weir_loop *loop = new_loop();
    struct net_address nothing = {.len = sizeof(struct sockaddr_in)};
    struct attempt attempt = {0};

    (void)state;
    start(loop, &nothing, WEIR_NEVER, &attempt);
    turn_until(loop, attempt.calls > 0);
    assert_null(attempt.conn);
    assert_int_equal(attempt.error, EAFNOSUPPORT);
    weir_loop_free(loop);
}

/* An even port of the range that local ports are taken from, and that nobody listens on. */
static struct net_address
even_local_port(void)
{
    for (unsigned port = 40000; port < 60000; port += 2) {
        struct net_address address, bound;
        char text[32];
        int fd, error;

        snprintf(text, sizeof(text), "127.0.0.1:%u", port);
        address = address_of(text);
        if (net_bind(&address, false, &fd, &bound, &error) == WEIR_OK) {
            close(fd);
            return bound;
        }
    }
    fail_msg("every port is taken");
    return (struct net_address){0};
}

/* Linux hands out even local ports in turn, so that one of these attempts is given the very port
 * that it connects to, and would meet itself. */
static void
a_socket_does_not_meet_itself(void **state)
{
    struct net_address bound = even_local_port();
    weir_loop *loop = new_loop();

    (void)state;
    for (int i = 0; i < 16384; i++) {
        struct attempt attempt = {0};

        start(loop, &bound, WEIR_NEVER, &attempt);
        turn_until(loop, attempt.calls > 0);
        assert_int_equal(attempt.error, ECONNREFUSED);
    }
    weir_loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_over_ipv4),
        cmocka_unit_test(connects_over_ipv6),
        cmocka_unit_test(connects_over_unix),
        cmocka_unit_test(a_refusal_is_told_later),
        cmocka_unit_test(a_full_unix_queue_is_tried_again),
        cmocka_unit_test(no_time_at_all_is_a_timeout),
        cmocka_unit_test(a_cancelled_attempt_is_silent),
        cmocka_unit_test(an_address_of_no_family_is_an_error),
        cmocka_unit_test(a_socket_does_not_meet_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
