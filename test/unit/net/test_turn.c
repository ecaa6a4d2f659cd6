/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/turn.c: many connections end together, and behind them somebody says something.
 * Some ends are told before that, since its turn comes when that of all others does; the rest of
 * them after it. */

#include "support.h"

enum { MANY = 200 };

struct ending {
    struct net_conn *conn; /* NULL: its end was told, or the owner has closed it */
    unsigned closes;
    int error;
    int peer;
};

struct crowd {
    weir_loop *loop;
    struct ending endings[MANY];
    struct net_conn *talker;
    unsigned told;  /* ends */
    unsigned reads; /* of the talker */
    int peer;       /* of the talker */
};

static struct crowd crowd;

static void
on_read(void *owner, const uint8_t *data, size_t len, size_t *out_keep)
{
    (void)owner;
    (void)data;
    (void)len;
    *out_keep = 0;
    crowd.reads++;
}

static void
on_writable(void *owner)
{
    (void)owner;
}

/* Takes its time, as an owner with much to put away does. */
static void
on_closed(void *owner, int errno_code)
{
    struct ending *ending = owner;
    int64_t until = weir_now() + 200 * WEIR_MICROSECOND;

    while (weir_now() < until)
        continue;
    crowd.told++;
    ending->closes++;
    ending->error = errno_code;
    net_conn_close(ending->conn);
    ending->conn = NULL;
}

static const struct net_conn_events events = {on_read, on_writable, on_closed};

static int
open_one(struct net_conn **conn, void *owner)
{
    int ends[2];

    tcp_pair(ends);
    assert_int_equal(net_conn_adopt(crowd.loop, ends[0], conn), WEIR_OK);
    net_conn_open(*conn, &events, owner);
    return ends[1];
}

/* Until the talker was heard. */
static void
end_all_and_talk(struct linger how)
{
    crowd = (struct crowd){.loop = new_loop()};
    for (size_t i = 0; i < MANY; i++) {
        struct ending *ending = &crowd.endings[i];

        ending->peer = open_one(&ending->conn, ending);
        assert_int_equal(setsockopt(ending->peer, SOL_SOCKET, SO_LINGER, &how, sizeof(how)), 0);
    }
    crowd.peer = open_one(&crowd.talker, NULL);
    settle(crowd.loop);
    for (size_t i = 0; i < MANY; i++)
        close(crowd.endings[i].peer);
    assert_int_equal(write(crowd.peer, "x", 1), 1);
    turn_until(crowd.loop, crowd.reads == 1);
    assert_in_range(crowd.told, 1, MANY / 2);
}

static void
finish(void)
{
    net_conn_close(crowd.talker);
    close(crowd.peer);
    weir_loop_free(crowd.loop);
}

static void
each_end_is_told(struct linger how, int error)
{
    end_all_and_talk(how);
    turn_until(crowd.loop, crowd.told == MANY);
    settle(crowd.loop);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(crowd.endings[i].closes, 1);
        assert_int_equal(crowd.endings[i].error, error);
    }
    finish();
}

static void
many_that_close_leave_room_for_others(void **state)
{
    (void)state;
    each_end_is_told((struct linger){.l_onoff = 0}, 0);
}

static void
many_that_reset_leave_room_for_others(void **state)
{
    (void)state;
    each_end_is_told((struct linger){.l_onoff = 1, .l_linger = 0}, ECONNRESET);
}

/* An owner that lets go, or writes, before the end is told. */
static void
an_end_that_is_put_off_can_be_forestalled(void **state)
{
    const struct net_span span = {"x", 1};
    unsigned closed = 0;

    (void)state;
    end_all_and_talk((struct linger){.l_onoff = 0});
    for (size_t i = 0; i < MANY; i++) {
        struct ending *ending = &crowd.endings[i];

        if (ending->conn == NULL)
            continue;
        if (i % 2 == 0) {
            net_conn_write(ending->conn, &span, 1);
            continue;
        }
        net_conn_close(ending->conn);
        ending->conn = NULL;
        closed++;
    }
    assert_true(closed > 0);
    turn_until(crowd.loop, crowd.told + closed == MANY);
    settle(crowd.loop);
    assert_int_equal(crowd.told + closed, MANY);
    finish();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_that_close_leave_room_for_others),
        cmocka_unit_test(many_that_reset_leave_room_for_others),
        cmocka_unit_test(an_end_that_is_put_off_can_be_forestalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
