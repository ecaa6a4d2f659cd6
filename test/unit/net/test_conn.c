/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/conn.c. */

#include "support.h"
#include <netinet/tcp.h>
#include <pthread.h>

/* An owner that writes down what happens, and does what a test asks for on the way. */
struct owner {
    weir_loop *loop;
    struct net_conn *conn;
    char text[256]; /* the last bytes delivered, cut off */
    size_t len, total;
    unsigned reads, writables, closes;
    int error;
    size_t keep;   /* of the next reads */
    bool keep_all; /* of the next reads */
    bool close_on_read, close_on_writable, pause_on_read, check_pattern;
};

static void
on_read(void *arg, const uint8_t *data, size_t len, size_t *out_keep)
{
    struct owner *owner = arg;

    owner->len = len;
    owner->reads++;
    memcpy(owner->text, data, len < sizeof(owner->text) ? len : sizeof(owner->text));
    for (size_t i = 0; owner->check_pattern && i < len; i++)
        assert_int_equal(data[i], (uint8_t)((owner->total + i) * 7));
    *out_keep = owner->keep_all ? len : owner->keep;
    owner->total += len - *out_keep;
    if (owner->pause_on_read)
        net_conn_pause(owner->conn);
    if (owner->close_on_read) {
        net_conn_close(owner->conn);
        owner->conn = NULL;
    }
}

