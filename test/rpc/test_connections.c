/* SPDX-License-Identifier: Apache-2.0 */
/* A server's connections, seen from a plain thread; test/userd/test_channelz.py looks from
 * handlers. */
#include "heap.h"
#include "raw.h"
#include "service.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <weir/connections.h>

#include <cmocka.h>

#define LOOPS 3
#define ROOM 16
#define CROWD 6
#define LARGE "8000000" /* more than the kernels take of it */

static struct running running;

static void
start(void)
{
    running_start(&running, "127.0.0.1:0", &(struct weir_server_options){.loops = LOOPS}, NULL);
}

static size_t
look(uint64_t from, size_t max, struct weir_connection *list)
{
    size_t count = SIZE_MAX;

    assert_int_equal(
        weir_server_connections(running.server, NULL, from, max, list, &count), WEIR_OK);
    assert_true(count <= max);
    return count;
}

static void
they_are_in_order(void **state)
{
    struct weir_connection list[ROOM];
    struct raw raws[8];

    (void)state;
    start();
    assert_int_equal(look(0, ROOM, list), 0);
    for (size_t i = 0; i < 8; i++)
        raw_connect(&raws[i], running.address);
    EVENTUALLY(look(0, ROOM, list) == 8);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(list[i].number, i + 1);
        assert_int_equal(list[i].peer.family, WEIR_ADDRESS_IPV4);
        assert_memory_equal(list[i].peer_text, "ipv4:127.0.0.1:", 15);
        assert_string_equal(list[i].local_text + strlen("ipv4:"), running.address);
        assert_null(list[i].tls_version);
        assert_null(list[i].tls_cipher);
        assert_true(list[i].since > 0 && list[i].since <= weir_now());
        assert_int_equal(list[i].streams_started, 0);
        assert_int_equal(list[i].last_stream, 0);
    }
    assert_int_equal(look(3, 2, list), 2);
    assert_int_equal(list[0].number, 3);
    assert_int_equal(list[1].number, 4);
    assert_int_equal(look(9, ROOM, list), 0);
    assert_int_equal(look(UINT64_MAX, 1, list), 0);
    raw_close(&raws[3]);
    EVENTUALLY(look(0, ROOM, list) == 7);
    for (size_t i = 1; i < 7; i++)
        assert_true(list[i - 1].number < list[i].number);
    for (size_t i = 0; i < 8; i++) {
        if (i != 3)
            raw_close(&raws[i]);
    }
    running_stop(&running, 0);
}

/* Loops that have ended answer no more, and nobody waits for them. */
static void
none_are_left_at_the_end(void **state)
{
    struct weir_connection list[ROOM];

    (void)state;
    start();
    weir_server_drain(running.server, 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(look(0, ROOM, list), 0);
    running_stop(&running, 0);
}

/* A connection that does not read yet what it has asked for, nor does its kernel take all of it. */
static void
ask_for_much(struct raw *raw)
{
    int size = 1 << 16;

    raw_connect(raw, running.address);
    assert_int_equal(setsockopt(raw->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    raw_greet(raw, true, RAW_INITIAL_WINDOW, 1 << 24);
    raw_number(raw, RAW_WINDOW_UPDATE, 0, 1 << 24);
    raw_request(raw, 1, "Unary", NULL);
    raw_text(raw, RAW_END_STREAM, 1, "size:" LARGE);
}

/* Much waited for all of them, and all of them are gone. */
static void
the_last_one_leaves_no_memory_behind(void **state)
{
    struct raw raws[CROWD];
    struct raw_answer answer;
    size_t before;

    (void)state;
    running_start(&running, "127.0.0.1:0", &(struct weir_server_options){.loops = 1}, NULL);
    before = heap_in_use();
    for (size_t i = 0; i < CROWD; i++)
        ask_for_much(&raws[i]);
    EVENTUALLY(running.seen.ended == CROWD);
    for (size_t i = 0; i < CROWD; i++) {
        raw_answer(&raws[i], 1, SIZE_MAX, &answer);
        assert_int_equal(answer.status, 0);
        raw_answer_free(&answer);
    }
    for (size_t i = 0; i < CROWD; i++)
        raw_close(&raws[i]);
    EVENTUALLY(running_is_empty(&running));
    EVENTUALLY(heap_in_use() < before + (1 << 17));
    running_stop(&running, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_in_order),
        cmocka_unit_test(none_are_left_at_the_end),
        cmocka_unit_test(the_last_one_leaves_no_memory_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
