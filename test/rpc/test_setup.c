/* SPDX-License-Identifier: Apache-2.0 */
/* What servers and channels are set up with: addresses, targets, networks, options. */
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* What is lent of them lives as long as the server, however many follow. */
static void
many_addresses(void **state)
{
    enum { MANY = 40 };
    const char *texts[MANY];
    weir_server *server;

    (void)state;
    assert_int_equal(weir_server_new(NULL, &server), WEIR_OK);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(weir_server_listen(server, "127.0.0.1:0"), WEIR_OK);
        texts[i] = weir_server_address(server, i);
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_ptr_equal(texts[i], weir_server_address(server, i));
        assert_memory_equal(texts[i], "127.0.0.1:", 10);
    }
    assert_null(weir_server_address(server, MANY));
    weir_server_free(server);
}

static void
bad_addresses_and_targets(void **state)
{
    weir_server *server;
    weir_channel *channel;
    struct running running;

    (void)state;
    assert_int_equal(weir_server_new(NULL, &server), WEIR_OK);
    assert_int_equal(weir_server_listen(server, "nonsense"), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_server_listen(server, "127.0.0.1:99999"), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_server_listen(server, "192.0.2.1:1234"), WEIR_UNAVAILABLE);
    assert_true(strlen(weir_server_error(server)) > 0);
    running_start(&running, "127.0.0.1:0", &(struct weir_server_options){.loops = 2}, NULL);
    assert_int_equal(weir_server_listen(server, running.address), WEIR_UNAVAILABLE);
    running_stop(&running, 0);
    assert_int_equal(weir_channel_new(NULL, "nonsense", NULL, &channel), WEIR_INVALID_ARGUMENT);
    weir_server_free(server);
}

static void
impossible_options(void **state)
{
    static const struct weir_channel_options wrong[] = {{.keepalive_time = -1},
        {.keepalive_timeout = -1}, {.connect_timeout = INT64_MIN}, {.initial_backoff = -1},
        {.max_backoff = -1}, {.idle_timeout = -1}, {.user_agent = "a\r\nb: c"},
        {.user_agent = "\xc3\xbc"}, {.authority = "a b"}, {.authority = "a\n"}};
    static const struct weir_server_options bad[] = {{.handshake_timeout = -1},
        {.stall_timeout = -1}, {.window_timeout = -1}, {.message_timeout = -1},
        {.max_connection_age = -1}, {.max_connection_age_grace = -1}, {.max_connection_idle = -1},
        {.keepalive_time = -1}, {.keepalive_timeout = -1}, {.min_ping_interval = -1},
        {.min_idle_ping_interval = -1}, {.http_timeout = -1}};
    weir_channel *channel;
    weir_server *server;
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(
            weir_channel_new(loop, "127.0.0.1:1", &wrong[i], &channel), WEIR_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(weir_server_new(&bad[i], &server), WEIR_INVALID_ARGUMENT);
    weir_loop_free(loop);
}

static void
a_server_trusts_networks(void **state)
{
    static const char *const wrong[] = {"", "192.0.2.1:80", "localhost", "192.0.2.0/33", "::/129"};
    weir_server *server;

    (void)state;
    assert_int_equal(weir_server_new(NULL, &server), WEIR_OK);
    assert_int_equal(weir_server_trust(server, "192.0.2.0/24"), WEIR_OK);
    assert_int_equal(weir_server_trust(server, "2001:db8::1"), WEIR_OK);
    assert_int_equal(weir_server_trust(server, "none"), WEIR_OK);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(weir_server_trust(server, wrong[i]), WEIR_INVALID_ARGUMENT);
        assert_non_null(strstr(weir_server_error(server), "not a network"));
    }
    weir_server_free(server);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_addresses),
        cmocka_unit_test(bad_addresses_and_targets),
        cmocka_unit_test(impossible_options),
        cmocka_unit_test(a_server_trusts_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