static void
on_writable(void *arg)
{
    struct owner *owner = arg;

    owner->writables++;
    if (owner->close_on_writable) {
        net_conn_close(owner->conn);
        owner->conn = NULL;
    }
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

static void
adopt(struct owner *owner, weir_loop *loop, int fd)
{
    owner->loop = loop;
    assert_int_equal(net_conn_adopt(loop, fd, &owner->conn), WEIR_OK);
    net_conn_open(owner->conn, &events, owner);
}

/* A loop, a connection on it, and the peer's descriptor. */
static int
set_up(struct owner *owner)
{
    int ends[2];

    *owner = (struct owner){0};
    tcp_pair(ends);
    adopt(owner, new_loop(), ends[0]);
    return ends[1];
}

static void
tear_down(struct owner *owner, int peer)
{
    net_conn_close(owner->conn);
    close(peer);
    weir_loop_free(owner->loop);
}

static void
put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* ---- reading ---- */

static void
bytes_are_delivered(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    put(peer, "one");
    turn_until(owner.loop, owner.len == 3);
    assert_memory_equal(owner.text, "one", 3);
    put(peer, "two!");
    turn_until(owner.loop, owner.len == 4);
    assert_memory_equal(owner.text, "two!", 4);
    assert_int_equal(owner.reads, 2);
    tear_down(&owner, peer);
}

static void
the_rest_comes_again_in_front(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    owner.keep_all = true;
    put(peer, "ab");
    turn_until(owner.loop, owner.reads == 1);
    put(peer, "cde");
    turn_until(owner.loop, owner.reads == 2);
    assert_memory_equal(owner.text, "abcde", 5);
    owner.keep_all = false;
    owner.keep = 1;
    put(peer, "f");
    turn_until(owner.loop, owner.reads == 3);
    assert_memory_equal(owner.text, "abcdef", 6);
    owner.keep = 0;
    put(peer, "g");
    turn_until(owner.loop, owner.reads == 4);
    assert_int_equal(owner.len, 2);
    assert_memory_equal(owner.text, "fg", 2);
    tear_down(&owner, peer);
}

/* The rest survives what other connections of the loop read in between. */
static void
the_rest_is_each_connection_s_own(void **state)
{
    struct owner one, two = {0};
    int peer = set_up(&one), ends[2];

    (void)state;
    tcp_pair(ends);
    adopt(&two, one.loop, ends[0]);
    one.keep_all = two.keep_all = true;
    put(peer, "111");
    turn_until(one.loop, one.reads == 1);
    put(ends[1], "2222");
    turn_until(one.loop, two.reads == 1);
    put(peer, "1");
    turn_until(one.loop, one.reads == 2);
    assert_memory_equal(one.text, "1111", 4);
    put(ends[1], "2");
    turn_until(one.loop, two.reads == 2);
    assert_memory_equal(two.text, "22222", 5);
    net_conn_close(two.conn);
    close(ends[1]);
    tear_down(&one, peer);
}

#define MUCH (8 * 1024 * 1024)

static void *
write_pattern(void *arg)
{
    static uint8_t chunk[65536];
    size_t sent = 0;

    while (sent < MUCH) {
        ssize_t some;

        for (size_t i = 0; i < sizeof(chunk); i++)
            chunk[i] = (uint8_t)((sent + i) * 7);
        some = write(*(int *)arg, chunk, MUCH - sent < sizeof(chunk) ? MUCH - sent : sizeof(chunk));
        if (some <= 0)
            return NULL;
        sent += (size_t)some;
    }
    return NULL;
}

static void
much_is_read_in_order(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    pthread_t thread;

    (void)state;
    owner.check_pattern = true;
    owner.keep = 0;
    assert_int_equal(pthread_create(&thread, NULL, write_pattern, &peer), 0);
    turn_until(owner.loop, owner.total >= MUCH / 2);
    /* From here on with a rest of one byte each time; the last byte stays the reader's. */
    owner.keep = 1;
    turn_until(owner.loop, owner.total >= MUCH - 1);
    pthread_join(thread, NULL);
    tear_down(&owner, peer);
}

static void
a_reader_that_takes_nothing_is_cut_off(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    pthread_t thread;

    (void)state;
    owner.keep_all = true;
    assert_int_equal(pthread_create(&thread, NULL, write_pattern, &peer), 0);
    turn_until(owner.loop, owner.closes == 1);
    assert_int_equal(owner.error, ENOBUFS);
    assert_int_equal(owner.len, LOOP_SCRATCH_SIZE);
    shutdown(peer, SHUT_RDWR);
    pthread_join(thread, NULL);
    tear_down(&owner, peer);
}

/* A peer whose bytes fill the buffer each time, since every read makes it send as many again. */
struct flood {
    struct net_conn *conn;
    int peer;
    unsigned reads;
};

static void
refill(const struct flood *flood)
{
    static const char bytes[LOOP_SCRATCH_SIZE];

    assert_int_equal(write(flood->peer, bytes, sizeof(bytes)), sizeof(bytes));
}

static void
on_flood(void *arg, const uint8_t *data, size_t len, size_t *out_keep)
{
    struct flood *flood = arg;

    (void)data;
    (void)out_keep;
    assert_int_equal(len, LOOP_SCRATCH_SIZE);
    if (++flood->reads < 1000)
        refill(flood);
}

static void
a_flood_leaves_room_for_others(void **state)
{
    static const struct net_conn_events flooded = {on_flood, on_writable, on_closed};
    weir_loop *loop = new_loop();
    struct flood flood = {0};
    int ends[2], size = 4 * LOOP_SCRATCH_SIZE;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    flood.peer = ends[1];
    refill(&flood);
    assert_int_equal(net_conn_adopt(loop, ends[0], &flood.conn), WEIR_OK);
    net_conn_open(flood.conn, &flooded, &flood);
    weir_loop_turn(loop);
    assert_true(flood.reads > 0);
    assert_true(flood.reads < 1000);
    turn_until(loop, flood.reads == 1000);
    net_conn_close(flood.conn);
    close(flood.peer);
    weir_loop_free(loop);
}

static void
a_paused_connection_reads_nothing(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    net_conn_pause(owner.conn);
    put(peer, "later");
    settle(owner.loop);
    assert_int_equal(owner.reads, 0);
    net_conn_resume(owner.conn);
    turn_until(owner.loop, owner.reads == 1);
    assert_memory_equal(owner.text, "later", 5);
    tear_down(&owner, peer);
}

/* A reader that pauses in the middle of its bytes gets them again, though nothing follows. */
static void
a_reader_that_paused_gets_its_rest_again(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    owner.keep = 3;
    owner.pause_on_read = true;
    put(peer, "middle");
    turn_until(owner.loop, owner.reads == 1);
    settle(owner.loop);
    assert_int_equal(owner.reads, 1);
    owner.keep = 0;
    owner.pause_on_read = false;
    net_conn_resume(owner.conn);
    assert_int_equal(owner.reads, 1);
    turn_until(owner.loop, owner.reads == 2);
    assert_int_equal(owner.len, 3);
    assert_memory_equal(owner.text, "dle", 3);
    tear_down(&owner, peer);
}

/* ---- the end ---- */

static void
the_peer_s_end_comes_after_its_bytes(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    owner.keep_all = true;
    put(peer, "last words");
    close(peer);
    turn_until(owner.loop, owner.closes == 1);
    assert_int_equal(owner.error, 0);
    assert_memory_equal(owner.text, "last words", 10);
    weir_loop_free(owner.loop);
}

static void
reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(fd);
}

