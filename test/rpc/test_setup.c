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

#define OUTLIERS(...)                                \
    .outliers = &(const struct weir_outlier_options) \
    {                                                \
        __VA_ARGS__                                  \
    }

static void
assert_channel_refused(
    weir_loop *loop, const char *target, struct weir_channel_options options, const char *why)
{
    struct weir_error error = {"none"};
    weir_channel *channel = NULL;

    assert_int_equal(weir_channel_new(loop, target, &options, &channel), WEIR_INVALID_ARGUMENT);
    options.out_error = &error;
    assert_int_equal(weir_channel_new(loop, target, &options, &channel), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.text, why));
    assert_null(channel);
}

static void
assert_server_refused(struct weir_server_options options, const char *why)
{
    struct weir_error error = {"none"};
    weir_server *server = NULL;

    assert_int_equal(weir_server_new(&options, &server), WEIR_INVALID_ARGUMENT);
    options.out_error = &error;
    assert_int_equal(weir_server_new(&options, &server), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.text, why));
    assert_null(server);
}

/* The reason names the option, or the target. */
static void
impossible_options(void **state)
{
    const struct {
        struct weir_channel_options options;
        const char *why;
    } wrong[] = {{{.keepalive_time = -1}, "keepalive_time is"},
        {{.keepalive_timeout = -1}, "keepalive_timeout"},
        {{.connect_timeout = INT64_MIN}, "connect_timeout is below zero"},
        {{.initial_backoff = -1}, "initial_backoff"}, {{.max_backoff = -1}, "max_backoff"},
        {{.idle_timeout = -1}, "idle_timeout"}, {{.user_agent = "a\r\nb: c"}, "user_agent"},
        {{.user_agent = "\xc3\xbc"}, "user_agent"}, {{.authority = "a b"}, "authority"},
        {{.authority = "a\n"}, "authority"},
        {{.compression = (weir_compression)2}, "compression is 2"},
        {{.balancer = "worst"}, "balancer \"worst\""}, {{OUTLIERS(.interval = -1)}, "interval"},
        {{OUTLIERS(.ejection_time = -1)}, "ejection_time"},
        {{OUTLIERS(.max_ejection_time = -1)}, "max_ejection_time"},
        {{OUTLIERS(.max_ejection_percent = 101)}, "max_ejection_percent is over 100"},
        {{OUTLIERS(.success_enforcing_percent = 101)}, "success_enforcing_percent"},
        {{OUTLIERS(.failure_threshold = 101)}, "failure_threshold"},
        {{OUTLIERS(.failure_enforcing_percent = 101)}, "failure_enforcing_percent"}};
    static const struct {
        struct weir_server_options options;
        const char *why;
    } bad[] = {{{.handshake_timeout = -1}, "handshake_timeout is below zero"},
        {{.stall_timeout = -1}, "stall_timeout"}, {{.window_timeout = -1}, "window_timeout"},
        {{.message_timeout = -1}, "message_timeout"},
        {{.max_connection_age = -1}, "max_connection_age is"},
        {{.max_connection_age_grace = -1}, "max_connection_age_grace"},
        {{.max_connection_idle = -1}, "max_connection_idle"},
        {{.keepalive_time = -1}, "keepalive_time is"},
        {{.keepalive_timeout = -1}, "keepalive_timeout"},
        {{.min_ping_interval = -1}, "min_ping_interval"},
        {{.min_idle_ping_interval = -1}, "min_idle_ping_interval"},
        {{.http_timeout = -1}, "http_timeout"},
        {{.compression = (weir_compression)2}, "compression is 2"}};
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_channel_refused(loop, "127.0.0.1:1", wrong[i].options, wrong[i].why);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_server_refused(bad[i].options, bad[i].why);
    assert_channel_refused(loop, "nonsense", (struct weir_channel_options){.direct = true},
        "target \"nonsense\": not HOST:PORT");
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
