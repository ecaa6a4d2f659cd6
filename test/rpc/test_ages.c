/* SPDX-License-Identifier: Apache-2.0 */
/* When connections reach their greatest age; test/userd/test_ages.py and test_keepalive.py see them
 * leave. */
#include "server/server.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define AGE (100 * WEIR_SECOND)
#define TIMES 1000

struct many {
    struct weir_server server;
    struct server_loop home;
    struct server_conn conn;
};

static void
set_up(struct many *many, int64_t age)
{
    *many = (struct many){.server = {.options = {.max_connection_age = age}}};
    many->home.server = &many->server;
    many->conn.home = &many->home;
    assert_int_equal(weir_loop_new(&many->home.loop), WEIR_OK);
}

/* A tenth sooner or later at most, and all over that time. */
static void
they_do_not_leave_together(void **state)
{
    unsigned tenths[10] = {0};
    struct many many;

    (void)state;
    set_up(&many, AGE);
    for (int i = 0; i < TIMES; i++) {
        int64_t before = weir_now(), after;

        server_conn_born(&many.conn);
        after = weir_now();
        assert_true(many.conn.leaves_at >= before + AGE - AGE / 10);
        assert_true(many.conn.leaves_at <= after + AGE + AGE / 10);
        tenths[(many.conn.leaves_at - after - (AGE - AGE / 10) + WEIR_SECOND) * 10 /
               (AGE / 5 + 2 * WEIR_SECOND)]++;
    }
    for (size_t i = 0; i < 10; i++)
        assert_true(tenths[i] > TIMES / 50);
    weir_loop_free(many.home.loop);
}

static void
some_ages_are_for_ever(void **state)
{
    static const int64_t ages[] = {0, WEIR_NEVER, WEIR_NEVER - 1};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct many many;

        set_up(&many, ages[i]);
        server_conn_born(&many.conn);
        assert_int_equal(many.conn.leaves_at, WEIR_NEVER);
        assert_int_equal(many.conn.ends_at, WEIR_NEVER);
        weir_loop_free(many.home.loop);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_do_not_leave_together),
        cmocka_unit_test(some_ages_are_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