static void
a_reset_is_told_after_the_bytes_before_it(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);

    (void)state;
    put(peer, "bang");
    reset(peer);
    turn_until(owner.loop, owner.closes == 1);
    assert_int_equal(owner.error, ECONNRESET);
    assert_memory_equal(owner.text, "bang", 4);
    weir_loop_free(owner.loop);
}

static void
a_reset_is_told_while_only_writing(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    static char bytes[1 << 20];
    struct net_span span = {bytes, sizeof(bytes)};

    (void)state;
    net_conn_pause(owner.conn);
    while (net_conn_write(owner.conn, &span, 1) == sizeof(bytes))
        continue;
    reset(peer);
    turn_until(owner.loop, owner.closes == 1);
    assert_int_not_equal(owner.error, 0);
    weir_loop_free(owner.loop);
}

/* The first write after the peer is gone still works for TCP; what counts is that an end is told,
 * late. */
static void
a_broken_connection_takes_all(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    struct net_span span = {"into the void", 13};

    (void)state;
    net_conn_pause(owner.conn);
    reset(peer);
    usleep(10000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(net_conn_write(owner.conn, &span, 1), 13);
    assert_int_equal(owner.closes, 0);
    turn_until(owner.loop, owner.closes == 1);
    assert_int_not_equal(owner.error, 0);
    weir_loop_free(owner.loop);
}

/* What the peer said before it went is delivered although writing to it fails. */
static void
a_failed_write_does_not_lose_what_came_before(void **state)
{
    struct owner owner = {0};
    struct net_span span = {"x", 1};
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    adopt(&owner, new_loop(), ends[0]);
    put(ends[1], "goodbye");
    close(ends[1]);
    assert_int_equal(net_conn_write(owner.conn, &span, 1), 1);
    assert_int_equal(owner.reads, 0);
    turn_until(owner.loop, owner.closes == 1);
    assert_memory_equal(owner.text, "goodbye", 7);
    weir_loop_free(owner.loop);
}

/* ---- writing ---- */

static void
many_spans_are_written_in_order(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    struct net_span spans[200];
    char letters[200], got[200];

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        letters[i] = (char)('!' + i % 90);
        spans[i] = (struct net_span){&letters[i], i % 7 == 3 ? 0 : 1};
    }
    assert_int_equal(net_conn_write(owner.conn, spans, 200), 171);
    assert_int_equal(net_conn_write(owner.conn, spans, 0), 0);
    assert_int_equal(recv(peer, got, 171, MSG_WAITALL), 171);
    for (size_t i = 0, j = 0; i < 200; i++)
        if (i % 7 != 3)
            assert_int_equal(got[j++], letters[i]);
    assert_int_equal(owner.writables, 0);
    tear_down(&owner, peer);
}

static void *
read_pattern(void *arg)
{
    static uint8_t chunk[50000];
    size_t got = 0;
    ssize_t some;

    while (got < MUCH && (some = read(*(int *)arg, chunk, sizeof(chunk))) > 0) {
        for (size_t i = 0; i < (size_t)some; i++)
            if (chunk[i] != (uint8_t)((got + i) * 7))
                return NULL;
        got += (size_t)some;
    }
    return got == MUCH ? arg : NULL;
}

/* Written piece by piece, as the socket takes it and says that it takes more. */
static void
much_is_written_as_the_socket_takes_it(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    uint8_t *bytes = malloc(MUCH);
    size_t written = 0;
    unsigned rounds = 0;
    pthread_t thread;
    void *result = NULL;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < MUCH; i++)
        bytes[i] = (uint8_t)(i * 7);
    do {
        struct net_span spans[2] = {{bytes + written, (MUCH - written) / 2},
            {bytes + written + (MUCH - written) / 2, MUCH - written - (MUCH - written) / 2}};

        turn_until(owner.loop, owner.writables == rounds);
        written += net_conn_write(owner.conn, spans, 2);
        if (rounds++ == 0)
            assert_int_equal(pthread_create(&thread, NULL, read_pattern, &peer), 0);
    } while (written < MUCH);
    pthread_join(thread, &result);
    assert_non_null(result);
    settle(owner.loop);
    assert_int_equal(owner.writables, rounds - 1);
    free(bytes);
    tear_down(&owner, peer);
}

/* ---- closing ---- */

static void
closing_while_reading_is_safe(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    char byte;

    (void)state;
    owner.close_on_read = true;
    owner.keep = 2;
    put(peer, "close");
    turn_until(owner.loop, owner.conn == NULL);
    assert_int_equal(read(peer, &byte, 1), 0);
    close(peer);
    settle(owner.loop);
    assert_int_equal(owner.reads, 1);
    assert_int_equal(owner.closes, 0);
    weir_loop_free(owner.loop);
}

static void
closing_while_writing_is_safe(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    static char bytes[1 << 20];
    struct net_span span = {bytes, sizeof(bytes)};

    (void)state;
    owner.close_on_writable = true;
    while (net_conn_write(owner.conn, &span, 1) == sizeof(bytes))
        continue;
    while (owner.conn != NULL) {
        assert_true(read(peer, bytes, sizeof(bytes)) > 0);
        weir_loop_turn(owner.loop);
    }
    close(peer);
    weir_loop_free(owner.loop);
}

static void
closing_before_a_break_is_told_is_silent(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    struct net_span span = {"x", 1};

    (void)state;
    reset(peer);
    usleep(10000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(net_conn_write(owner.conn, &span, 1), 1);
    net_conn_close(owner.conn);
    net_conn_close(NULL);
    settle(owner.loop);
    assert_int_equal(owner.closes, 0);
    weir_loop_free(owner.loop);
}

/* The peer has sent what nobody reads, and goes on sending. False: the machine stood still for
 * longer than it may go on, so nothing is shown. */
static bool
last_words_come(void)
{
    struct owner owner;
    int peer = set_up(&owner);
    struct net_span span = {"last words", 10};
    char got[16];
    int64_t until;
    bool came, in_time;

    net_conn_pause(owner.conn);
    put(peer, "never read");
    assert_int_equal(net_conn_write(owner.conn, &span, 1), 10);
    until = weir_now() + WEIR_SECOND;
    net_conn_close(owner.conn);
    for (int i = 0; i < 10; i++) {
        (void)!send(peer, "and more", 8, MSG_NOSIGNAL);
        settle(owner.loop);
    }
    came = recv(peer, got, sizeof(got), MSG_WAITALL) == 10 && memcmp(got, "last words", 10) == 0;
    in_time = weir_now() < until;
    assert_true(came || !in_time);
    close(peer);
    settle(owner.loop);
    assert_true(weir_loop_timeout(owner.loop) == WEIR_NEVER);
    weir_loop_free(owner.loop);
    return in_time;
}

static void
unread_input_does_not_lose_the_last_words(void **state)
{
    (void)state;
    while (!last_words_come())
        continue;
}

/* A peer that never closes is waited for no longer than a second. */
static void
lingering_has_an_end(void **state)
{
    struct owner owner;
    int peer = set_up(&owner);
    char byte;

    (void)state;
    net_conn_close(owner.conn);
    assert_int_equal(read(peer, &byte, 1), 0);
    assert_true(weir_loop_timeout(owner.loop) <= WEIR_SECOND);
    turn_until(owner.loop, weir_loop_timeout(owner.loop) == WEIR_NEVER);
    close(peer);
    weir_loop_free(owner.loop);
}

/* Does a connection still take what its peer sends? */
static bool
is_open(int peer)
{
    struct pollfd pollfd = {.fd = peer};

    put(peer, "x");
    return poll(&pollfd, 1, 10) == 0;
}

/* Of very many that linger the oldest are let go. */
static void
lingering_takes_so_many_descriptors(void **state)
{
    enum { MANY = 256 + 1 };
    int peers[MANY], ends[2];
    weir_loop *loop = new_loop();
    struct owner owner = {0};

    (void)state;
    for (int i = 0; i < MANY; i++) {
        tcp_pair(ends);
        peers[i] = ends[1];
        adopt(&owner, loop, ends[0]);
        net_conn_close(owner.conn);
    }
    assert_false(is_open(peers[0]));
    assert_true(is_open(peers[1]));
    assert_true(is_open(peers[MANY - 1]));
    for (int i = 0; i < MANY; i++)
        close(peers[i]);
    settle(loop);
    assert_true(weir_loop_timeout(loop) == WEIR_NEVER);
    weir_loop_free(loop);
}

static void
a_loop_can_be_freed_while_connections_linger(void **state)
{
    struct owner owner;
    int peer = set_up(&owner), ends[2];
    struct owner other = {0};

    (void)state;
    tcp_pair(ends);
    adopt(&other, owner.loop, ends[0]);
    weir_loop_turn(owner.loop);
    net_conn_close(owner.conn);
    net_conn_close(other.conn);
    weir_loop_free(owner.loop);
    close(peer);
    close(ends[1]);
}

/* ---- handing over ---- */

static void
a_connection_moves_to_another_loop(void **state)
{
    weir_loop *first = new_loop();
    struct owner owner = {0};
    struct net_conn *conn = NULL;
    int ends[2], fd;

    (void)state;
    tcp_pair(ends);
    put(ends[1], "moved");
    assert_int_equal(net_conn_adopt(first, ends[0], &conn), WEIR_OK);
    fd = net_conn_release_fd(conn);
    assert_int_equal(fd, ends[0]);
    adopt(&owner, new_loop(), fd);
    settle(first);
    weir_loop_free(first);
    turn_until(owner.loop, owner.reads == 1);
    assert_memory_equal(owner.text, "moved", 5);
    tear_down(&owner, ends[1]);
}

static void
a_connection_that_was_not_opened_can_be_closed(void **state)
{
    weir_loop *loop = new_loop();
    struct net_conn *conn = NULL;
    int ends[2];
    char byte;

    (void)state;
    tcp_pair(ends);
    assert_int_equal(net_conn_adopt(loop, ends[0], &conn), WEIR_OK);
    net_conn_close(conn);
    assert_int_equal(read(ends[1], &byte, 1), 0);
    close(ends[1]);
    weir_loop_free(loop);
}

/* What cannot be polled is refused, and closed. */
static void
a_descriptor_that_is_no_socket_is_refused(void **state)
{
    weir_loop *loop = new_loop();
    struct net_conn *conn = NULL;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(net_conn_adopt(loop, fd, &conn), WEIR_RESOURCE_EXHAUSTED);
    assert_null(conn);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    weir_loop_free(loop);
}

static void
small_writes_are_not_delayed(void **state)
{
    struct owner owner = {0};
    int ends[2], on = 0;
    socklen_t len = sizeof(on);

    (void)state;
    tcp_pair(ends);
    adopt(&owner, new_loop(), ends[0]);
    assert_int_equal(getsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_not_equal(on, 0);
    tear_down(&owner, ends[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_delivered),
        cmocka_unit_test(the_rest_comes_again_in_front),
        cmocka_unit_test(the_rest_is_each_connection_s_own),
        cmocka_unit_test(much_is_read_in_order),
        cmocka_unit_test(a_reader_that_takes_nothing_is_cut_off),
        cmocka_unit_test(a_flood_leaves_room_for_others),
        cmocka_unit_test(a_paused_connection_reads_nothing),
        cmocka_unit_test(a_reader_that_paused_gets_its_rest_again),
        cmocka_unit_test(the_peer_s_end_comes_after_its_bytes),
        cmocka_unit_test(a_reset_is_told_after_the_bytes_before_it),
        cmocka_unit_test(a_reset_is_told_while_only_writing),
        cmocka_unit_test(a_broken_connection_takes_all),
        cmocka_unit_test(a_failed_write_does_not_lose_what_came_before),
        cmocka_unit_test(many_spans_are_written_in_order),
        cmocka_unit_test(much_is_written_as_the_socket_takes_it),
        cmocka_unit_test(closing_while_reading_is_safe),
        cmocka_unit_test(closing_while_writing_is_safe),
        cmocka_unit_test(closing_before_a_break_is_told_is_silent),
        cmocka_unit_test(unread_input_does_not_lose_the_last_words),
        cmocka_unit_test(lingering_has_an_end),
        cmocka_unit_test(lingering_takes_so_many_descriptors),
        cmocka_unit_test(a_loop_can_be_freed_while_connections_linger),
        cmocka_unit_test(a_connection_moves_to_another_loop),
        cmocka_unit_test(a_connection_that_was_not_opened_can_be_closed),
        cmocka_unit_test(a_descriptor_that_is_no_socket_is_refused),
        cmocka_unit_test(small_writes_are_not_delayed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
